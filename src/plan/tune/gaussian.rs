//! Gaussian-process regression over a few dozen measured cells: what an unmeasured cell would give,
//! and how sure that is.
//!
//! C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning", MIT Press 2006:
//! prediction is their algorithm 2.1, the likelihood their equation 5.8 with the process variance
//! at its maximum (section 2.7 for the constant mean). The kernel is Matérn's with ν = 5/2 (their
//! equation 4.17) and one length a feature. At these sizes (n below 200) a dense Cholesky
//! factor is a matter of microseconds.

use super::space::Features;

/// Lengths that a feature may have, in units of its whole range.
const LENGTHS: [f64; 6] = [0.15, 0.25, 0.4, 0.65, 1.1, 1.8];
/// Where a length starts, and what the prior leans to: a surface bends once over a range.
const LENGTH_PRIOR: (f64, f64) = (0.65, 1.0);
/// Variance of one measurement as a share of the surface's own.
const NOISES: [f64; 5] = [0.0003, 0.001, 0.004, 0.015, 0.06];
const NOISE_PRIOR: (f64, f64) = (0.002, 0.8);
/// The weight, in measurements, of the prior variance of the surface.
const VARIANCE_WEIGHT: f64 = 2.0;

/// What was measured at a combination: the mean of `n` measurements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// Index of the combination.
    pub at: usize,
    pub value: f64,
    pub n: u32,
}

/// A surface that was fitted to points.
#[derive(Debug, Clone)]
pub(super) struct Surface<'a> {
    features: &'a Features,
    points: Vec<Point>,
    lengths: Vec<f64>,
    mean: f64,
    /// Of the process.
    variance: f64,
    /// Lower triangle of the Cholesky factor of the correlations.
    factor: Vec<Vec<f64>>,
    /// Correlations⁻¹ (values − mean).
    weights: Vec<f64>,
    /// As a share of `variance`.
    noise: f64,
}

/// What is thought of a combination: the mean and the standard deviation of its true value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Belief {
    pub mean: f64,
    pub sd: f64,
}

impl<'a> Surface<'a> {
    /// Fits lengths and noise by the likelihood of `points`, one parameter after the other.
    /// `prior_variance` is what such values scatter by on a surface of this kind. `None` without
    /// points.
    pub fn fit(features: &'a Features, points: &[Point], prior_variance: f64) -> Option<Self> {
        if points.is_empty() {
            return None;
        }
        let mut lengths = vec![LENGTH_PRIOR.0; features.count()];
        let mut noise = NOISE_PRIOR.0;
        let distances = Distances::between(features, points);
        let judge = |lengths: &[f64], noise: f64| {
            let fitted = Fitted::of(points, &distances, lengths, noise, prior_variance);
            fitted.map_or(f64::NEG_INFINITY, |fitted| fitted.likelihood)
        };
        if points.len() > 2 {
            let mut best = judge(&lengths, noise);
            for _ in 0..2 {
                for feature in 0..lengths.len() {
                    for length in LENGTHS {
                        let before = std::mem::replace(&mut lengths[feature], length);
                        let likelihood = judge(&lengths, noise);
                        if likelihood > best {
                            best = likelihood;
                        } else {
                            lengths[feature] = before;
                        }
                    }
                }
                for other in NOISES {
                    let likelihood = judge(&lengths, other);
                    if likelihood > best {
                        (best, noise) = (likelihood, other);
                    }
                }
            }
        }
        let fitted = Fitted::of(points, &distances, &lengths, noise, prior_variance)?;
        Some(Self {
            features,
            points: points.to_vec(),
            lengths,
            mean: fitted.mean,
            variance: fitted.variance,
            factor: fitted.factor,
            weights: fitted.weights,
            noise,
        })
    }

    pub fn belief(&self, at: usize) -> Belief {
        let near: Vec<f64> = self
            .points
            .iter()
            .map(|point| {
                let between = (0..self.lengths.len())
                    .map(|f| self.features.distance(f, at, point.at) / self.lengths[f]);
                matern(between.map(|d| d * d).sum())
            })
            .collect();
        let mean = self.mean + dot(&near, &self.weights);
        let solved = forward(&self.factor, &near);
        let unexplained = (1.0 - dot(&solved, &solved)).max(1e-9);
        Belief {
            mean,
            sd: (self.variance * unexplained).sqrt(),
        }
    }

    /// Standard deviation of one measurement.
    pub fn noise_sd(&self) -> f64 {
        (self.variance * self.noise).sqrt()
    }
}

/// Distances between the points, feature by feature: they stay while lengths are tried.
struct Distances {
    /// Per pair (row by row, the lower triangle without its diagonal), squared, per feature.
    squared: Vec<Vec<f64>>,
}

