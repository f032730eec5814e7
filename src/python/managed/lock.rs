//! One maker of an environment at a time, across processes.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::SetupError;

/// A wait that is shorter is not told. A lock that was given back can still be held for a moment by
/// a program that is just being started, between its fork and its exec.
const UNSAID: Duration = Duration::from_millis(20);

/// Waits for the lock and returns its file: closing it, or dying, gives the lock back. The file
/// itself stays, as removing it would let two makers lock two files of one name.
pub(super) async fn take(
    path: PathBuf,
    on_wait: impl FnOnce(),
    cancel: &CancellationToken,
) -> Result<File, SetupError> {
    let failed = |error| SetupError::io("lock", &path, error);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    // A thread of its own, since a lock cannot be waited for otherwise: cancelled, it is left alone
    // and gives the lock back as soon as it gets it, as nobody receives the file.
    let (send, mut receive) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = send.send(file.lock().map(|()| file));
    });
    let locked = async {
        if let Ok(locked) = tokio::time::timeout(UNSAID, &mut receive).await {
            return locked;
        }
        on_wait();
        receive.await
    };
    tokio::select! {
        () = cancel.cancelled() => Err(SetupError::Cancelled),
        locked = locked => locked.map_err(std::io::Error::other).and_then(|file| file).map_err(failed),
    }
}
