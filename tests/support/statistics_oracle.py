"""The statistics of src/measure once more, from SciPy and NumPy: reads cases as JSON on standard
input, and writes what these say of each. `tests/end_to_end/statistics.rs` compares the two.

    python -m pip install scipy && python tests/support/statistics_oracle.py <cases.json
"""

import json
import sys

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


def repeats(values):
    """Student's t interval of a mean."""
    return list(
        stats.t.interval(
            CONFIDENCE, len(values) - 1, loc=np.mean(values), scale=stats.sem(values)
        )
    )


def welch(case):
    """The interval of the difference of two means, and the p-value."""
    test = stats.ttest_ind(case["a"], case["b"], equal_var=False)
    interval = test.confidence_interval(CONFIDENCE)
    return {"low": interval.low, "high": interval.high, "p": test.pvalue}


def rank(groups):
    """The group with the largest mean, and those that Welch's test cannot tell from it."""
    best = int(np.argmax([np.mean(group) for group in groups]))
    ties = [
        index
        for index, group in enumerate(groups)
        if index != best
        and stats.ttest_ind(groups[best], group, equal_var=False).pvalue >= 1 - CONFIDENCE
    ]
    return {"best": best, "ties": ties}


def percentiles(values):
    """Each percentile, or None where the early-stopping bound asks for more samples."""

    def claimed(percent):
        enough = stats.binom.cdf(1, len(values), 1 - percent / 100) <= 0.01
        return float(np.percentile(values, percent)) if enough else None

    return [claimed(percent) for percent in (50, 90, 95, 99)]


def slices(rates):
    """Batch means whose first-order correlation, corrected for its bias, widens the interval."""
    rates = np.asarray(rates)
    k = len(rates)
    apart = rates - rates.mean()
    found = np.correlate(apart[:-1], apart[1:])[0] / np.dot(apart, apart)
    # E[found] is about r - (1 + 3 r) / k.
    r = min(max((found + 1 / k) / (1 - 3 / k), 0.0), 0.8)
    error = stats.sem(rates) * np.sqrt((1 + r) / (1 - r))
    return list(stats.t.interval(CONFIDENCE, k - 1, loc=rates.mean(), scale=error))


def latency(case):
    """Circular block bootstrap with percentile bounds, widened for few blocks: between which values
    either bound may lie, since another thousand draws put 1 % to 4.5 % beyond it."""
    values = np.asarray(case["values"])
    n, wave = len(values), case["concurrency"]
    block = min(max(n // 12, 2 * wave), n // 4)
    of = {"mean": np.mean, "median": np.median}[case["statistic"]]
    random = np.random.default_rng(1)
    starts = random.integers(0, n, size=(4000, -(-n // block)))
    places = (starts[:, :, None] + np.arange(block)) % n
    drawn = of(values[places.reshape(4000, -1)[:, :n]], axis=1)
    bounds = np.percentile(drawn, [1, 4.5, 95.5, 99])
    blocks = n / block
    widened = (
        stats.t.ppf(0.975, n // block - 1) / stats.norm.ppf(0.975) * np.sqrt(blocks / (blocks - 1))
    )
    found = of(values)
    return list(found + widened * (bounds - found))


def order(values):
    """Sen's slope, the p-value of a trend, and the likeliest change with its p-value."""
    values = np.asarray(values)
    n = len(values)
    slope = stats.theilslopes(values, np.arange(n)).slope
    earlier, later = np.triu_indices(n, 1)
    s = np.sign(values[later] - values[earlier]).sum()
    tied = np.unique(values, return_counts=True)[1]
    variance = (n * (n - 1) * (2 * n + 5) - (tied * (tied - 1) * (2 * tied + 5)).sum()) / 18
    left = values - slope * np.arange(n)
    left = left - left.mean()
    r = min(max(np.dot(left[:-1], left[1:]) / np.dot(left, left), 0.0), 0.8)
    variance *= (1 + r) / (1 - r)
    trend = 2 * stats.norm.sf(max(abs(s) - 1, 0) / np.sqrt(variance))

    def shift(at):
        """Pettitt's |U| from the statistic of Mann and Whitney."""
        test = stats.mannwhitneyu(values[:at], values[at:], method="asymptotic")
        return abs(2 * test.statistic - at * (n - at))

    shifts = [shift(at) for at in range(1, n)]
    change = min(1.0, 2 * np.exp(-6 * max(shifts) ** 2 / (n**3 + n**2)))
    places = [at for at, shift in enumerate(shifts, 1) if shift == max(shifts)]
    return {"slope": slope, "trend": trend, "change": change, "places": places}


WAYS = {
    "repeats": repeats,
    "welch": welch,
    "rank": rank,
    "percentiles": percentiles,
    "slices": slices,
    "latency": latency,
    "order": order,
}

if __name__ == "__main__":
    asked = json.load(sys.stdin)
    json.dump({name: [WAYS[name](case) for case in cases] for name, cases in asked.items()}, sys.stdout)
