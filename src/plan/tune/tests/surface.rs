//! Response surfaces, recorded or simulated by a small model of a server; data in
//! `tests/fixtures/surfaces`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::plan::grid::decoded_together;
use crate::plan::{Cell, FlagValue, LoadPoint, ServerPoint};
use crate::scatter::scatter;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    #[serde(skip)]
    pub name: String,
    #[expect(dead_code, reason = "for who reads the file")]
    about: String,
    /// Standard deviation of one measurement, and of one server start, as shares.
    noise: f64,
    start_noise: f64,
    /// Share of the cells that fail for no reason to be seen.
    #[serde(default)]
    invalid: f64,
    #[serde(default)]
    pub ttft_limit_ms: Option<f64>,
    #[serde(default)]
    simulated: Option<Simulated>,
    #[serde(default)]
    recorded: Vec<Recorded>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Simulated {
    instances: Vec<u32>,
    decode: Vec<u32>,
    prompt: Vec<u32>,
    concurrency: Vec<u32>,
    /// Of each flag, its values with what they multiply tokens per second by.
    #[serde(default)]
    flags: BTreeMap<String, BTreeMap<String, f64>>,
    /// Tokens per second of one request alone.
    single_tps: f64,
    /// The batch at which each request is half as fast.
    half_batch: f64,
    /// The batch beyond which the whole gets slower.
    #[serde(default = "far")]
    peak_batch: f64,
    /// n servers on the machine give n to this power.
    instances_gain: f64,
    /// The prompt concurrency that is best, and what an octave from it costs.
    prompt_best: f64,
    prompt_cost: f64,
    /// What an octave of requests beyond the room of the batches costs.
    #[serde(default)]
    overload_cost: f64,
    /// In any unit: what a server takes, what each place of its batch takes, and all there is.
    #[serde(default)]
    memory: Option<Memory>,
    prefill_s: f64,
    answer_tokens: f64,
    /// Another law altogether: hills in the octaves of all four axes.
    #[serde(default)]
    hills: Vec<Hill>,
}

/// Tokens per second fall off from its top by its slopes, in the squared octaves along each of a few
/// directions through the axes (instances, decode, prompt, concurrency).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hill {
    tps: f64,
    top: [f64; 4],
    slopes: Vec<(f64, [f64; 4])>,
}

impl Hill {
    fn at(&self, octaves: [f64; 4]) -> f64 {
        let slopes = self.slopes.iter().map(|(slope, direction)| {
            let along = (0..4).map(|i| (octaves[i] - self.top[i]) * direction[i]);
            slope * along.sum::<f64>().powi(2)
        });
        self.tps / (1.0 + slopes.sum::<f64>())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    server: f64,
    place: f64,
    all: f64,
    /// What is left of the speed beyond it; 0 where the server dies.
    beyond: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    instances: u32,
    decode: u32,
    prompt: u32,
    concurrency: u32,
    tps: f64,
    #[serde(default)]
    ttft_s: Option<f64>,
}

fn far() -> f64 {
    1e9
}

/// What a combination really gives; `None` where it cannot be measured.
pub type Truth = Option<(f64, Option<f64>)>;

impl Surface {
    pub fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/surfaces");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
            .collect();
        files.sort();
        let read = |path: &std::path::PathBuf| {
            let text = std::fs::read_to_string(path).unwrap();
            let mut surface: Self =
                serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            surface.name = path.file_stem().unwrap().to_string_lossy().into_owned();
            surface
        };
        files.iter().map(read).collect()
    }

    pub fn is_recorded(&self) -> bool {
        self.simulated.is_none()
    }

    /// All cells with their truth.
    pub fn cells(&self) -> Vec<(Cell, Truth)> {
        let cell = |index: usize, (point, load)| Cell {
            index: index as u32,
            point,
            load,
            repeat: 1,
        };
        if let Some(simulated) = &self.simulated {
            let all = simulated.combinations().into_iter().enumerate();
            return all
                .map(|(index, (point, load, factor))| {
                    let fails = Dice::new(index as u64).share() < self.invalid;
                    let truth = simulated.truth(&point, &load, factor).filter(|_| !fails);
                    (cell(index, (point, load)), truth)
                })
                .collect();
        }
        let recorded = self.recorded.iter().enumerate();
        recorded
            .map(|(index, r)| {
                let point = ServerPoint {
                    instances: r.instances,
                    decode_concurrency: Some(r.decode),
                    prompt_concurrency: Some(r.prompt),
                    flags: Vec::new(),
                };
                let truth = (r.tps > 0.0).then_some((r.tps, r.ttft_s));
                (cell(index, (point, load(r.concurrency))), truth)
            })
            .collect()
    }

