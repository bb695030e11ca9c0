"""How many seeds would settle a ruling on an expectation, or on a probability, that confidence limits leave open."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from convlab.core.theorem import Theorem
from convlab.lab.counts import Counts, fewest_that_refute, most_that_confirm
from convlab.lab.limits import FEWEST, Sample, limits, summary
from convlab.lab.readings import CLEAR, exp

_SURE = 0.95  # the chance of a ruling from which on a number of seeds is said to bring it
_LIKELY = 0.9  # and that of either ruling, where the mean is too near to the bound to say which
_MOST = 10**8  # nobody runs more
_DIGITS = (*range(10, 20), *range(20, 50, 2), *range(50, 100, 5))  # numbers that are said: two digits, then zeros
_NUMBERS = np.array([k * 10**e for e in range(7) for k in _DIGITS] + [_MOST])
_NUMBERS = _NUMBERS[_NUMBERS >= FEWEST]

Outcome = Literal["confirm", "refute", "settle"]


@dataclass(frozen=True)
class Question:
    """An open point: the sample of its mean, how often a limit may miss it, and where the limits have to lie.

    An upper bound is confirmed where the upper limit is at most ``confirms``, and refuted where the lower limit is
    above ``refutes``; a lower bound mirrored. Between the two lies what error and rounding leave open.
    """

    sample: Sample
    tail: float
    confirms: float
    refutes: float
    upper: bool


def question(
    theorem: Theorem,
    samples: np.ndarray,
    tail: float,
    log_allowed: np.ndarray,
    error: np.ndarray,
    floor: np.ndarray,
    drift: np.ndarray,
) -> Question:
    """What a reading asks: the mean of samples [n] against B', with the errors ε, F and d of that mean, see `judge`."""
    upper = theorem.kind == "upper"
    sign, root = 1 if upper else -1, np.sqrt(exp(log_allowed))
    confirms = np.maximum(root + sign * drift, 0.0) ** 2 - sign * error
    refutes = np.maximum(root + sign * np.sqrt(CLEAR) * drift, 0.0) ** 2 + sign * (error + CLEAR * floor)
    return Question(summary(samples), tail, float(confirms[0]), float(refutes[0]), upper)


def needed(questions: Sequence[Question | Counts], points: int) -> tuple[int | None, Outcome]:
    """(m, what m seeds in all would do) for the open points among ``points`` judged ones; m is None beyond 10⁸.

    With a flat prior, the mean of m seeds of which n were seen is about normal, with the error of X̄ times √(1 − n/m);
    that error, upwards and downwards, is what the limits of level 0.95 say. The limits to come are those of m samples
    that look like the n. So each ruling has a chance for every m. A bound is confirmed by the m that confirms every
    open point with chance 0.95 each, refuted by one that refutes a single one with a chance of 1 − 0.05/points, since
    one among many lies beyond its bound by accident. Where the mean is too near to the bound for either, m is what
    settles every open point, one way or the other, with chance 0.9. If a bound is attained no m settles it, and that it
    is no sample tells. Of a probability p the m − n seeds to come are counted, see `_chances_of_counts`.
    """
    chances = [_chances_of_counts(one) if isinstance(one, Counts) else _chances(one) for one in questions]
    refuted = [_first(refute >= 1 - (1 - _SURE) / points) for _, refute in chances]
    if any(refuted):
        return min(m for m in refuted if m is not None), "refute"
    confirmed = [_first(confirm >= _SURE) for confirm, _ in chances]
    outcome: Outcome = "confirm" if all(confirmed) else "settle"
    settled = (
        confirmed if outcome == "confirm" else [_first(confirm + refute >= _LIKELY) for confirm, refute in chances]
    )
    numbers = [m for m in settled if m is not None]
    return (max(numbers), outcome) if len(numbers) == len(questions) else (None, "settle")