impl Distances {
    fn between(features: &Features, points: &[Point]) -> Self {
        let mut squared = Vec::new();
        for (row, a) in points.iter().enumerate() {
            for b in &points[..row] {
                let pair = (0..features.count()).map(|f| features.distance(f, a.at, b.at).powi(2));
                squared.push(pair.collect());
            }
        }
        Self { squared }
    }
}

struct Fitted {
    likelihood: f64,
    mean: f64,
    variance: f64,
    factor: Vec<Vec<f64>>,
    weights: Vec<f64>,
}

impl Fitted {
    /// `None` where rounding leaves no positive definite matrix.
    fn of(
        points: &[Point],
        distances: &Distances,
        lengths: &[f64],
        noise: f64,
        prior_variance: f64,
    ) -> Option<Self> {
        let n = points.len();
        let inverse: Vec<f64> = lengths.iter().map(|l| 1.0 / (l * l)).collect();
        let mut pairs = distances.squared.iter();
        let mut factor: Vec<Vec<f64>> = Vec::with_capacity(n);
        for (row, point) in points.iter().enumerate() {
            let mut line: Vec<f64> = pairs
                .by_ref()
                .take(row)
                .map(|squared| matern(dot(squared, &inverse)))
                .collect();
            line.push(1.0 + noise / f64::from(point.n.max(1)) + 1e-8);
            factor.push(line);
        }
        cholesky(&mut factor)?;
        let values: Vec<f64> = points.iter().map(|point| point.value).collect();
        let ones = forward(&factor, &vec![1.0; n]);
        let solved = forward(&factor, &values);
        let mean = dot(&ones, &solved) / dot(&ones, &ones);
        let rest: Vec<f64> = solved
            .iter()
            .zip(&ones)
            .map(|(s, o)| s - mean * o)
            .collect();
        let scatter = dot(&rest, &rest) + VARIANCE_WEIGHT * prior_variance;
        let count = n as f64 + VARIANCE_WEIGHT;
        let variance = scatter / count;
        let log_determinant: f64 = factor.iter().filter_map(|l| l.last()).map(|d| d.ln()).sum();
        let leaning = |value: f64, (centre, width): (f64, f64)| {
            -0.5 * ((value / centre).ln() / width).powi(2)
        };
        let prior = lengths
            .iter()
            .map(|l| leaning(*l, LENGTH_PRIOR))
            .sum::<f64>()
            + leaning(noise, NOISE_PRIOR);
        Some(Self {
            likelihood: -0.5 * count * variance.ln() - log_determinant + prior,
            mean,
            variance,
            weights: backward(&factor, &rest),
            factor,
        })
    }
}

/// The correlation at a squared scaled distance.
fn matern(squared: f64) -> f64 {
    let d = (5.0 * squared).sqrt();
    (1.0 + d + d * d / 3.0) * (-d).exp()
}

/// The lower factor, in place.
fn cholesky(rows: &mut [Vec<f64>]) -> Option<()> {
    for i in 0..rows.len() {
        let (above, rest) = rows.split_at_mut(i);
        let row = &mut rest[0];
        for (j, other) in above.iter().enumerate() {
            let sum = row[j] - dot(&row[..j], &other[..j]);
            row[j] = sum / other[j];
        }
        let left = row[i] - dot(&row[..i], &row[..i]);
        if left <= 0.0 {
            return None;
        }
        row[i] = left.sqrt();
    }
    Some(())
}

/// Solves L x = b.
fn forward(factor: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let mut x: Vec<f64> = Vec::with_capacity(b.len());
    for (row, value) in factor.iter().zip(b) {
        let i = x.len();
        x.push((value - dot(&row[..i], &x)) / row[i]);
    }
    x
}

/// Solves Lᵀ x = b.
fn backward(factor: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let mut x = b.to_vec();
    for i in (0..x.len()).rev() {
        x[i] /= factor[i][i];
        let solved = x[i];
        for (j, value) in x[..i].iter_mut().enumerate() {
            *value -= factor[i][j] * solved;
        }
    }
    x
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The standard normal distribution function: equation 7.1.26 of Abramowitz and Stegun, "Handbook
/// of Mathematical Functions", whose error is below 1.5e-7.
pub(super) fn normal_cdf(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = t
        * (0.254_829_592
            + t * (-0.284_496_736
                + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let tail = 0.5 * series * (-x * x).exp();
    if z < 0.0 { tail } else { 1.0 - tail }
}

/// The expected improvement of a belief over `best`, in the unit of the values: equation 15 of
/// D. R. Jones, M. Schonlau, W. J. Welch, "Efficient global optimization of expensive black-box
/// functions", Journal of Global Optimization 13 (1998), for a maximum.
pub(super) fn expected_improvement(belief: Belief, best: f64) -> f64 {
    let ahead = belief.mean - best;
    let z = ahead / belief.sd;
    let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
    (ahead * normal_cdf(z) + belief.sd * density).max(0.0)
}
