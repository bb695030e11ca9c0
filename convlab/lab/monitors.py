"""Monitors: hypotheses held against a run. A constant that the measured points contradict is no constant of this risk.

A theorem is true only where its hypotheses are, and a bound with a wrong L proves nothing when it is exceeded. So what
a theorem asks of R is asked of the points first: the `inequalities` that hold at every one of them, σ* at the certified
minimiser itself, and, along gradient descent with the step 1/L on a convex R, two potentials that never grow,

    V_t = t·gap_t + (L/2)‖θ_t − θ*‖²,      W_t = (2t + 1)L·gap_t + t(t + 2)‖∇R(θ_t)‖² + L²‖θ_t − θ*‖².

A monitor sees a constant only where the run went. An L that is too small in a direction that the run never took, or
beyond the points that it visited, is not found, nor is one that the run had no need of: a silent monitor is no proof.
The noise is measured where a theorem in play reads a constant of it.

Source of the potentials: Bansal and Gupta, Theory Comput. 15 (2019), for V; Taylor and Bach, COLT 2019, for W.
"""

from __future__ import annotations

import math

import numpy as np

from convlab.core.setting import EXACT_EXPECTATION, Setting
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.lab import potentials, rounding
from convlab.lab.inequalities import FROM_BELOW, INEQUALITIES, Inequality
from convlab.lab.intervals import Points, ends

_EQUAL = 1e-9  # nearer excesses are equal, so that no machine's last digit decides which is told
MONITORED = (*dict.fromkeys(name for one in INEQUALITIES for name in one.constants), "sigma_star")


def failed_hypothesis(theorem: Theorem, trace: Trace) -> str | None:
    """The first hypothesis on a constant that the theorem reads and the measured points contradict, as a sentence.

    None where there is none to be seen: see above for what cannot be.
    """
    setting = trace.setting
    asked = [(monitor, name) for monitor in INEQUALITIES for name in monitor.constants if name in theorem.constants]
    asked = [(one, name) for one, name in asked if not one.beside or one.beside in theorem.constants]
    watching = [(monitor, name) for monitor, name in asked if _follows(monitor, name, setting)]
    if "sigma_star" in theorem.constants and (found := _noise_at_the_minimiser(trace)) is not None:
        return found
    if not watching:
        return None
    found_at = {output: ends(trace, output) for output in trace.measured}
    for monitor, name in watching:
        for output, (low, high) in found_at.items():
            found = _contradiction(monitor, name, trace, low, high)
            if found is not None:
                where = "" if output == "last" else f" of the output '{output}'"
                return found + where + _verdict(monitor, name, trace)
    if "L" in theorem.constants and _sound(setting, "L", "lower bound"):
        raised = potentials.raised(trace)
        return None if raised is None else f"{raised}: L is larger than {setting['L']:.6g}"
    return None


def _noise_at_the_minimiser(trace: Trace) -> str | None:
    """σ* against what f_t shows at θ* itself: ``observed`` holds a lower end of it."""
    known, seen = trace.setting.known.get("sigma_star"), trace.observed.get("sigma_star", 0.0)
    if known is None or not _sound(trace.setting, "sigma_star", "lower bound") or not seen > known.value:
        return None
    by = f"{100 * (seen / known.value - 1):.3g}%" if known.value > 0 else "all of it"
    told = f"√(E‖∇f_t‖²) exceeds sigma_star by {by} at the certified minimiser"
    return f"hypothesis failed: {told}: sigma_star is larger than {known.value:.6g}"


def _follows(monitor: Inequality, name: str, setting: Setting) -> bool:
    """Whether the inequality follows from what the setting claims, with the constant on the side it is known from."""
    if not monitor.traits <= setting.traits:
        return False
    if monitor.beside and not _sound(setting, monitor.beside, _wrong_side(monitor.beside)):
        return False
    if (setting.options.get("project", False) or setting.options.get("prox", False)) and not monitor.on_sets:
        return False
    if EXACT_EXPECTATION in setting.traits and not monitor.of_means:
        return False
    if monitor.at_start and setting.dtype != "float64":  # the run started at θ0 rounded
        return False
    return _sound(setting, name, _wrong_side(name))


def _wrong_side(name: str) -> str:
    return "upper bound" if name in FROM_BELOW else "lower bound"


def _sound(setting: Setting, name: str, wrong_side: str) -> bool:
    """Whether a constant is known well enough to be contradicted."""
    known = setting.known.get(name)
    return known is not None and known.how not in ("estimated", wrong_side) and 0 <= known.value < math.inf


def _contradiction(monitor: Inequality, name: str, trace: Trace, low: Points, high: Points) -> str | None:
    """Where the lower end of the left side exceeds the upper end of the right one by most, in words."""
    c, m = trace.setting[name], trace.setting[monitor.beside] if monitor.beside else 0.0
    beyond = 2 * (trace.dimension + 8) * rounding.unit(trace.setting.dtype)  # a set's edge, as a point on it is stored
    with np.errstate(all="ignore"):  # runs that diverge, and constants that are 0
        left, right = monitor.left(low, c, m), monitor.right(high, c, m)
        right = right * (1 + beyond) if trace.setting.options.get("project", False) else right
        excess = np.where(np.isfinite(left) & np.isfinite(right) & (left > right), left / right, 0.0)
    if monitor.at_start:
        excess = np.where(trace.t == 0, excess, 0.0)
    if not excess.any():
        return None
    k = int(np.argmax(excess.max(axis=0) >= excess.max() * (1 - _EQUAL)))
    said = [side.format(c=name) for side in monitor.words]
    by = f"{100 * (float(excess.max()) - 1):.3g}%"
    return f"hypothesis failed: {said[0]} exceeds {said[1]} by {by} at t = {int(trace.t[k])}"


def _verdict(monitor: Inequality, name: str, trace: Trace) -> str:
    side = "larger" if monitor.too_small else "smaller"
    known = trace.setting.known
    other = "smaller" if monitor.beside in FROM_BELOW else "larger"
    beside = f", or {monitor.beside} is {other} than {known[monitor.beside].value:.6g}" if monitor.beside else ""
    return f": {name} is {side} than {known[name].value:.6g}{beside}"