def words(seeds: int, questions: Sequence[Question | Counts], points: int, mean: bool = True) -> str:
    """What to ask for, as a clause after a ruling that these questions or too few seeds hold up; else nothing.

    ``mean``: of means fewer than 30 seeds confirm nothing; counts of seeds are exact, however few.

    >>> words(8, [], 5)
    '; 8 seeds are too few to confirm an expectation: 30 are needed'
    """
    if mean and seeds < FEWEST:
        few, enough = ("1 seed is", f"{FEWEST} seeds") if seeds == 1 else (f"{seeds} seeds are", str(FEWEST))
        return f"; {few} too few to confirm an expectation: {enough} are needed"
    if not questions:
        return ""
    m, outcome = needed(questions, points)
    if m is None:
        return f"; no number of seeds up to {_MOST:,} would settle it"
    if outcome == "settle":
        return f"; too near to say which way, about {m:,} seeds would settle it, none if the bound is attained"
    return f"; about {m:,} seeds would {outcome} it"


def _chances(one: Question) -> tuple[np.ndarray, np.ndarray]:
    """The chances that m seeds confirm, and that they refute, for every m of _NUMBERS; 0 where m is not above n."""
    from scipy.special import ndtr, ndtri

    n, more = one.sample.n, one.sample.n < _NUMBERS
    low, mean, high = limits(one.sample, one.tail, _NUMBERS[more])
    if not np.isfinite(mean).all():
        return np.zeros(len(_NUMBERS)), np.zeros(len(_NUMBERS))
    least, _, most = limits(one.sample, 1 - _SURE)
    part = np.sqrt(1 - n / _NUMBERS[more]) / ndtri(_SURE)
    up, down = (most - mean) * part, (mean - least) * part

    def chance(room: np.ndarray, inside: np.ndarray, beyond: np.ndarray) -> np.ndarray:
        error, found = np.where(room >= 0, inside, beyond), np.zeros(len(_NUMBERS))
        found[more] = np.where(error > 0, ndtr(room / np.where(error > 0, error, 1.0)), room >= 0)
        return found

    if one.upper:
        return chance(one.confirms - high, up, down), chance(low - one.refutes, down, up)
    return chance(low - one.confirms, down, up), chance(one.refutes - high, up, down)


def _chances_of_counts(one: Counts) -> tuple[np.ndarray, np.ndarray]:
    """The same for k of n seeds beyond a bound of which δ may be.

    With Jeffreys' prior p has a Beta(k + ½, n − k + ½) law, and of r = m − n seeds to come a beta-binomial number will
    be beyond the bound. A Beta law of the same mean and variance stands for its share. What m seeds confirm and refute
    are the counts that `counts` names. Seeds that errors leave open count as beyond for "confirm", as within for
    "refute", and the share of them is taken to stay.
    """
    from scipy.special import betainc

    more = one.n < _NUMBERS
    m = _NUMBERS[more].astype(float)

    def below(k: int, most: np.ndarray) -> np.ndarray:
        """P(at most ``most`` of m lie beyond the bound)."""
        a, b, r = k + 0.5, one.n - k + 0.5, m - one.n
        mean, sum_ab = a / (a + b), a + b
        precision = 1 / (1 / r + (1 - 1 / r) / (sum_ab + 1)) - 1
        share = (most - k + 0.5) / r
        inside = betainc(
            mean * np.maximum(precision, 1e-12), (1 - mean) * np.maximum(precision, 1e-12), share.clip(0, 1)
        )
        return np.where(share <= 0, 0.0, np.where(share >= 1, 1.0, inside))

    confirm, refute = np.zeros(len(_NUMBERS)), np.zeros(len(_NUMBERS))
    most, fewest = _decisive(one.delta, one.tail)
    confirm[more] = below(one.possible, most[more])
    refute[more] = 1 - below(one.sure, fewest[more] - 1)
    return confirm, refute


@functools.lru_cache(maxsize=64)
def _decisive(delta: float, tail: float) -> tuple[np.ndarray, np.ndarray]:
    """The most seeds beyond a bound that confirm it, and the fewest that refute it, of every number of seeds."""
    m = _NUMBERS.astype(float)
    return most_that_confirm(m, delta, tail), fewest_that_refute(m, delta, tail)


def _first(enough: np.ndarray) -> int | None:
    """The first number of seeds that is enough, together with all above it."""
    fails = np.flatnonzero(~enough)
    start = int(fails[-1]) + 1 if len(fails) else 0
    return int(_NUMBERS[start]) if start < len(_NUMBERS) else None
