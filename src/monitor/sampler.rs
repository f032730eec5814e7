//! Takes a sample a second on a thread of its own, for as long as a run lasts, and reads power three
//! times as often.

use std::convert::Infallible;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use sysinfo::{CpuRefreshKind, MINIMUM_CPU_UPDATE_INTERVAL, MemoryRefreshKind, System};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::processes::ServerProcesses;
use super::sample::{MachineSample, PowerReading};
use super::sensors::Sensors;
use crate::units::Bytes;

/// Below this a sample would mostly measure the sampler.
const SHORTEST_PERIOD: Duration = Duration::from_millis(10);

/// Power is read so many times a period. Twice a second would give a window of 10 s just the 20
/// readings that it needs, and none could be late; a reading costs a few hundredths of a millisecond.
const POWER_READINGS: u32 = 3;

/// A running sampler. Dropping it stops the thread, at once unless a sensor is being read.
pub struct SamplerHandle {
    /// Private, as the two must stay together: an `async move` block that named only this field
    /// would capture it alone, and leave the other behind to be dropped.
    samples: UnboundedReceiver<MachineSample>,
    /// Never sent on: its end is what stops the thread.
    _stop: mpsc::Sender<Infallible>,
}

impl SamplerHandle {
    /// The next sample, in order of time; `None` once the thread has ended.
    pub async fn next(&mut self) -> Option<MachineSample> {
        self.samples.recv().await
    }
}

/// Starts sampling: the first sample at once, the next ones every `period`, without drift.
/// `started` is the run's clock, from which `at_s` counts.
///
/// `servers` holds the running servers as (instance, pid) and may change at any time. A sensor
/// slower than `period` costs the samples that fall due meanwhile; they do not pile up.
///
/// `power` grows by the readings of power, in order of time; whoever owns the run empties it.
pub fn spawn(
    started: Instant,
    period: Duration,
    servers: watch::Receiver<Vec<(u32, u32)>>,
    power: watch::Sender<Vec<PowerReading>>,
) -> SamplerHandle {
    let (sender, samples) = unbounded_channel();
    let (stop, stopped) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("monitor".to_owned())
        .spawn(move || sample_until_stopped(started, period, &servers, &power, &sender, &stopped));
    if let Err(error) = thread {
        tracing::warn!("no machine figures: their thread did not start: {error}");
    }
    SamplerHandle {
        samples,
        _stop: stop,
    }
}

