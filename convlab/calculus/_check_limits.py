"""Limits of difference quotients as h → 0, with bounds on their errors that the quotients themselves show.

A sequence A_k = A(h_k), h_k = h_0 2^{-k}, carries a truncation error that falls with h and a rounding error that grows
like ε/h. Both are read off the values: ε from the scatter of f's values about the polynomials through their neighbours,
the truncation error from how much the columns of Richardson's table still move (Ridders 1982). The limit is sought from
the finest h upwards: a coarser quotient improves the estimate only while it agrees with the finer ones, so that a kink
or an oscillation at a distance ends the search and does not spoil it.

Arrays are K × E: the steps, falling by 2, times whatever is looked at (directions and outputs, flattened).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

COLUMNS = 5  # of Richardson's table, the plain quotients included
AGREE = 4.0  # two estimates agree within so many times the sum of their bounds
OCTAVES = 12  # over so many halvings of h a growth has to be steady
_REACH = 3  # so many steps on either side are asked for their scatter
_RISE = 1e5  # values that scatter by so much more than the finest ones do are no rounding: f is not resolved there


class Limit(NamedTuple):
    """value ± error, found at step ``at``; the error is infinite where no finite quotient was seen."""

    value: np.ndarray
    error: np.ndarray
    at: np.ndarray


class Rounding(NamedTuple):
    """ε_k, the error of f's values at each step, K × E; where ``resolved``, it is one of rounding, and elsewhere of
    wiggles of f that the steps are too large for; ``least`` is what rounding alone leaves of it; ``lost`` is what f
    swallows of a change, 0 where nothing."""

    size: np.ndarray
    resolved: np.ndarray
    least: np.ndarray
    lost: np.ndarray


def rounding(values: np.ndarray, middle: np.ndarray, unit: float) -> Rounding:
    """The error of f's values on one side of x: how they scatter about cubics through their neighbours in h, twice the
    largest of seven, and at least two units in the last place of f. f's own terms may be far larger than f; then the
    scatter shows it. Where it is 1e5 times that of the finest steps, f is not resolved.
    """
    columns = richardson(values, 2)
    scatter = np.zeros(values.shape)
    scatter[:-1] = np.abs(columns[3][:-1] - columns[3][1:]) / np.linalg.norm(np.convolve(_weights(2, 3), [1.0, -1.0]))
    scatter[~np.isfinite(scatter)] = 0.0
    scatter[-COLUMNS + 1 :] = scatter[-2 * COLUMNS + 2 : -COLUMNS + 1].max(axis=0)  # these have too few neighbours
    floor = 2 * unit * np.fmax(np.abs(np.where(np.isfinite(values), values, 0.0)), np.abs(middle))
    lost = _lost(values, middle, scatter, floor)
    near = np.maximum(2 * _windows(scatter, _REACH).max(axis=0), floor)
    size = np.maximum.accumulate(near[::-1])[::-1]  # no less than at finer steps, even where their digits align
    finest = np.maximum(np.maximum(2 * scatter[-8:].max(axis=0), floor[-8:].max(axis=0)), lost.max(axis=0))
    return Rounding(size, size <= _RISE * finest, np.minimum(size, np.maximum(finest, floor)), lost)


def _lost(values: np.ndarray, middle: np.ndarray, scatter: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """What is lost of a change in f's larger terms, as in (a + x) − a, a = 1e10, or on a stair. Three signs of it:

    at one halving of h the change drops by a factor of 100 or to zero, where above that the values had scattered by as
    much for eight octaves; or where the quotients had been equal (of a kink at a distance they fall by half before); or
    the scatter, where it was for eight octaves, drops by more than 100, and to f's last digits at once.
    """
    change, found = np.abs(values - middle), np.zeros(values.shape)
    drops = np.zeros(values.shape, bool)
    drops[1:] = (change[1:] * 100 < change[:-1]) & np.isfinite(change[:-1])
    calm = scatter <= 30 * floor
    falls = np.zeros(values.shape, bool)
    falls[1:] = calm[1:] & (scatter[:-1] > 200 * np.maximum(scatter[1:], floor[1:]))  # by 2⁵ where f is smooth
    for k in np.flatnonzero((drops | falls).any(axis=1)):
        if not 10 <= k < len(values) - 1:
            continue
        above = scatter[max(k - 11, 0) : k - 3]
        typical = np.median(above, axis=0)
        even = (above.max(axis=0) < 30 * typical) & (np.sum(above > typical / 30, axis=0) > 0.7 * len(above))
        logs = np.log2(np.maximum(above, 1e-300))
        half, rates = len(logs) // 2, np.diff(logs, axis=0)
        even &= np.mean(logs[:half], axis=0) - np.mean(logs[half:], axis=0) < 0.6 * half  # kinks at a distance: like h
        same = (np.abs(np.diff(rates, axis=0)) < 0.1) & (np.abs(rates[1:]) > 0.2)
        even &= ~(same[:-1] & same[1:]).any(axis=0)  # a power of h is no scatter
        quiet = falls[k] & even & (typical > 3e4 * floor[k]) & calm[k : k + COLUMNS].all(axis=0)
        steady = (typical > change[k - 1] / 50) & (typical < change[k - 1] * 50)
        slope = change[k - 8 : k] * 2.0 ** np.arange(-7, 1)[:, None]
        level = (np.abs(slope[:4] - slope[4]) <= 0.1 * slope[4]).all(axis=0) & (slope[-1] > 0.6 * slope[4])
        here = np.maximum(np.where(drops[k] & (steady | level), change[k - 1], 0.0), np.where(quiet, 2 * typical, 0.0))
        found[k:] = np.maximum(found[k:], here)
    return found


def limit(sequence: np.ndarray, base: int, noise: np.ndarray) -> Limit:
    """The limit of each sequence: ``base`` is 2 for an expansion in h, 4 for one in h², ``noise`` its rounding error.

    A fractional power of h, as of |x|^1.5, is no term of the expansion: where the changes fall by the same, slow ratio
    step by step, the bound is that of the geometric series which they then form.
    """
    columns = richardson(sequence, base)
    value, error = columns[0], np.full(sequence.shape, np.inf)
    for p, column in enumerate(columns):
        bound = _bound(columns, p, base, noise)
        value, error = np.where(bound < error, column, value), np.minimum(bound, error)
    return _from_the_finest(value, error)


def growth(quotients: np.ndarray, noise: np.ndarray, h: np.ndarray) -> tuple[float, float]:
    """(a, height) where |quotients| of one entry grow like height·h^-a down to the finest h or to rounding; a = 0: no.

    a = 1 is a jump of f, by ``height``; 0 < a < 1 is a vertical tangent. ``noise`` is the rounding error of f's values.
    """
    change, noise = np.abs(quotients) * h, np.where(np.isfinite(noise), noise, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.diff(np.log2(np.abs(quotients)))
    for last in range(len(h) - 1, OCTAVES - 1, -1):
        run = slopes[last - OCTAVES : last]
        if not np.isfinite(run).all() or run.min() < 0.02 or np.ptp(run) > 0.1:
            continue
        a = float(np.mean(run))
        if not change[last - OCTAVES] > 30 * noise[-1]:
            return 0.0, 0.0
        if last + 1 < len(h):  # what follows is hidden by rounding, as h^(1-a) foretells
            hidden = (change[last + 1 :] <= 30 * noise[last + 1 :]).all() and a < 0.98
            hidden = hidden and change[last] * 2 ** (a - 1) <= 120 * noise[last + 1]
            if not hidden:
                return 0.0, 0.0
        return a, float(quotients[last] * h[last] ** a)
    return 0.0, 0.0


def richardson(sequence: np.ndarray, base: int) -> list[np.ndarray]:
    """Columns A⁰ = A, A^p_k = (bᵖ A^{p−1}_{k+1} − A^{p−1}_k)/(bᵖ − 1): column p is free of the first p terms."""
    columns = [sequence]
    for p in range(1, COLUMNS):
        last, following = columns[-1], np.full(sequence.shape, np.nan)
        following[:-1] = last[1:] + (last[1:] - last[:-1]) / (float(base**p) - 1)
        columns.append(following)
    return columns


def _weights(base: int, p: int) -> np.ndarray:
    """Column p as a combination of A_k, …, A_{k+p}."""
    weights = np.ones(1)
    for order in range(1, p + 1):
        weights = np.convolve(weights, [-1.0, float(base**order)]) / (base**order - 1)
    return weights


def _bound(columns: list[np.ndarray], p: int, base: int, noise: np.ndarray) -> np.ndarray:
    """Rounding, 2^i-fold at the i-th halving of h, and what the column and the one before it still move."""
    column = columns[p]
    rounded = noise * (np.abs(_weights(base, p)) @ 2.0 ** np.arange(p + 1))
    moved = np.full(column.shape, np.nan)
    moved[:-1] = np.abs(column[:-1] - column[1:])
    factor = _remaining(moved, p)
    if p > 0:
        moved[:-1] = np.maximum(moved[:-1], np.abs(column[:-1] - columns[p - 1][1:]))
    error = rounded + moved * factor
    return np.where(np.isfinite(error) & np.isfinite(column), error, np.inf)


def _remaining(moved: np.ndarray, p: int) -> np.ndarray:
    """q/(1 − q), at least 1: what is left of a geometric series, where the ratio q of its terms is steady; else 1."""
    known = len(moved) - p - 2  # the others have no neighbours to be compared with
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(moved[1 : known + 1] == 0, 0.0, moved[1 : known + 1] / moved[:known])
    near = _windows(np.where(np.isfinite(ratio), ratio, 0.0), 2)
    q = np.minimum(np.median(near, axis=0), 1 - 1e-4)
    steady = np.sum(np.abs(near - q) < 0.05, axis=0) >= 3
    return np.pad(np.where(steady, np.maximum(q / (1 - q), 1.0), 1.0), ((0, len(moved) - known), (0, 0)), mode="edge")


def _windows(values: np.ndarray, reach: int) -> np.ndarray:
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([padded[i : i + len(values)] for i in range(2 * reach + 1)])


def _from_the_finest(values: np.ndarray, errors: np.ndarray) -> Limit:
    """The estimate with the least bound of all that agree with every finer one; two in a row that do not end it."""
    entries = values.shape[1]
    value, error, at = np.zeros(entries), np.full(entries, np.inf), np.full(entries, len(values) - 1)
    against = np.zeros(entries, int)
    for k in range(len(values) - 1, -1, -1):
        known = np.isfinite(errors[k]) & (against < 2)
        with np.errstate(invalid="ignore"):
            agrees = known & ~(np.abs(values[k] - value) > AGREE * (errors[k] + error))
        against = np.where(known, np.where(agrees, 0, against + 1), against)
        better = agrees & (errors[k] < error)
        value, error = np.where(better, values[k], value), np.where(better, errors[k], error)
        at = np.where(better, k, at)
    return Limit(value, error, at)
