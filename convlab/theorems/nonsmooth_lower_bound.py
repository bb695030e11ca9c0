r"""A lower bound for every method that combines subgradients: GD/√N while it has seen fewer than N of them.

Let R(θ) = G max(max_i θ_i, ‖θ‖ − D(1 + 1/√N)) on R^N, θ_0 = 0, and let the subgradient shown be G e_i, i the first
largest coordinate, or Gθ/‖θ‖ where the norm is strictly larger. If each θ_t lies in the span of the subgradients shown
before it, then

    min_{0 ≤ t < T} R(θ_t) − R* ≥ GD/√N = R(θ_0) − R*       for every T ≤ N.

Proof: if θ has no coordinate beyond the first t < N, its first largest one is among the first t + 1, as coordinate
t + 1 is 0; so θ_t has none beyond the first t, and for t ≤ N − 1 the last is 0, where R(θ_t) ≥ 0. And R* = −GD/√N. It
says nothing for T > N: N steps of length D/√N reach the minimiser.

The subgradient method attains it, so neither can be better on all G-Lipschitz convex R with a minimiser at distance D.

Source: Drori and Teboulle, Math. Program. 160 (2016), after Nemirovski and Yudin 1983.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Assumption, Instance, Theorem
from convlab.theorems._assumptions import EXACT, log
from convlab.theorems._subgradient import resisted, resisting_gap

_IN_THE_SPAN = {
    "subgradient step",
    "gradient step",
    "exact line search step",
    "backtracking step",
    "Polyak step",
    "Nesterov step",
    "heavy-ball step",
}


def _dimension(setting: Setting) -> int:
    """N, from R(θ_0) − R* = GD/√N."""
    return round((setting["G"] * setting["D"] / setting["initial_gap"]) ** 2)


def _log_bound(setting: Setting, t: int) -> float:
    return log(setting.low("initial_gap")) if t <= _dimension(setting) else -math.inf


def _best(setting: Setting, t: int) -> float:
    """The least gap among θ_0 … θ_{t−1} of the subgradient method."""
    path = resisted(setting, _dimension(setting), max(t, 1) - 1)
    return min(resisting_gap(setting, theta) for theta in path)


THEOREM = Theorem(
    title="Lower bound, Lipschitz convex functions",
    statement=r"\min_{0\le t<T}R(\theta_t)-R^*\ge\frac{GD}{\sqrt N}\quad\text{for every }T\le N",
    source="Drori and Teboulle, Math. Program. 160 (2016); Nemirovski and Yudin 1983",
    assumes=(
        Assumption(
            "points in the span of the subgradients shown",
            lambda setting: bool(_IN_THE_SPAN & setting.traits),
            finding=lambda setting: f"of '{setting.optimizer}' nothing of the kind is known",
        ),
        EXACT,
        Assumption(
            "the problem 'max_coordinate'",
            lambda setting: setting.problem == "max_coordinate",
            finding=lambda setting: f"it is '{setting.problem}'",
        ),
    ),
    output="best",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{GD}{\sqrt{N}},\ T\leq N$",
    rate=None,
    instance=Instance(
        spec={
            "problem": {"name": "max_coordinate", "dimension": "T", "G": 1.0, "D": 1.0},
            "optimizer": {"name": "subgradient", "step_size": "D/(G*sqrt(T))"},
            "run": {"horizon": 100},
        },
        reaches=1.0,
        expected=_best,
        note="the function itself, and the subgradient method with the step D/(G sqrt(T))",
    ),
    log_bound=_log_bound,
    constants=("G", "D", "initial_gap"),
    kind="lower",
)
