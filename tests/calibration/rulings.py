"""How often the judge errs where the law is known: `python -m tests.calibration.rulings`, or one part, `… mean`.

SGD on R(x) = μx²/2 with gradients μx + ξ, ξ ~ N(0, σ²), and steps 1/(μ(t + 1)) forgets its start,

    x_{t+1} = (1 − 1/(t + 1)) x_t − ξ_t/(μ(t + 1)),     x_t = −(ξ_0 + … + ξ_{t−1})/(μt),     E gap_t = σ²/(2μt):

a gap is its mean times a χ²₁, along a trajectory with the correlation that trajectories have. A theorem whose bound is
c·σ²/(2μt) is true for c = 1, where "violated" is wrong, and false for c = 0.999, where "holds" is; for c = 0.98
"violated" is right, given the seeds. Each repetition draws all noise anew, builds a trace and asks the judge.

A theorem with probability 1 − δ whose bound is c·z²·σ²/(2μt), z the (1 − δ/2)-quantile of N(0, 1), is true for c = 1 in
the same way, for then P(gap > bound) is δ exactly, and false for every smaller c.

The rates are those of whole rulings, on one checkpoint, the last step, which is the hardest case for "holds", or on
thirty. Written are results/calibration/rulings.csv and its page.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from statistics import NormalDist

import numpy as np
from scipy.stats import beta

from convlab.core.setting import Setting
from convlab.core.theorem import DELTA, Rate, Sense, Theorem
from convlab.core.trace import Trace
from convlab.core.verdict import Ruling
from convlab.lab.judge import ALPHA, judge
from convlab.lab.limits import FEWEST
from tests.lab.toys import setting_of, theorem_of

FOLDER = Path(__file__).resolve().parents[2] / "results" / "calibration"
MU, SIGMA = 0.5, 3.0
STATED = ALPHA / 2  # of each of the two errors
SEEDS = (32, 64, 256)
MEAN, QUANTILE = "mean", "0.9-quantile"
SEEDS_OF = {MEAN: SEEDS, QUANTILE: (64, 256, 1_024)}
LONG = np.unique(np.geomspace(1, 400, 35).round().astype(int))  # thirty checkpoints
SHORT = np.arange(1, 31)
_SENSES: dict[str, Sense] = {MEAN: "expectation", QUANTILE: "probability"}
AT_A_TIME = 2**22  # runs that are stepped together


@dataclass(frozen=True)
class Row:
    """How many of some repeated experiments ended in a ruling, with the 99% Clopper–Pearson interval of its rate."""

    of: str  # what the theorem speaks of, MEAN or QUANTILE
    bound: float  # over what it is of the gap
    ruling: Ruling
    seeds: int
    checkpoints: int
    repetitions: int
    found: int

    @property
    def interval(self) -> tuple[float, float]:
        found, rest = self.found, self.repetitions - self.found
        low = float(beta.ppf(0.005, found, rest + 1)) if found else 0.0
        return low, float(beta.ppf(0.995, found + 1, rest)) if rest else 1.0

    @property
    def wrong(self) -> bool:
        return (self.ruling == "violated") == (self.bound >= 1)

    @property
    def kept(self) -> bool:
        """Whether the rate of an error can be the stated one, or less."""
        return not self.wrong or self.interval[0] <= STATED


def gaps(seeds: int, repetitions: int, checkpoints: np.ndarray, key: int) -> Iterator[np.ndarray]:
    """The gaps [seeds, K] of one repetition after the other: the recursion itself, step by step."""
    generator = np.random.default_rng((key, seeds))
    together = max(1, AT_A_TIME // (seeds * len(checkpoints)))
    for first in range(0, repetitions, together):
        x = np.ones((min(together, repetitions - first), seeds))
        kept = []
        for t in range(int(checkpoints[-1])):
            step = 1 / (MU * (t + 1))
            x = x - step * (MU * x + SIGMA * generator.standard_normal(x.shape))
            if t + 1 in checkpoints:
                kept.append(MU / 2 * x**2)
        yield from np.stack(kept, axis=-1)


def theorem(of: str, bound: float) -> Theorem:
    """The mean of the gap, or its (1 − δ)-quantile, ≤ bound times what it is; no rate, as no slope is asked for."""

    def log_bound(setting: Setting, t: int) -> float:
        times = NormalDist().inv_cdf(1 - setting["delta"] / 2) ** 2 if of == QUANTILE else 1.0
        return math.log(bound * times * SIGMA**2 / (2 * MU * t))

    no_rate = Rate("power", lambda setting: math.nan, "")
    return theorem_of(sense=_SENSES[of], rate=no_rate, log_bound=log_bound)


def ruling(of: str, bound: float, t: np.ndarray, values: np.ndarray) -> Ruling:
    """What the judge says of the bound on the gaps [seeds, K] at the steps t [K]."""
    setting = setting_of(int(t[-1]), L=MU, mu=MU)
    seeds = tuple(range(len(values)))
    trace = Trace(setting, t, seeds, {"last": {"gap": values}}, {"gap": 0.0}, {"gap": 0.0}, ("done",) * len(seeds))
    return judge("calibration", theorem(of, bound), [trace], (0,), "trajectory").ruling


def measure(
    asked: Sequence[tuple[float, Ruling]],
    several: bool,
    seeds: int,
    repetitions: int,
    t: np.ndarray,
    key: int,
    of: str = MEAN,
) -> list[Row]:
    """A row for each (bound, ruling), on all checkpoints t or the last of them alone, from the same repetitions."""
    found, checkpoints = np.zeros(len(asked), dtype=int), len(t) if several else 1
    for values in gaps(seeds, repetitions, t if several else t[-1:], key):
        found += [ruling(of, bound, t if several else t[-1:], values) == wanted for bound, wanted in asked]
    return [
        Row(of, bound, wanted, seeds, checkpoints, repetitions, int(count))
        for (bound, wanted), count in zip(asked, found, strict=True)
    ]


def write(rows: Sequence[Row], folder: Path = FOLDER) -> None:
    with open(folder / "rulings.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows(astuple(row) for row in rows)
    (folder / "README.md").write_text(page(rows), encoding="utf-8")


def read(folder: Path = FOLDER) -> list[Row]:
    with open(folder / "rulings.csv", newline="", encoding="utf-8") as file:
        return [
            Row(
                row["of"],
                float(row["bound"]),
                "violated" if row["ruling"] == "violated" else "holds",
                *(int(row[name]) for name in ("seeds", "checkpoints", "repetitions", "found")),
            )
            for row in csv.DictReader(file)
        ]


def page(rows: Sequence[Row]) -> str:
    """results/calibration/README.md: what is stated, and what was measured."""
    errors, power = ({of: [r for r in rows if r.of == of and r.wrong == w] for of in SEEDS_OF} for w in (True, False))
    return f"""# How often rulings on expectations and on probabilities are wrong

