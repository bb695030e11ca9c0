"""Where a curve follows one law: its local slopes on a regular grid, and the longest stretch in which they stand still.

In u = ln t a power law is a line and in u = t a geometric one, so one search serves both. What lies outside the stretch
is excluded, with the reason at each end: a transient before; after it a plateau, a crossover to geometric decay, the
rounding floor, or the end of the run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Kind = Literal["power", "linear"]
LEAST = 3  # steps of the grid in a stretch: octaves of t for a power law, twelfths of the range of t for a linear one
POINTS = 5  # measured, in a stretch: what lies between them is interpolated
_PIECES = 12
_STEADY, _TWICE = 0.01, 2.0  # a stretch may move by 1 % of its slope, or twice as much as the stillest three steps do
_ABSOLUTE = {"power": 1e-3, "linear": 0.0}
_ALONE = 4.0  # of one local slope among many
_SIGMAS = 2.0  # of a random curve: movements that are no larger are noise
_NO_LAW = 0.1  # where even the stillest three steps move by more than this share of their slope
_FLAT, _FALLS = 0.2, 0.5  # a plateau falls at less than a fifth of the pace before it, and by less than this
_DOUBLES = 1.4  # geometric decay doubles the slope in ln t with every octave; on the way there it does so by this
_DRAWS = 400
_PEAKS, _RISE = 4, 1e-6  # of a curve that falls on the whole: it oscillates


@dataclass(frozen=True)
class Curve:
    """ln of a mean over seeds ``y`` [K] at ``t`` [K], all clean, and the same for bootstrap draws of the seeds [B, K].

    ``seeds`` is their number, 0 of a deterministic curve, which has no draws.
    ``after`` says what ended the clean part, "" at the end of the run; ``envelope`` that only peaks are left.
    """

    t: np.ndarray
    y: np.ndarray
    draws: np.ndarray | None = None
    after: str = ""
    envelope: bool = False
    seeds: int = 0

    def part(self, keep: np.ndarray) -> Curve:
        return replace(self, t=self.t[keep], y=self.y[keep], draws=None if self.draws is None else self.draws[:, keep])

    def x(self, kind: Kind) -> np.ndarray:
        return np.log(self.t) if kind == "power" else self.t


@dataclass(frozen=True)
class Grid:
    """A curve on a regular grid of u: ``y`` [N] at ``x`` [N], ``weights`` [N, K] that interpolate, ``p`` the slopes
    [N − 1], ``spread`` [N − 1] their standard deviations when seeds are drawn anew, 0 of a deterministic curve."""

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    spread: np.ndarray

    @property
    def p(self) -> np.ndarray:
        return np.asarray(np.diff(self.y) / np.diff(self.x))


@dataclass(frozen=True)
class Stretch:
    """Nodes ``first`` … ``last`` of a grid, and why it begins and ends there; not ``steady`` where no law shows."""

    first: int
    last: int
    begins: str
    ends: str
    steady: bool = True


def grid(curve: Curve, kind: Kind) -> Grid | None:
    """Doublings of t, or a little more, so that they fill the range; or twelve equal steps. None below three."""
    x = curve.x(kind)
    span = float(x[-1] - x[0]) if len(x) else 0.0
    count = int(span / math.log(2) + 1e-9) if kind == "power" else _PIECES if span > 0 else 0
    if count < LEAST or len(x) < POINTS:
        return None
    at = np.linspace(x[0], x[-1], count + 1)
    right = np.clip(np.searchsorted(x, at), 1, len(x) - 1)
    share = (at - x[right - 1]) / (x[right] - x[right - 1])
    weights = np.zeros((len(at), len(x)))
    rows = np.arange(len(at))
    weights[rows, right - 1], weights[rows, right] = 1 - share, share
    spread = np.zeros(count)
    if curve.draws is not None:
        spread = np.std(np.diff(curve.draws @ weights.T, axis=1) / np.diff(at), axis=0)
    return Grid(at, weights @ curve.y, weights, spread)


def without_plateau(curve: Curve, kind: Kind) -> Curve:
    """The curve before a plateau at its end, which is the stillest stretch of all and no rate."""
    for _ in range(4):  # cut, the rest has a finer grid
        found = grid(curve, kind)
        end = len(found.p) if found is not None else 0
        before = _before_plateau(curve, found) if found is not None else 0
        if found is None or before == end or before < 1:
            break
        curve = replace(curve.part(curve.x(kind) <= found.x[before]), after="plateau")
    return curve


def stretch(curve: Curve, kind: Kind, found: Grid) -> Stretch:
    """The longest run of grid steps whose slopes stand still, of equally long ones the stillest; of a random curve only
    where noise is so small that a movement would be seen.

    """
    p = found.p
    count = np.searchsorted(curve.x(kind), found.x + 1e-9 * (found.x[-1] - found.x[0]), side="right")
    spans = [(i, j) for i in range(len(p)) for j in range(i + LEAST, len(p) + 1) if count[j] - count[i] >= POINTS - 1]
    if not spans:
        return _late_half(curve, p)
    moves = {span: _movement(curve, found, *span) for span in spans}
    seen = [span for span in spans if moves[span][1] <= _TWICE * _NO_LAW * abs(float(np.median(p[slice(*span)])))]
    seen = seen or spans  # of noise alone no movement is seen
    least = min(moves[span][0] for span in seen)
    fits = []
    for i, j in seen:
        (move, _), around = moves[i, j], abs(float(np.median(p[i:j])))
        still = max(_TWICE * least, _STEADY * around, _ABSOLUTE[kind])
        law = move <= max(_TWICE * _NO_LAW * around, 10 * _ABSOLUTE[kind])
        if move <= still and law and least <= max(_NO_LAW * around, 10 * _ABSOLUTE[kind]):
            fits.append((j - i, -move, i, j))
    if not fits:
        return _late_half(curve, p)
    from convlab.lab.crossovers import SLOWER, late_span, passes_to_slower  # which knows this module's grids

    _, _, first, last = max(fits)
    ends = _why_it_ends(curve, p, last)
    if kind == "power" and last < len(p):
        late = late_span(curve, found, (first, last), [fit[2:] for fit in sorted(fits, reverse=True)])
        if late != (first, last):
            return Stretch(*late, "faster decay", curve.after)
        if passes_to_slower(curve, found, (first, last), (last, len(p))):
            ends = SLOWER
    return Stretch(first, last, "transient" if first > 0 else "", ends)


def _late_half(curve: Curve, p: np.ndarray) -> Stretch:
    """Where no law shows: the later half, so that the chord is at least one of the end."""
    first = len(p) // 2 if len(curve.t) >= 4 * LEAST else 0
    return Stretch(first, len(p), "the earlier half" if first else "", curve.after, steady=False)


def _movement(curve: Curve, found: Grid, first: int, last: int) -> tuple[float, float]:
    """How far the slope moves within a run of steps: the range of its local slopes. Of a random curve, whose local
    slopes are noise, the difference of those over both halves as far as it exceeds two standard deviations (or of one
    local slope from the others, four), and this deviation, which says how well a movement would be seen."""
    if curve.draws is None:
        return float(np.ptp(found.p[first:last])), 0.0
    middle = (first + last + 1) // 2
    row = slope_row(found, middle, last) - slope_row(found, first, max(middle, first + 1))
    sigma = float(np.std(curve.draws @ row))
    local, spread = found.p[first:last], found.spread[first:last]
    alone = float(np.max(np.abs(local - np.median(local)) - _ALONE * spread))
    return max(0.0, alone, abs(float(row @ curve.y)) - _SIGMAS * sigma), sigma


def slope_row(found: Grid, first: int, last: int) -> np.ndarray:
    """The row that takes a curve to its least squares slope over some steps of the grid."""
    x = found.x[first : last + 1]
    centred = x - x.mean()
    return np.asarray(centred @ found.weights[first : last + 1] / np.sum(centred**2))


def _before_plateau(curve: Curve, found: Grid) -> int:
    """How many steps come before a plateau: a tail that falls at less than a fifth of the pace before it, ever slower
    or not at all, and by less than a factor of e^(1/2) altogether. A slow law after a fast transient is none."""
    p = found.p
    if curve.draws is not None:
        return _before_noise_plateau(curve, found)
    fastest = float(-p.min(initial=0.0))
    end = len(p)
    while end > 0 and abs(p[end - 1]) < _FLAT * fastest:
        end -= 1
    if fastest <= 0 or end == len(p) or float(found.y[end] - found.y[-1]) > _FALLS:
        return len(p)
    goes_on = len(p) - end >= LEAST and p[-1] < 0.5 * min(p[end], 0.0) < 0
    return len(p) if goes_on else end


def _before_noise_plateau(curve: Curve, found: Grid) -> int:
    """The same of a random curve, whose single steps are noise: of tails of three steps and more the longest that on
    the whole falls so slowly, and surely so."""
    assert curve.draws is not None
    size = len(found.p)

    def slope(first: int, last: int) -> tuple[float, float]:
        row = slope_row(found, first, last)
        return float(row @ curve.y), float(np.std(curve.draws @ row)) if curve.draws is not None else 0.0

    paces = [slope(i, i + LEAST) for i in range(size - LEAST + 1)]
    fastest = max((-(value + _SIGMAS * sigma) for value, sigma in paces), default=0.0)
    if fastest <= 0:
        return size
    for first in range(1, size - LEAST + 1):
        value, sigma = slope(first, size)
        falls = float(found.y[first] - found.y[-1])
        if _SIGMAS * sigma - value < _FLAT * fastest and falls < _FALLS and abs(value) < _SIGMAS * sigma:
            return first
    return size


def _why_it_ends(curve: Curve, p: np.ndarray, last: int) -> str:
    if last == len(p):
        return curve.after
    inside, beyond = float(np.median(p[max(last - LEAST, 0) : last])), p[last:]
    if np.all(beyond < inside):
        return "crossover to geometric" if beyond[-1] < _DOUBLES * beyond[max(-2, -len(beyond))] else "faster decay"
    slower = "plateau" if curve.after == "plateau" else "slower decay"
    return slower if float(np.median(beyond)) > inside else "the slope moves"


def peaks(curve: Curve) -> np.ndarray:
    """The local maxima that no later point exceeds."""
    later = np.maximum.accumulate(curve.y[::-1])[::-1]
    inner = (curve.y[1:-1] > curve.y[:-2]) & (curve.y[1:-1] >= curve.y[2:]) & (curve.y[1:-1] >= later[1:-1])
    return np.flatnonzero(inner) + 1


def oscillates(curve: Curve, kind: Kind) -> bool:
    """Whether a deterministic curve that falls on the whole goes on rising in between."""
    if curve.draws is not None or len(curve.y) < 2 * LEAST or curve.y[-1] >= curve.y[0]:
        return False
    x, high = curve.x(kind), peaks(curve)
    rises = curve.y[high] - np.minimum(curve.y[high - 1], curve.y[high + 1]) > _RISE
    late = x[high] >= 0.5 * (x[0] + x[-1])
    return int(rises.sum()) >= _PEAKS and int((rises & late).sum()) >= _PEAKS // 2


def envelope(curve: Curve, kind: Kind) -> Curve:
    """The peaks of an oscillating curve, of each grid step the highest above the line through all."""
    high = peaks(curve)
    x, y = curve.x(kind)[high], curve.y[high]
    width = math.log(2) if kind == "power" else (x[-1] - x[0]) / _PIECES
    above = y - np.polyval(np.polyfit(x, y, 1), x)
    step = np.minimum(((x[-1] - x) / width).astype(int), 10_000)
    best = [int(high[step == s][int(np.argmax(above[step == s]))]) for s in np.unique(step)]
    top = replace(curve.part(np.array(sorted(best))), envelope=True)
    return replace(top, draws=_scattered(top.x(kind), top.y), seeds=max(len(top.y) - 1, 2))


def _scattered(x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    """Peaks drawn anew, each by as much as peaks scatter about the chord of their neighbours (a fixed generator).

    Checkpoints hit an oscillation at phases of their own, so its sampled peaks scatter below the true envelope.
    """
    if len(y) < LEAST + 2:
        return None
    share = (x[1:-1] - x[:-2]) / (x[2:] - x[:-2])
    off = y[1:-1] - (1 - share) * y[:-2] - share * y[2:]
    sigma = math.sqrt(float(np.mean(off**2 / (1 + share**2 + (1 - share) ** 2))))
    return np.asarray(y + sigma * np.random.default_rng(0).standard_normal((_DRAWS, len(y))))
