"""What the difference quotients say of f at x, for each direction and output: the derivative, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from convlab.calculus import _check_limits
from convlab.calculus._check_limits import AGREE, Limit, Rounding
from convlab.calculus._check_samples import Samples

SMOOTH, KINK, GROWS, EDGE, STAIRS, NOISE = "smooth", "kink", "grows", "edge", "stairs", "noise"
BROKEN = (KINK, GROWS, EDGE)
Place = tuple[int, int]  # direction and output
_NEARBY = 2.0**-3  # of the scale of x
_STEPS = 2.0**17  # a stair of more steps than that nearby is made by rounding, not on purpose
_FINEST = 8  # f is defined on a side where it is at the finest steps


@dataclass(frozen=True)
class Findings:
    """Per direction and output, d × m: its kind; Df[v] ± error where it is smooth; the limits from either side.

    ``growth`` holds (a, height) of quotients that grow like h^-a, right and left; ``change`` the largest |f(x ± h v) −
    f(x)|/h nearby that is no rounding, ``still`` whether f did not move beyond its last digits; ``rounding`` is ε_k,
    d × K × m.
    """

    samples: Samples
    kind: np.ndarray
    value: np.ndarray
    error: np.ndarray
    right: Limit
    left: Limit
    growth: dict[Place, tuple[tuple[float, float], tuple[float, float]]]
    change: np.ndarray
    still: np.ndarray
    rounding: np.ndarray
    deeper: dict[Place, tuple[Findings, Place]] = field(default_factory=dict)  # what was looked at again, and where

    def quotients(self, at: Place) -> tuple[np.ndarray, np.ndarray]:
        """(right, left) of one direction and output, K each."""
        d, i = at
        samples = self.samples
        with np.errstate(all="ignore"):
            right = (samples.right[d, :, i] - samples.middle[i]) / samples.h
            left = (samples.middle[i] - samples.left[d, :, i]) / samples.h
        return right, left


def find(samples: Samples) -> Findings:
    """Look for the limits of all quotients, and say of each direction and output which kind it is."""
    d, K, m = samples.right.shape
    h = samples.h[:, None]
    right, left = (side.transpose(1, 0, 2).reshape(K, d * m) for side in (samples.right, samples.left))
    middle = np.broadcast_to(samples.middle, (d, m)).reshape(-1)
    with np.errstate(all="ignore"):
        sides = [_check_limits.rounding(side, middle, samples.unit) for side in (right, left)]
        quotients = ((right - middle) / h, (middle - left) / h)
        lost = np.maximum(sides[0].lost, sides[1].lost)
        plain = _limits(quotients, sides, h, np.zeros_like(lost))
        two_sided, from_right, from_left = _limits(quotients, sides, h, lost) if lost.any() else plain
        clear = np.where(h <= _NEARBY, 30 * _size(sides) / h, np.inf)
        change = np.maximum(*(_largest(np.where(np.abs(each) > clear, np.abs(each), 0.0)) for each in quotients))
        moved = np.maximum(*(_largest(np.abs(side - middle)) for side in (right, left)))
    reach = np.maximum(*(_largest(np.where(h <= _NEARBY, np.abs(side - middle), 0.0)) for side in (right, left)))
    few = reach < _STEPS * lost.max(axis=0)
    stairs = few & (np.abs(two_sided.value - plain[0].value) > AGREE * (two_sided.error + plain[0].error))
    defined = [np.isfinite(side[-_FINEST:]).all(axis=0) for side in (right, left)]
    growth: dict[Place, tuple[tuple[float, float], tuple[float, float]]] = {}
    kind = np.full(d * m, SMOOTH, dtype="<U6")
    kind[_drowned(two_sided, sides, moved, middle, samples.unit)] = NOISE
    kind[stairs] = STAIRS
    kind[_kinked(from_right, from_left, samples.unit) & (kind == SMOOTH)] = KINK
    kind[~(defined[0] & defined[1])] = EDGE
    for e in np.flatnonzero(~_settled(from_right) | ~_settled(from_left)):
        found = [_check_limits.growth(q[:, e], s.size[:, e], samples.h) for q, s in zip(quotients, sides, strict=True)]
        if max((abs(height) for a, height in found if a), default=0.0) > 10 * lost[:, e].max():
            kind[e], growth[divmod(int(e), m)] = GROWS, (found[0], found[1])
    floor = 8 * samples.unit * np.abs(middle)
    least = np.maximum(sides[0].least, sides[1].least).reshape(K, d, m).transpose(1, 0, 2)

    def shaped(limit: Limit) -> Limit:
        return Limit(*(part.reshape(d, m) for part in limit))

    value, error, _ = shaped(two_sided)
    return Findings(
        samples, kind.reshape(d, m), value, error, shaped(from_right), shaped(from_left), growth,
        change.reshape(d, m), (moved <= floor).reshape(d, m), least,
    )  # fmt: skip


def _limits(
    quotients: tuple[np.ndarray, np.ndarray], sides: list[Rounding], h: np.ndarray, lost: np.ndarray
) -> tuple[Limit, Limit, Limit]:
    """The two-sided limit, those from the right and the left. The two-sided one is that of the central quotients or,
    where these say more, of the mean of both sides: |x| x has no expansion in h², but one from either side."""
    # f(x) is in the quotients of either side, and its own error in none of the scatters: it has that of both sides
    noise = np.where(sides[0].resolved & sides[1].resolved, np.maximum(_size(sides), lost) / h, np.inf)
    right, left = (_check_limits.limit(quotient, 2, 2 * noise) for quotient in quotients)
    central = _check_limits.limit(0.5 * (quotients[0] + quotients[1]), 4, noise)
    value, error = 0.5 * (right.value + left.value), 0.5 * (right.error + left.error)
    mean = error < central.error
    at = np.maximum(right.at, left.at)
    both = Limit(
        np.where(mean, value, central.value), np.where(mean, error, central.error), np.where(mean, at, central.at)
    )
    return both, right, left


def _kinked(right: Limit, left: Limit, unit: float) -> np.ndarray:
    """Where the one-sided limits differ by more than their bounds, and by more than pieces of a library's function do
    that are fitted together to within rounding."""
    size = np.maximum(np.abs(right.value), np.abs(left.value))
    found: np.ndarray = np.isfinite(right.error) & np.isfinite(left.error)
    found &= np.abs(right.value - left.value) > AGREE * (right.error + left.error) + np.sqrt(unit) * size
    return found


def _settled(limit: Limit) -> np.ndarray:
    found: np.ndarray = (limit.error <= 1e-3 * np.abs(limit.value)) | (limit.error == 0)
    return found


def _drowned(limit: Limit, sides: list[Rounding], moved: np.ndarray, middle: np.ndarray, unit: float) -> np.ndarray:
    """Where f's values scatter far more than f's own last digits, and f does not move more than they scatter."""
    entries = np.arange(middle.size)
    noise = _size(sides)[limit.at, entries]
    found: np.ndarray = (noise > 1e3 * unit * (np.abs(middle) + moved)) & (moved < 30 * noise)
    return found


def _size(sides: list[Rounding]) -> np.ndarray:
    found: np.ndarray = np.maximum(sides[0].size, sides[1].size)
    return found


def _largest(values: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.max(np.where(np.isfinite(values), values, 0.0), axis=0)
    return found
