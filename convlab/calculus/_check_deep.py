"""A second look from zeros, where steps may be as small as one likes: 0 + h v is exact, and no scale of x is known.

What looks like a kink or a jump at steps down to 1e-15 may be a smooth function of another scale, as tanh(1e20 x) is.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from convlab.calculus import _check_samples
from convlab.calculus._check_findings import EDGE, NOISE, SMOOTH, STAIRS, Findings, Place, find
from convlab.calculus._check_samples import Samples

_LEAST = 24  # steps that there have to be


def steps(unit: float) -> np.ndarray:
    """Down to 2^-400 in float64 and 2^-60 in float32, where cubes of them underflow."""
    return _check_samples.steps(unit, smallest=-60 if unit > 1e-10 else -400)


def look(samples: Samples) -> dict[Place, tuple[Findings, Place]]:
    """Findings per direction and output, from the steps above those at which f no longer moves: there its changes
    underflow, or are lost in f(x)."""
    with np.errstate(invalid="ignore"):
        moves = (samples.right != samples.middle) | (samples.left != samples.middle)
    depth = np.where(moves.any(axis=1), samples.h.size - np.argmax(moves[:, ::-1], axis=1), 0)
    found: dict[Place, tuple[Findings, Place]] = {}
    for last in np.unique(depth[depth >= _LEAST]):
        part = dataclasses.replace(
            samples, h=samples.h[:last], right=samples.right[:, :last], left=samples.left[:, :last]
        )
        findings = find(part)
        for d, i in np.argwhere(depth == last):
            found[int(d), int(i)] = (findings, (int(d), int(i)))
    return found


def merge(base: Findings, directions: np.ndarray, deeper: dict[Place, tuple[Findings, Place]]) -> Findings:
    """``base`` with what the deeper look found in its ``directions``, where that says more. That f is not finite there
    is no finding: its own powers underflow."""
    kind, value, error = base.kind.copy(), base.value.copy(), base.error.copy()
    growth, taken = dict(base.growth), {}
    for (d, i), (findings, at) in deeper.items():
        place = (int(directions[d]), i)
        here = (findings.kind[at], findings.value[at], findings.error[at])
        if here[0] in (NOISE, STAIRS, EDGE) or not _says_more(here, base, place):
            continue
        kind[place], value[place], error[place] = findings.kind[at], findings.value[at], findings.error[at]
        taken[place] = (findings, at)
        growth.pop(place, None)
        if at in findings.growth:
            growth[place] = findings.growth[at]
    return dataclasses.replace(base, kind=kind, value=value, error=error, growth=growth, deeper=taken)


def _says_more(here: tuple[str, float, float], base: Findings, place: Place) -> bool:
    """A derivative found at smaller steps replaces a kink or a jump only where it is known well: quotients that grow
    slowly, like a logarithm, look like a limit when each is asked for a twelfth of its digits."""
    kind, value, error = here
    if kind != SMOOTH:
        return True
    if base.kind[place] == SMOOTH and error < base.error[place]:
        return True
    nearby = max(abs(float(base.right.value[place])), abs(float(base.left.value[place])))
    return error <= 1e-3 * max(abs(value), nearby)
