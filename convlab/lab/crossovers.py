"""Where a power law passes to a slower one, the slower one is the rate: what is slower wins in the end.

g = t^(−2) + c/t is steadiest early on, at −2, and yet falls like 1/t. So where what follows a window falls more slowly,
goes on falling to the end, and is no plateau, the late part is preferred if it stands still. If it is still on its way,
the interval has to reach to where it has come, and to where it tends.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convlab.lab.windows import LEAST, Curve, Grid, slope_row

__all__ = ["SLOWER", "late_span", "passes_to_slower"]
SLOWER = "crossover to slower decay"
_FALLS = 0.5  # of ln g: what falls by less may be the bend to a plateau
_SLOWER = 0.9  # of the slope in the window, at most
_SIGMAS = 2.6
_SAME = 0.5  # of the way from the window's slope to the late one: without a constant a bend to a plateau goes back


def late_span(curve: Curve, found: Grid, chosen: tuple[int, int], steady: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The longest steady span of grid steps that ends with the curve, where it follows the chosen one and falls more
    slowly; else the chosen one."""
    size = len(found.p)
    late = [(i, j) for i, j in steady if j == size and i >= chosen[1]]
    return late[0] if late and passes_to_slower(curve, found, chosen, min(late)) else chosen


def passes_to_slower(curve: Curve, found: Grid, window: tuple[int, int], late: tuple[int, int]) -> bool:
    """Whether the curve falls more slowly over the late steps than in the window, by more than noise, and falls on."""
    inside, beyond = slope_row(found, *window), slope_row(found, *late)
    before, after = float(inside @ curve.y), float(beyond @ curve.y)
    if not _SLOWER * before < after < 0 or curve.after == "plateau" or found.y[late[0]] - found.y[late[1]] < _FALLS:
        return False
    if curve.draws is not None:
        moved = float(np.std(curve.draws @ (beyond - inside)))
        return after - before > _SIGMAS * moved and -after > _SIGMAS * float(np.std(curve.draws @ beyond))
    if np.any(np.diff(found.y[late[0] : late[1] + 1]) >= 0):
        return False
    return not _bends_to_a_plateau(found, before, late)


def _bends_to_a_plateau(found: Grid, before: float, late: tuple[int, int]) -> bool:
    """Whether g(t) − g(2t), from which a constant has gone, falls on as g did in the window."""
    nodes = found.y[max(late[1] - LEAST, 0) : late[1] + 1]
    falls = nodes[:-1] - nodes[1:]
    without = nodes[:-1] + np.log(-np.expm1(-falls))
    step = float(found.x[1] - found.x[0])
    last, late_slope = float(without[-1] - without[-2]) / step, -float(falls[-1]) / step
    return last < late_slope + _SAME * (before - late_slope)
