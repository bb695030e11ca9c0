"""Monitors: hypotheses held against a run. A constant that the measured points contradict is no constant of this risk.

A theorem is true only where its hypotheses are, and a bound with a wrong L proves nothing when it is exceeded. So what
a theorem asks of R is asked of the points first, as inequalities between gap, ‖∇R‖² and ‖θ − θ*‖² that hold at every
point θ, wherever an algorithm found it, and of two points that one exact gradient step joins:

    R is L-smooth on all of space              ‖∇R‖² ≤ 2L·gap,  gap ≤ (L/2)‖θ − θ*‖²,
                                               R(θ_{t+1}) ≤ R(θ_t) − η(1 − Lη/2)‖∇R(θ_t)‖²,
      and convex                               gap + ‖∇R‖²/(2L) ≤ ‖∇R‖·‖θ − θ*‖,
      and μ-strongly convex                    2(L − μ)·gap + ‖∇R‖² + Lμ‖θ − θ*‖² ≤ 2L‖∇R‖·‖θ − θ*‖,
      and quadratic                            ‖∇R‖² + Lμ‖θ − θ*‖² ≤ 2(L + μ)·gap,
    R is μ-strongly convex                     (μ/2)‖θ − θ*‖² ≤ gap,  gap + (μ/2)‖θ − θ*‖² ≤ ‖∇R‖·‖θ − θ*‖,
      on all of space                          2μ·gap ≤ ‖∇R‖²,  R(θ_{t+1}) ≥ R(θ_t) − η(1 − μη/2)‖∇R(θ_t)‖²,
    R obeys the Polyak–Łojasiewicz inequality  2μ_PL·gap ≤ ‖∇R‖²,
    R is G-Lipschitz                           ‖∇R‖ ≤ G,  gap ≤ G‖θ − θ*‖,
    ∇²R is M-Lipschitz, one dimension, convex  |2·gap − ‖∇R‖·‖θ − θ*‖| ≤ (M/6)‖θ − θ*‖³,
    the start                                  ‖θ_0 − θ*‖ ≤ D,  R(θ_0) − R* ≤ initial_gap.

L_max, L_expected and G_expected bound L and G from above, so what L and G have to satisfy they have to. Each is linear
or, by Cauchy and Schwarz, weaker in expectation, so that all but the one of M are asked of expectations as well.

A monitor sees a constant only where the run went. An L that is too small in a direction that the run never took, or
beyond the points that it visited, is not found, nor is one that the run had no need of: a silent monitor is no proof.
σ, σ* and the noise are not seen at all, since a trace holds gradients of R and none of f_t.

Sources: Nesterov 2004, section 2.1 (all of them but the ones of M and of the start); Polyak 1963 and Łojasiewicz 1963;
the one of M by the trapezoidal rule for ∫₀¹ φ', φ(s) = R(θ* + s(θ − θ*)).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convlab.core.setting import EXACT_EXPECTATION, Setting
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.lab.intervals import Points, ends

_EQUAL = 1e-9  # nearer excesses are equal, so that no machine's last digit decides which is told
Side = Callable[[Points, float, float], np.ndarray]  # of the points, of the constant, and of mu


@dataclass(frozen=True)
class _Monitor:
    """left ≤ right for every point of a risk whose constant is c; both sides grow in what was measured.

    ``traits`` are what the inequality rests on, ``words`` complete "hypothesis failed: …" as (left, right).
    ``on_sets``: whether it is true where R is minimised over a set, at whose minimiser ∇R need not vanish.
    """

    constants: tuple[str, ...]
    traits: frozenset[str]
    words: tuple[str, str]
    left: Side
    right: Side
    on_sets: bool = False
    at_start: bool = False
    of_means: bool = True
    with_mu: bool = False

    @property
    def too_small(self) -> bool:
        return self.constants[0] not in ("mu", "mu_PL")


_L, _G = ("L", "L_max", "L_expected"), ("G", "G_expected")
_ALONG = "‖∇R‖·‖θ − θ*‖"
_SMOOTH, _CONVEX, _STRONG = frozenset({"smooth"}), frozenset({"smooth", "convex"}), frozenset({"strongly convex"})
_LIPSCHITZ, _PL = frozenset({"Lipschitz"}), frozenset({"Polyak-Lojasiewicz"})
_LINE = frozenset({"Lipschitz Hessian", "convex", "one-dimensional"})


def _along(p: Points, c: float, m: float) -> np.ndarray:
    return np.asarray(p.slope * p.distance)


MONITORS = (
    _Monitor(_L, _SMOOTH, ("‖∇R‖²", "2{c}·gap"), lambda p, c, m: p.slope**2, lambda p, c, m: 2 * c * p.gap),
    _Monitor(_L, _SMOOTH, ("gap", "({c}/2)·‖θ − θ*‖²"), lambda p, c, m: p.gap, lambda p, c, m: c / 2 * p.distance**2),
    _Monitor(
        ("L",),
        _SMOOTH,
        ("gap after the step + η‖∇R‖²", "gap + ({c}/2)·η²‖∇R‖²"),
        lambda p, c, m: p.after + p.eta * p.slope**2,
        lambda p, c, m: p.gap + c / 2 * (p.eta * p.slope) ** 2,
    ),
    _Monitor(_L, _CONVEX, ("gap + ‖∇R‖²/(2{c})", _ALONG), lambda p, c, m: p.gap + p.slope**2 / (2 * c), _along),
    _Monitor(
        ("mu",),
        _STRONG,
        ("({c}/2)·‖θ − θ*‖²", "gap"),
        lambda p, c, m: c / 2 * p.distance**2,
        lambda p, c, m: p.gap,
        True,
    ),
    _Monitor(("mu",), _STRONG, ("2{c}·gap", "‖∇R‖²"), lambda p, c, m: 2 * c * p.gap, lambda p, c, m: p.slope**2),
    _Monitor(
        ("mu",),
        _STRONG,
        ("gap + ({c}/2)·‖θ − θ*‖²", _ALONG),
        lambda p, c, m: p.gap + c / 2 * p.distance**2,
        _along,
        True,
    ),
    _Monitor(
        ("mu",),
        _STRONG,
        ("gap + ({c}/2)·η²‖∇R‖²", "gap after the step + η‖∇R‖²"),
        lambda p, c, m: p.gap + c / 2 * (p.eta * p.slope) ** 2,
        lambda p, c, m: p.after + p.eta * p.slope**2,
    ),
    _Monitor(
        ("L",),
        _STRONG | _SMOOTH,
        ("2({c} − mu)·gap + ‖∇R‖² + {c}·mu·‖θ − θ*‖²", "2{c}·" + _ALONG),
        lambda p, c, m: 2 * (c - m) * p.gap + p.slope**2 + c * m * p.distance**2,
        lambda p, c, m: 2 * c * _along(p, c, m),
        with_mu=True,
    ),
    _Monitor(
        ("L",),
        _STRONG | {"quadratic"},
        ("‖∇R‖² + {c}·mu·‖θ − θ*‖²", "2({c} + mu)·gap"),
        lambda p, c, m: p.slope**2 + c * m * p.distance**2,
        lambda p, c, m: 2 * (c + m) * p.gap,
        with_mu=True,
    ),
    _Monitor(("mu_PL",), _PL, ("2{c}·gap", "‖∇R‖²"), lambda p, c, m: 2 * c * p.gap, lambda p, c, m: p.slope**2),
    _Monitor(_G, _LIPSCHITZ, ("‖∇R‖", "{c}"), lambda p, c, m: p.slope, lambda p, c, m: np.full_like(p.slope, c), True),
    _Monitor(_G, _LIPSCHITZ, ("gap", "{c}·‖θ − θ*‖"), lambda p, c, m: p.gap, lambda p, c, m: c * p.distance, True),
    _Monitor(
        ("M",),
        _LINE,
        ("2·gap", _ALONG + " + ({c}/6)·‖θ − θ*‖³"),
        lambda p, c, m: 2 * p.gap,
        lambda p, c, m: _along(p, c, m) + c / 6 * p.distance**3,
        of_means=False,
    ),
    _Monitor(
        ("M",),
        _LINE,
        (_ALONG, "2·gap + ({c}/6)·‖θ − θ*‖³"),
        _along,
        lambda p, c, m: 2 * p.gap + c / 6 * p.distance**3,
        of_means=False,
    ),
    _Monitor(
        ("D",),
        frozenset(),
        ("‖θ_0 − θ*‖", "{c}"),
        lambda p, c, m: p.distance,
        lambda p, c, m: np.full_like(p.distance, c),
        True,
        at_start=True,
    ),
    _Monitor(
        ("initial_gap",),
        frozenset(),
        ("R(θ_0) − R*", "{c}"),
        lambda p, c, m: p.gap,
        lambda p, c, m: np.full_like(p.gap, c),
        True,
        at_start=True,
    ),
)


def failed_hypothesis(theorem: Theorem, trace: Trace) -> str | None:
    """The first hypothesis on a constant that the theorem reads and the measured points contradict, as a sentence.

    None where there is none to be seen: see above for what cannot be.
    """
    setting = trace.setting
    asked = [(monitor, name) for monitor in MONITORS for name in monitor.constants if name in theorem.constants]
    asked = [(monitor, name) for monitor, name in asked if "mu" in theorem.constants or not monitor.with_mu]
    watching = [(monitor, name) for monitor, name in asked if _follows(monitor, name, setting)]
    if not watching:
        return None
    found_at = {output: ends(trace, output) for output in trace.measured}
    for monitor, name in watching:
        for output, (low, high) in found_at.items():
            found = _contradiction(monitor, name, trace, low, high)
            if found is not None:
                where = "" if output == "last" else f" of the output '{output}'"
                return found + where + _verdict(monitor, name, trace)
    return None


def _follows(monitor: _Monitor, name: str, setting: Setting) -> bool:
    """Whether the inequality follows from what the setting claims, with the constant on the side it is known from."""
    if not monitor.traits <= setting.traits:
        return False
    if monitor.with_mu and not _sound(setting, "mu", "upper bound"):
        return False
    if setting.options.get("project", False) and not monitor.on_sets:
        return False
    if EXACT_EXPECTATION in setting.traits and not monitor.of_means:
        return False
    if monitor.at_start and setting.dtype != "float64":  # the run started at θ0 rounded
        return False
    return _sound(setting, name, "lower bound" if monitor.too_small else "upper bound")


def _sound(setting: Setting, name: str, wrong_side: str) -> bool:
    """Whether a constant is known well enough to be contradicted."""
    known = setting.known.get(name)
    return known is not None and known.how not in ("estimated", wrong_side) and 0 <= known.value < math.inf


def _contradiction(monitor: _Monitor, name: str, trace: Trace, low: Points, high: Points) -> str | None:
    """Where the lower end of the left side exceeds the upper end of the right one by most, in words."""
    c, m = trace.setting.known[name].value, trace.setting.known["mu"].value if monitor.with_mu else 0.0
    with np.errstate(all="ignore"):  # runs that diverge, and constants that are 0
        left, right = monitor.left(low, c, m), monitor.right(high, c, m)
        excess = np.where(np.isfinite(left) & np.isfinite(right) & (left > right), left / right, 0.0)
    if monitor.at_start:
        excess = np.where(trace.t == 0, excess, 0.0)
    if not excess.any():
        return None
    k = int(np.argmax(excess.max(axis=0) >= excess.max() * (1 - _EQUAL)))
    said = [side.format(c=name) for side in monitor.words]
    by = f"{100 * (float(excess.max()) - 1):.3g}%"
    return f"hypothesis failed: {said[0]} exceeds {said[1]} by {by} at t = {int(trace.t[k])}"


def _verdict(monitor: _Monitor, name: str, trace: Trace) -> str:
    side = "larger" if monitor.too_small else "smaller"
    known = trace.setting.known
    or_mu = f", or mu is smaller than {known['mu'].value:.6g}" if monitor.with_mu else ""
    return f": {name} is {side} than {known[name].value:.6g}{or_mu}"
