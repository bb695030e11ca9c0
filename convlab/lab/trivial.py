"""Trivial bounds: what every run of a setting obeys without the theorem. A bound no smaller than that is vacuous.

Only what is proved of the very method counts, from its start, D = ‖θ_0 − θ*‖ or initial_gap, or from its set:

    gradient steps, 0 < η_t ≤ 2/L, exact oracle, R smooth   R(θ_t) ≤ R(θ_0) by the descent lemma, hence
      (an exact line search descends as well)               gap ≤ initial_gap, ‖∇R‖² ≤ 2L·initial_gap,
    the same, and R convex                                  ‖θ_t − θ*‖ ≤ D, hence gap ≤ LD²/2, gap ≤ GD, ‖∇R‖ ≤ LD,
      (Polyak's steps stay as near as well)
    the best of the iterates, exact oracle                  θ_0 is among them, so that it obeys what θ_0 does,
    a set of finite diameter                                ‖θ − θ*‖ ≤ diameter, gap ≤ G·diameter,
    R is G-Lipschitz                                        ‖∇R‖ ≤ G.

An average of iterates obeys what its iterates do where R is convex. Nothing of the kind is known of noisy steps on all
of space: there no bound is called vacuous, since even a large one says that the run does not explode.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from convlab.core.expression import Expression
from convlab.core.setting import Setting
from convlab.core.theorem import Theorem

_BEST = frozenset({"best", "smallest_gradient"})
_AMONG_ITERATES = _BEST | {"last", "random"}
_EQUAL = 2.0**-40  # of logarithms: a bound that is the trivial one may be rounded to either side of it


def log_trivial(theorem: Theorem, setting: Setting) -> tuple[float, str]:
    """ln of the least trivial bound on the theorem's quantity, and its formula; (∞, "") where there is none."""
    if theorem.kind == "lower" or theorem.valid == "per step":
        return math.inf, ""
    known = {name: each.value for name, each in setting.known.items() if each.how not in ("estimated", "lower bound")}
    found = [
        (math.log(value) if value > 0 else -math.inf, words)
        for value, words in _bounds(theorem.quantity, theorem.output, setting, known)
        if not math.isnan(value)
    ]
    return min(found, default=(math.inf, ""), key=lambda pair: pair[0])


def is_vacuous(log_bound: float, log_trivial: float) -> bool:
    """Whether a bound is no smaller than the trivial one, up to rounding.

    >>> is_vacuous(0.0, 0.0), is_vacuous(-0.1, 0.0), is_vacuous(5.0, math.inf)
    (True, False, False)
    """
    return log_trivial < math.inf and log_bound >= log_trivial - _EQUAL


def _bounds(quantity: str, output: str, setting: Setting, known: dict[str, float]) -> Iterator[tuple[float, str]]:
    name, convex = output.partition("(")[0], bool({"convex", "strongly convex"} & setting.traits)
    if name not in _AMONG_ITERATES and not convex:
        return  # of a mean of points nothing follows
    of_start = name in _BEST and "exact oracle" in setting.traits
    descends, near = of_start or _descends(setting, known), of_start or _stays_near(setting, known)
    projected = setting.options.get("project", False)  # on a set ∇R need not vanish at θ*

    def value(constant: str, trait: str | None = None, there: bool = True) -> float:
        return known.get(constant, math.nan) if there and (trait is None or trait in setting.traits) else math.nan

    start, L, G, D = value("initial_gap"), value("L", "smooth", not projected), value("G", "Lipschitz"), value("D")
    width = value("diameter", None, projected)
    if quantity == "gap":
        yield (start if descends else math.nan), "initial_gap"
        yield (L * D**2 / 2 if near else math.nan), "L·D²/2"
        yield (G * D if near else math.nan), "G·D"
        yield G * width, "G·diameter"
    elif quantity == "dist2":
        yield (D**2 if near and not of_start else math.nan), "D²"
        yield width**2, "diameter²"
    elif quantity == "grad_norm2":
        yield (2 * L * start if descends and name != "best" else math.nan), "2·L·initial_gap"
        yield ((L * D) ** 2 if near and name != "best" else math.nan), "L²·D²"
        yield G**2, "G²"


def _descends(setting: Setting, known: dict[str, float]) -> bool:
    """Whether R(θ_{t+1}) ≤ R(θ_t) at every step, whatever the smooth R."""
    if "exact oracle" not in setting.traits or setting.options.get("project", False):
        return False
    return "exact line search step" in setting.traits or _short_steps(setting, known)


def _stays_near(setting: Setting, known: dict[str, float]) -> bool:
    """Whether ‖θ_{t+1} − θ*‖ ≤ ‖θ_t − θ*‖ at every step, whatever the convex R."""
    if not {"convex", "strongly convex"} & setting.traits or "exact oracle" not in setting.traits:
        return False
    return "Polyak step" in setting.traits or _short_steps(setting, known)


def _short_steps(setting: Setting, known: dict[str, float]) -> bool:
    """Whether the run is of gradient steps 0 < η_t ≤ 2/L on a smooth R."""
    hyper = [setting.hyper[name] for name in ("step_size", "learning_rate") if name in setting.hyper]
    if not {"gradient step", "smooth"} <= setting.traits or len(hyper) != 1 or "L" not in known:
        return False
    (given,) = hyper
    if given.value is not None:
        return 0 < given.value * known["L"] <= 2
    with np.errstate(all="ignore"):
        steps = Expression(given.written)({**given.names, "t": np.arange(float(setting.horizon))}, np)
    return bool(np.all((np.asarray(steps) > 0) & (np.asarray(steps) * known["L"] <= 2)))
