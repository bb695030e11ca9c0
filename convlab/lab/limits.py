"""Confidence limits for the mean of skewed data, for rulings on bounds in expectation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEWEST = 30  # seeds below which an expectation is never confirmed: no limit is trustworthy there
_LEAST_SHAPE = 0.5  # of the Gamma laws: χ²₁, the most skewed of Gaussian squares
_SYMMETRIC = 1e-3  # L-skewness from which on a Gamma law counts as normal
_MOST_SKEWED = 0.4641  # L-skewness of χ²₁, 2√3 − 3


@dataclass(frozen=True)
class Sample:
    """What the limits of a mean need of n samples [n, ...]: arrays [...], in units of ``scale``, their largest size.

    ``mean`` and ``spread`` (the root of the mean square about the mean), ``skewness``; the L-moments ``difference``
    (half the mean distance of two samples, λ₂) and ``l_skewness`` (λ₃/λ₂), which one large sample hardly moves, nor
    does its absence. ``finite`` says where no sample is infinite, ``never_negative`` where all are ≥ 0.
    """

    n: int
    scale: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    skewness: np.ndarray
    difference: np.ndarray
    l_skewness: np.ndarray
    finite: np.ndarray
    never_negative: np.ndarray


def mean_limits(samples: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean over the first axis between its limits (low, mean, high), each missed with probability about ``tail``.

    Gaps are skewed to the right, and Student's upper limit X̄ + qS/√n misses their mean several times too often: where
    the large values failed to come, X̄ and S are both too small. Each end is the widest of three:

    - Student's.
    - Hall's: with T = √n(X̄ − m)/S, the sample skewness γ, a = γ/(3√n), the transformation

          g(T) = T + a T² + a² T³/3 + a/2,   g⁻¹(y) = ((1 + 3a(y − a/2))^(1/3) − 1)/a,

      is normal up to O(1/n), and the limits are X̄ − (S/√n)·g⁻¹(± q) with Student's quantile q.
    - From 30 samples on, that of a shifted Gamma law of a shape k that L-skewness tells. If k were known, X̄ above the
      shift would be the mean times a χ²/(2nk) of 2nk degrees of freedom, and independent of λ₂/X̄, whose mean is
      w = Γ(k + ½)/(√π k Γ(k)), so that m ≤ X̄ + λ₂ (2nk/χ²_p − 1)/w with probability about 1 − p. That λ₂ is not w X̄
      costs what it costs Student: p = Φ(−q). That k is not known: the L-skewness, whose standard error is 0.44/√n to
      0.53/√n, is raised by q/(5√n) before k is read from it. Least is k = ½: Gaussian iterates on a quadratic have gaps
      Σ λᵢzᵢ², and of these one square, χ²₁, is the most skewed.

    The lower limits are those of −X, negated. Where a sample is infinite, so are mean and limits; n = 1 gives (−∞, ∞).

    How often the upper end misses the mean of χ²₁ (skewness 2.83) and how often the lower one does, from 200,000 draws
    each (`tests/lab/test_limits.py` holds these numbers):

    =======  ==================  ==================  ==================
    tail     n = 32              n = 64              n = 256
    =======  ==================  ==================  ==================
    0.025    0.0211   0.0047     0.0218   0.0072     0.0232   0.0135
    0.005    0.0032   0.0002     0.0036   0.0005     0.0043   0.0013
    0.00025  0.0001   0          0.0001   0          0.0002   0
    =======  ==================  ==================  ==================

    So both ends keep their promise there, the lower one with much to spare, and so they did on every law Σ λᵢzᵢ² tried,
    shifted or not. Where tails are heavier than a Gaussian's square the upper end does not: of exp z, z a Gaussian
    (skewness 6.2), it misses the mean with probability 0.009, 0.009 and 0.008 for 0.005 and 32, 64 and 256 samples; of
    the square of a Laplace variable (skewness 15) with 0.010, 0.012 and 0.010. No limit could keep it for all laws:
    what few samples show of a law does not tell its tail.

    What no seed has seen may still happen with probability 1 − tail^(1/n). Where nothing is negative it may be 0, so
    the lower end is at most tail^(1/n)·X̄: without that, samples that are all alike would count as certainty.

    Sources: P. Hall, On the removal of skewness by transformation, J. R. Stat. Soc. B 54 (1992) 221–228; J. R. M.
    Hosking, L-moments, J. R. Stat. Soc. B 52 (1990) 105–124, for the L-moments of Gamma laws; that X̄ is independent of
    every ratio λ₂/X̄ in a Gamma law is Basu's theorem (1955). Their combination is this file's own, and calibrated.
    """
    return limits(summary(samples), tail)


