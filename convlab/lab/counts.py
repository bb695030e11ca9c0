"""How many seeds lie beyond a bound, and what that says of the probability: Clopper and Pearson's limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Counts:
    """Of ``n`` seeds ``sure`` are beyond the bound for certain, and ``possible`` may be: error and rounding leave the
    others of these open. ``delta`` is the share that the theorem allows, ``tail`` how often either limit may miss.

    ``joint``: a run counts that is beyond the bound at any checkpoint, where others count at this one.
    """

    n: int
    sure: int
    possible: int
    delta: float
    tail: float
    joint: bool = False

    @property
    def low(self) -> float:
        return float(lower_limit(self.sure, self.n, self.tail))

    @property
    def high(self) -> float:
        return float(upper_limit(self.possible, self.n, self.tail))

    @property
    def refutes(self) -> bool:
        return self.low > self.delta

    @property
    def confirms(self) -> bool:
        return self.high <= self.delta


def lower_limit(k: np.ndarray | int, n: int, tail: float) -> np.ndarray:
    """The p at which k or more of n have probability ``tail``: below it with probability at most that; 0 for k = 0.

    >>> round(float(lower_limit(3, 3, 0.05)), 4)  # p³ = 0.05
    0.3684
    """
    from scipy.special import betaincinv  # heavy, and only probabilities need it

    k = np.asarray(k, dtype=float)
    return np.where(k > 0, betaincinv(np.maximum(k, 1.0), n - np.maximum(k, 1.0) + 1, tail), 0.0)


def upper_limit(k: np.ndarray | int, n: int, tail: float) -> np.ndarray:
    """The p at which k or fewer of n have probability ``tail``; 1 for k = n.

    >>> round(float(upper_limit(0, 29, 0.05)), 4)  # (1 − p)²⁹ = 0.05
    0.0981
    """
    return 1.0 - lower_limit(n - np.asarray(k), n, tail)


def most_that_confirm(n: np.ndarray, delta: float, tail: float) -> np.ndarray:
    """The largest k of n whose upper limit is at most δ, which is P(Bin(n, δ) ≤ k) ≤ tail; −1 where there is none."""
    return _last(np.asarray(n, dtype=float), lambda k, n: _at_least(n - k, n, 1 - delta) <= tail)


def fewest_that_refute(n: np.ndarray, delta: float, tail: float) -> np.ndarray:
    """The least k of n whose lower limit is above δ, which is P(Bin(n, δ) ≥ k) < tail; n + 1 where there is none."""
    return _last(np.asarray(n, dtype=float), lambda k, n: _at_least(k, n, delta) >= tail) + 1


def _at_least(k: np.ndarray, n: np.ndarray, p: float) -> np.ndarray:
    """P(Bin(n, p) ≥ k) = I_p(k, n − k + 1), 1 for k = 0."""
    from scipy.special import betainc

    safe = np.maximum(k, 1.0)
    return np.where(k > 0, betainc(safe, n - safe + 1, p), 1.0)


def _last(n: np.ndarray, true: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """The last k ≤ n at which what is true up to some k is true, by bisection; −1 where it is nowhere."""
    low, high = np.full_like(n, -1.0), n + 1  # true at −1 by convention, and false at n + 1
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        here, inside = true(np.clip(middle, 0, n), n), high - low > 1
        low, high = np.where(inside & here, middle, low), np.where(inside & ~here, middle, high)
    return low


def quantile_limits(samples: np.ndarray, tail: float, delta: float) -> tuple[float, float, float]:
    """The (1 − δ)-quantile of samples [n] between order statistics, each missed with probability at most ``tail``.

    The middle is the least sample with a share of at most δ above it. A bound is at least the upper end exactly where
    so few samples lie above it that the upper limit of P(above) is at most δ, and below the lower end exactly where the
    lower limit exceeds δ. Ends that n samples do not reach are ±∞.

    Source: Clopper and Pearson, Biometrika 26 (1934); for quantiles Thompson, Ann. Math. Statist. 7 (1936).
    """
    ordered = np.sort(np.asarray(samples, dtype=float))
    n = ordered.size
    size = np.array([float(n)])
    few, many = int(most_that_confirm(size, delta, tail)[0]), int(fewest_that_refute(size, delta, tail)[0])
    high = float(ordered[n - few - 1]) if few >= 0 else math.inf
    low = float(ordered[n - many]) if many <= n else -math.inf
    return low, float(ordered[quantile_index(n, delta)]), high


def quantile_index(n: int, delta: float) -> int:
    """Where in increasing order the (1 − δ)-quantile of n samples stands: ⌊nδ⌋ of them come after it.

    >>> quantile_index(10, 0.1), quantile_index(30, 0.1), quantile_index(5, 0.1)
    (8, 26, 4)
    """
    return n - 1 - min(math.floor(n * delta * (1 + 2.0**-40)), n - 1)
