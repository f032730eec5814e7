//! Work on the rows of a long file, shared out to threads.

use std::ops::Range;
use std::panic::resume_unwind;

/// Shorter files are read by one thread: others would cost more than they save.
const LONG_FILE_BYTES: usize = 1 << 20;
/// As many rows as a file of that length may have.
const MANY_ROWS: usize = 20_000;
/// More threads only wait for the memory.
const MOST_THREADS: usize = 6;

fn most_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.min(MOST_THREADS)
}

/// How many threads are worth it for a file of so many bytes.
pub(super) fn threads_for(bytes: usize) -> usize {
    if bytes < LONG_FILE_BYTES {
        1
    } else {
        most_threads()
    }
}

/// Shares `0..rows` out in ranges, and gives what came of each, in their order.
pub fn in_ranges<T: Send>(rows: usize, work: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    let threads = most_threads();
    if rows < MANY_ROWS || threads < 2 {
        return vec![work(0..rows)];
    }
    let size = rows.div_ceil(threads);
    let work = &work;
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| {
                let range = (part * size).min(rows)..((part + 1) * size).min(rows);
                scope.spawn(move || work(range))
            })
            .collect();
        parts
            .into_iter()
            .map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}