Stated: a theorem in expectation is ruled on with confidence limits of the mean over seeds that all hold at once, over
all checkpoints, with probability {1 - ALPHA:.0%}. So a true bound is ruled "violated", and a false one "holds", in at
most {STATED:.1%} of experiments each. Fewer than {FEWEST} seeds never confirm.

Measured where the expectation is known: SGD on R(x) = μx²/2 with gradients μx + ξ, ξ ~ N(0, σ²), and steps
1/(μ(t + 1)). Its gap has the mean σ²/(2μt) and is that times a χ²₁, as skewed as the gap of a quadratic gets with
Gaussian noise. Each experiment draws its seeds anew, and the lab's judge rules. One checkpoint is the last step,
t = {LONG[-1]}, alone.

{_table(errors[MEAN])}

In brackets the 99% Clopper–Pearson interval: it nowhere lies above what is stated. A few χ²₁ whose mean is too small
have too small a spread as well, hence the difference between the two errors. On thirty checkpoints "violated" needs one
limit of thirty to err, each of which is promised to err thirty times as seldom, and "holds" needs all of them to.

A bound that is 2% too low is found, given the seeds (here t = 1, …, {SHORT[-1]}):

{_table(power[MEAN])}

## Probabilities

Stated: a theorem that holds with probability 1 − δ is ruled on with Clopper and Pearson's limits of P(gap > bound),
which hold at once over all checkpoints with probability {1 - ALPHA:.0%}, whatever the law of the gap. Measured on the
same runs with δ = {DELTA:g}, where the true bound is the one that the gap exceeds with probability δ exactly:

{_table(errors[QUANTILE])}

{SEEDS_OF[QUANTILE][0]} seeds cannot confirm thirty checkpoints with δ = {DELTA:g}, even if none lies above the bound. A
bound that is 10% too low, above which a share of {above(0.9):.4f} of all runs lies, is found, given the seeds:

{_table(power[QUANTILE])}

## What this does not say

Of means: where a gap has a heavier tail than a Gaussian's square, its large values come so seldom that
few seeds do not see them, and the upper limit misses the mean more often than stated: `convlab/lab/limits.py` says how
often.

Made by `python -m tests.calibration.rulings`, with fixed keys; a smaller version runs in the tests.
"""


def above(bound: float) -> float:
    """P(gap > bound·quantile) where P(gap > quantile) = δ."""
    return 2 * (1 - NormalDist().cdf(math.sqrt(bound) * NormalDist().inv_cdf(1 - DELTA / 2)))


def _table(rows: Sequence[Row]) -> str:
    lines = [
        "| bound / what is true | ruling | seeds | checkpoints | experiments | so ruled |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        low, high = row.interval
        rate = f"{row.found / row.repetitions:.2%} ({low:.2%} to {high:.2%})"
        what = f"{row.bound:g} | {row.ruling} | {row.seeds:,} | {row.checkpoints} | {row.repetitions:,}"
        lines.append(f"| {what} | {row.found:,}: {rate} |")
    return "\n".join(lines)


def of_means() -> Iterator[Row]:
    for several, repetitions in ((False, 4_000), (True, 1_000)):
        for seeds in SEEDS:
            yield from measure([(1.0, "violated"), (0.999, "holds")], several, seeds, repetitions, LONG, 1)
    for several in (False, True):
        for seeds in (256, 16_384, 65_536, 131_072):
            yield from measure([(0.98, "violated")], several, seeds, 200, SHORT, 2)


def of_quantiles() -> Iterator[Row]:
    for several, repetitions in ((False, 4_000), (True, 1_000)):
        for seeds in SEEDS_OF[QUANTILE]:
            yield from measure([(1.0, "violated"), (0.999, "holds")], several, seeds, repetitions, LONG, 3, QUANTILE)
    for several in (False, True):
        for seeds in (1_024, 4_096, 16_384):
            yield from measure([(0.9, "violated")], several, seeds, 200, SHORT, 4, QUANTILE)


def main(parts: Sequence[str]) -> None:
    """Renews the parts that are named, MEAN or QUANTILE, or both; each row is a function of its fixed key alone."""
    made: list[Row] = []
    for of, rows in ((MEAN, of_means), (QUANTILE, of_quantiles)):
        if parts and of not in parts:
            made += [row for row in read() if row.of == of]
            continue
        for row in rows():
            print(row, flush=True)
            made.append(row)
    FOLDER.mkdir(parents=True, exist_ok=True)
    write(made)
    assert all(row.kept for row in made)


if __name__ == "__main__":
    main(sys.argv[1:])