fn sample_until_stopped(
    started: Instant,
    period: Duration,
    servers: &watch::Receiver<Vec<(u32, u32)>>,
    power: &watch::Sender<Vec<PowerReading>>,
    samples: &UnboundedSender<MachineSample>,
    stopped: &mpsc::Receiver<Infallible>,
) {
    let tick = period.max(SHORTEST_PERIOD) / POWER_READINGS;
    let mut machine = Machine::new();
    let first = Instant::now();
    let mut sampled = None;
    loop {
        let mut read = Vec::new();
        machine.sensors.read_power(started, &mut read);
        power.send_modify(|readings| readings.append(&mut read));
        let ticks = first.elapsed().as_nanos() / tick.as_nanos();
        let now = ticks / u128::from(POWER_READINGS);
        if sampled != Some(now) {
            sampled = Some(now);
            let running = servers.borrow().clone();
            if samples.send(machine.read(started, &running)).is_err() {
                return;
            }
        }
        let wait = until_next(first.elapsed(), tick);
        if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// From `elapsed` to the next whole multiple of `period`, which is not zero.
fn until_next(elapsed: Duration, period: Duration) -> Duration {
    let left_ns = period.as_nanos() - elapsed.as_nanos() % period.as_nanos();
    Duration::from_nanos(left_ns as u64)
}

/// All sensors, with what they remember of the sample before.
struct Machine {
    /// `None` where the system cannot be read at all.
    system: Option<System>,
    /// The CPU's share is a difference too: it means nothing until some time has passed.
    cpu_since: Instant,
    servers: ServerProcesses,
    sensors: Sensors,
}

impl Machine {
    fn new() -> Self {
        let mut system = System::new()
            .inspect_err(|error| tracing::warn!("no machine figures: {error}"))
            .ok();
        if let Some(system) = &mut system {
            system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
        }
        Self {
            system,
            cpu_since: Instant::now(),
            servers: ServerProcesses::default(),
            sensors: Sensors::new(),
        }
    }

    fn read(&mut self, started: Instant, servers: &[(u32, u32)]) -> MachineSample {
        let mut sample = MachineSample {
            at_s: started.elapsed().as_secs_f64(),
            ..MachineSample::default()
        };
        if let Some(system) = &mut self.system {
            system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
            if self.cpu_since.elapsed() >= MINIMUM_CPU_UPDATE_INTERVAL {
                sample.cpu = Some(f64::from(system.global_cpu_usage()) / 100.0)
                    .filter(|share| share.is_finite());
            }
            system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram().with_swap());
            // A machine without memory does not exist: zero says that it could not be read.
            if system.total_memory() > 0 {
                sample.memory_total = Some(Bytes(system.total_memory()));
                sample.memory_used = Some(Bytes(system.used_memory()));
                sample.swap_used = Some(Bytes(system.used_swap()));
            }
            sample.servers = self.servers.read(system, servers);
        }
        self.sensors.read(&mut sample);
        sample
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::monitor::sample::ServerSample;

    const PERIOD: Duration = Duration::from_millis(250);

    /// A shell whose child keeps one core busy. Killed when dropped.
    struct Busy(Child);

    impl Busy {
        fn start() -> Self {
            use std::os::unix::process::CommandExt;
            let child = Command::new("sh")
                .args(["-c", "sh -c 'while :; do :; done'; exit"])
                .stdin(Stdio::null())
                .process_group(0)
                .spawn()
                .unwrap();
            Self(child)
        }
    }

    impl Drop for Busy {
        fn drop(&mut self) {
            let group = rustix::process::Pid::from_child(&self.0);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            let _ = self.0.wait();
        }
    }

    fn of(samples: &[MachineSample]) -> Vec<&ServerSample> {
        samples.iter().flat_map(|sample| &sample.servers).collect()
    }

    async fn take(handle: &mut SamplerHandle, count: usize) -> Vec<MachineSample> {
        let mut taken = Vec::new();
        while taken.len() < count {
            taken.push(handle.next().await.unwrap());
        }
        taken
    }

    /// Waits for a sample whose servers are as asked.
    async fn until(handle: &mut SamplerHandle, mut as_asked: impl FnMut(&[ServerSample]) -> bool) {
        let wait = async { while !as_asked(&take(handle, 1).await[0].servers) {} };
        tokio::time::timeout(Duration::from_mins(1), wait)
            .await
            .expect("a sample with these servers");
    }

    #[tokio::test]
    async fn a_server_is_measured_with_its_children() {
        let busy = Busy::start();
        let (_servers, running) = watch::channel(vec![(7, busy.0.id())]);
        let mut handle = spawn(Instant::now(), PERIOD, running, watch::Sender::default());
        let samples = take(&mut handle, 8).await;
        let servers = of(&samples);
        assert_eq!(servers.len(), 8);
        assert!(servers.iter().all(|server| server.instance == 7));
        assert_eq!(servers[0].cpu_cores, None, "no difference yet");
        // The shell itself waits: only its child computes.
        let busiest = servers
            .iter()
            .filter_map(|server| server.cpu_cores)
            .fold(0.0, f64::max);
        assert!(busiest > 0.1, "{busiest} cores, of a process that spins");
        assert!(busiest < 1.2, "{busiest} cores, of one thread");
        #[cfg(target_os = "linux")]
        assert!(
            servers
                .iter()
                .any(|server| server.memory > Some(Bytes(500_000)))
        );
        assert!(samples[0].memory_used < samples[0].memory_total);
        let cpu = samples[7].cpu.unwrap();
        assert!((0.0..=1.0).contains(&cpu), "{cpu}");
    }

    #[tokio::test]
    async fn servers_come_and_go() {
        let busy = Busy::start();
        let pid = busy.0.id();
        let (servers, running) = watch::channel(Vec::new());
        let mut handle = spawn(Instant::now(), PERIOD, running, watch::Sender::default());
        assert_eq!(take(&mut handle, 1).await[0].servers, []);

        servers.send(vec![(0, pid)]).unwrap();
        until(&mut handle, |servers| {
            servers.len() == 1 && servers[0].cpu_cores.is_some()
        })
        .await;

        // A process that has died keeps its line, without figures.
        drop(busy);
        let without_figures = ServerSample {
            instance: 0,
            pid,
            cpu_cores: None,
            memory: None,
        };
        until(&mut handle, |servers| servers == [without_figures.clone()]).await;

        servers.send(Vec::new()).unwrap();
        until(&mut handle, <[ServerSample]>::is_empty).await;
    }

    #[tokio::test]
    async fn there_is_one_sample_a_period() {
        let (_servers, running) = watch::channel(Vec::new());
        let mut handle = spawn(Instant::now(), PERIOD, running, watch::Sender::default());
        let samples = take(&mut handle, 5).await;
        for pair in samples.windows(2) {
            assert!(pair[0].at_s < pair[1].at_s);
        }
        let lasted_s = samples[4].at_s - samples[0].at_s;
        assert!(lasted_s > 3.5 * PERIOD.as_secs_f64(), "{lasted_s} s");
    }

    #[tokio::test]
    async fn power_is_read_three_times_a_period() {
        let (_servers, running) = watch::channel(Vec::new());
        let power = watch::Sender::default();
        let mut handle = spawn(Instant::now(), PERIOD, running, power.clone());
        let samples = take(&mut handle, 5).await;
        let readings = power.borrow().clone();
        assert!(readings.is_sorted_by(|a, b| a.at_s < b.at_s));
        let lasted_s = samples[4].at_s - samples[0].at_s;
        let due = lasted_s / PERIOD.as_secs_f64() * f64::from(POWER_READINGS);
        // A Mac's own thread may still be starting; a machine without a meter says so each time.
        if cfg!(target_os = "linux") {
            let read = readings.len() as f64;
            assert!(
                read > due * 0.7 && read < due * 1.1 + 2.0,
                "{read} of {due}"
            );
        }
    }

    #[tokio::test]
    async fn dropping_the_handle_ends_the_thread_within_the_period() {
        let (_servers, running) = watch::channel(Vec::new());
        let mut handle = spawn(
            Instant::now(),
            Duration::from_hours(1),
            running,
            watch::Sender::default(),
        );
        take(&mut handle, 1).await;
        let SamplerHandle {
            mut samples,
            _stop: stop,
        } = handle;
        drop(stop);
        let end = tokio::time::timeout(Duration::from_mins(1), samples.recv()).await;
        assert_eq!(end, Ok(None), "the thread still holds the channel");
    }

    #[test]
    fn a_slow_sensor_skips_what_fell_due_meanwhile() {
        let period = Duration::from_secs(1);
        for (elapsed_ms, wait_ms) in [(0, 1000), (3, 997), (999, 1), (1000, 1000), (4_300, 700)] {
            assert_eq!(
                until_next(Duration::from_millis(elapsed_ms), period),
                Duration::from_millis(wait_ms),
                "{elapsed_ms}"
            );
        }
    }

    #[test]
    fn a_sample_costs_little_beside_its_second() {
        let mut machine = Machine::new();
        let servers = [(0, std::process::id())];
        machine.read(Instant::now(), &servers);
        machine.servers.settle();
        let mut costs: Vec<Duration> = (0..51)
            .map(|_| {
                let begin = Instant::now();
                machine.read(begin, &servers);
                begin.elapsed()
            })
            .collect();
        costs.sort();
        eprintln!("a sample: fastest {:?}, median {:?}", costs[0], costs[25]);
        // The fastest, since other tests run beside this one and interrupt the rest.
        assert!(costs[0] < Duration::from_millis(2), "{costs:?}");
    }
}