    /// What the `nth` measurement of a combination shows on the `start`th start of servers.
    pub fn measured(&self, truth: Truth, dice: &mut Dice, start_factor: f64) -> Truth {
        let (tps, ttft_s) = truth?;
        let tps = tps * start_factor * (self.noise * dice.normal()).exp();
        let ttft_s = ttft_s.map(|s| s * (2.0 * self.noise * dice.normal()).exp());
        Some((tps, ttft_s))
    }

    pub fn start_factor(&self, dice: &mut Dice) -> f64 {
        (self.start_noise * dice.normal()).exp()
    }
}

fn load(concurrency: u32) -> LoadPoint {
    LoadPoint {
        concurrency,
        requests: None,
        max_tokens: 128,
        prompt_tokens: None,
        request_rate: None,
        delivery: None,
    }
}

impl Simulated {
    fn combinations(&self) -> Vec<(ServerPoint, LoadPoint, f64)> {
        let mut flags: Vec<(Vec<FlagValue>, f64)> = vec![(Vec::new(), 1.0)];
        for (flag, values) in &self.flags {
            flags = flags
                .iter()
                .flat_map(|(before, factor)| {
                    values.iter().map(move |(value, by)| {
                        let mut with = before.clone();
                        with.push(FlagValue {
                            flag: flag.clone(),
                            value: value.clone(),
                        });
                        (with, factor * by)
                    })
                })
                .collect();
        }
        let mut all = Vec::new();
        for (flags, factor) in &flags {
            for &decode in &self.decode {
                for &prompt in &self.prompt {
                    for &instances in &self.instances {
                        let point = ServerPoint {
                            instances,
                            decode_concurrency: Some(decode),
                            prompt_concurrency: Some(prompt),
                            flags: flags.clone(),
                        };
                        let loads = self.concurrency.iter();
                        all.extend(loads.map(|&c| (point.clone(), load(c), *factor)));
                    }
                }
            }
        }
        all
    }

    fn truth(&self, point: &ServerPoint, load: &LoadPoint, factor: f64) -> Truth {
        if !self.hills.is_empty() {
            let axes = [
                point.instances,
                point.decode_concurrency?,
                point.prompt_concurrency?,
                load.concurrency,
            ];
            let octaves = axes.map(|value| f64::from(value).log2());
            let tps = self
                .hills
                .iter()
                .map(|hill| hill.at(octaves))
                .fold(0.0, f64::max);
            return Some((tps, Some(self.prefill_s)));
        }
        let servers = f64::from(point.instances);
        let places = f64::from(decoded_together(point));
        let asked = f64::from(load.concurrency);
        let busy = asked.min(servers);
        let batch = (asked / busy).min(places);
        let slowed = 1.0 + batch / self.half_batch + (batch / self.peak_batch).powi(2);
        let of_one = self.single_tps * batch / slowed;
        let prompt = f64::from(point.prompt_concurrency.unwrap_or(8));
        let octaves = (prompt / self.prompt_best).log2();
        let waves = (asked / (places * servers)).max(1.0);
        let mut tps = of_one
            * busy.powf(self.instances_gain)
            * factor
            * (1.0 - self.prompt_cost * octaves.abs()).max(0.1)
            * (1.0 - self.overload_cost * waves.log2()).max(0.1);
        if let Some(memory) = &self.memory
            && servers * (memory.server + memory.place * places) > memory.all
        {
            if memory.beyond <= 0.0 {
                return None;
            }
            tps *= memory.beyond;
        }
        let answer_s = self.answer_tokens * asked.min(servers * places) / tps;
        let ttft_s = self.prefill_s * (1.0 + batch / prompt) + (waves - 1.0) * answer_s;
        Some((tps, Some(ttft_s)))
    }
}

/// Numbers that look random, the same for the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(scatter(seed.wrapping_add(0x51_7c_c1_b7)))
    }

    /// 0 to 1.
    pub fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (scatter(self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Of the standard normal distribution: G. E. P. Box and M. E. Muller (1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.share()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.share()).cos()
    }
}