def summary(samples: np.ndarray) -> Sample:
    """The statistics of samples [n, ...] that their limits rest on; infinite samples count as 0, see ``finite``."""
    n = samples.shape[0]
    finite = np.isfinite(samples).all(axis=0)
    safe = np.where(finite, samples, 0.0)
    scale = np.abs(safe).max(axis=0)
    scale = np.where(scale > 0, scale, 1.0)  # squares and cubes of what is left neither overflow nor vanish
    scaled = safe / scale
    mean = scaled.mean(axis=0)
    centred = scaled - mean
    spread = np.sqrt((centred**2).mean(axis=0))
    shape = np.where(spread > 0, centred / np.where(spread > 0, spread, 1.0), 0.0)
    difference, third = _l_moments(centred)
    l_skewness = np.where(difference > 0, third / np.where(difference > 0, difference, 1.0), 0.0)
    never_negative = finite & (samples >= 0).all(axis=0)
    skewness = (shape**3).mean(axis=0)
    return Sample(n, scale, mean, spread, skewness, difference, l_skewness, finite, never_negative)


def limits(
    sample: Sample, tail: float, seeds: np.ndarray | int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(low, mean, high) as `mean_limits` has them; of ``seeds`` samples that looked like these, where it is given."""
    from scipy.special import stdtrit  # heavy, and only expectations need it

    n = np.asarray(sample.n if seeds is None else seeds, dtype=float)
    if sample.n == 1:
        infinite, middle = np.full_like(sample.mean, np.inf), sample.mean * sample.scale
        return np.where(sample.finite, -infinite, infinite), np.where(sample.finite, middle, infinite), infinite
    a = sample.skewness / (3 * np.sqrt(n))
    quantile = -stdtrit(n - 1, tail)
    error = sample.spread / np.sqrt(n - 1)
    below = error * np.maximum(quantile, _inverse(quantile, a))
    above = error * np.maximum(quantile, -_inverse(-quantile, a))
    if sample.n >= FEWEST:
        raised = quantile / (5 * np.sqrt(n))
        below = np.maximum(below, sample.difference * _of_a_gamma_law(n, raised - sample.l_skewness, quantile))
        above = np.maximum(above, sample.difference * _of_a_gamma_law(n, raised + sample.l_skewness, quantile))
    mean, scale = sample.mean, sample.scale
    with np.errstate(over="ignore"):
        ends = (mean - below) * scale, mean * scale, (mean + above) * scale
    low, middle, high = (np.where(sample.finite, end, np.inf) for end in ends)
    return np.where(sample.never_negative, np.minimum(low, middle * tail ** (1 / n)), low), middle, high


def _inverse(y: np.ndarray, a: np.ndarray) -> np.ndarray:
    """g⁻¹(y), whose limit for vanishing skewness is y."""
    small = np.abs(a) < 1e-9
    safe = np.where(small, 1.0, a)
    return np.where(small, y, (np.cbrt(1 + 3 * safe * (y - safe / 2)) - 1) / safe)


def _l_moments(centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """λ₂ and λ₃ of samples [n, ...] about their mean: λ₂ = 2b₁, λ₃ = 6b₂ − 6b₁ with Hosking's unbiased b₁ and b₂."""
    n = centred.shape[0]
    if n < 3:
        return np.zeros_like(centred[0]), np.zeros_like(centred[0])
    i = np.arange(n, dtype=float).reshape(-1, *[1] * (centred.ndim - 1))
    ordered = np.sort(centred, axis=0)
    first = (ordered * (i / (n - 1))).mean(axis=0)
    second = (ordered * (i * (i - 1) / ((n - 1) * (n - 2)))).mean(axis=0)
    return 2 * first, 6 * (second - first)


def _of_a_gamma_law(n: np.ndarray, l_skewness: np.ndarray, quantile: np.ndarray) -> np.ndarray:
    """(2nk/χ²_p − 1)/w, p = Φ(−quantile), for the Gamma law of this L-skewness: half a limit's width over λ₂."""
    from scipy.special import gammaincinv, gammaln, ndtr

    k = _shape(np.clip(l_skewness, _SYMMETRIC, _MOST_SKEWED))
    width = np.exp(gammaln(k + 0.5) - gammaln(k + 1) - 0.5 * np.log(np.pi))
    return np.asarray((n * k / gammaincinv(n * k, ndtr(-quantile)) - 1) / width)


def _shape(l_skewness: np.ndarray) -> np.ndarray:
    """The shape k of the Gamma law of an L-skewness τ = 6 I_{1/3}(k, 2k) − 3 > 0, Hosking's to 5e-5, at least ½."""
    z = 3 * np.pi * l_skewness**2
    nearly_normal = (1 + 0.2906 * z) / (z + 0.1882 * z**2 + 0.0442 * z**3)
    z = 1 - l_skewness
    skewed = (0.36067 * z - 0.59567 * z**2 + 0.25361 * z**3) / (1 - 2.78861 * z + 2.56096 * z**2 - 0.77045 * z**3)
    return np.maximum(np.where(l_skewness < 1 / 3, nearly_normal, skewed), _LEAST_SHAPE)
