r"""Polyak's step on Lipschitz convex functions: the best possible, without knowing G, D or the horizon.

For a convex, G-Lipschitz R with a minimiser at distance D from θ_0, subgradients g_t and the steps
θ_{t+1} = θ_t − ((R(θ_t) − R*)/‖g_t‖²) g_t,

    min_{0 ≤ t ≤ T−1} R(θ_t) − R* ≤ G D/√T       for every T ≥ 1.

Proof: ‖θ_{t+1} − θ*‖² ≤ ‖θ_t − θ*‖² − (R(θ_t) − R*)²/‖g_t‖² by convexity; sum, with ‖g_t‖ ≤ G.

Attained by R = G max(max_i θ_i, ‖θ‖ − D(1 + 1/√T)) in R^T from 0, where R* = −G D/√T: the subgradient at θ_t is that
of a coordinate not yet moved, the step is D/√T, and R stays 0 until every coordinate has had its turn. No method that
sees subgradients alone does better on all such functions (Drori and Teboulle 2016).

Source: Polyak 1969.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem, needs
from convlab.theorems._assumptions import CONVEX, EXACT, HAS_MINIMISER, log


def _log_bound(setting: Setting, t: int) -> float:
    return log(setting["G"]) + log(setting["D"]) - math.log(t) / 2


def _coordinate_by_coordinate(setting: Setting, t: int) -> float:
    """max_i θ_i stays 0 as long as one coordinate is 0, through θ_{T−1}; R* = −G D/√T with T the dimension."""
    return setting["G"] * setting["D"] / math.sqrt(setting.horizon)


THEOREM = Theorem(
    title="Polyak's step, Lipschitz convex",
    statement=r"\min_{0\le t\le T-1}R(\theta_t)-R^*\le\frac{GD}{\sqrt T}",
    source="Polyak 1969",
    assumes=(
        needs("Polyak step", "Polyak's steps (R - R*)/||g||^2"),
        EXACT,
        CONVEX,
        needs("Lipschitz", "a G-Lipschitz risk"),
        HAS_MINIMISER,
    ),
    output="best",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{GD}{\sqrt{T}}$",
    rate=Rate("power", lambda setting: -0.5, "1/sqrt(T)"),
    instance=Instance(
        spec={
            "problem": {"name": "max_coordinate", "dimension": "T", "G": 1.0, "D": 1.0},
            "optimizer": {"name": "polyak"},
            "run": {"horizon": 25},
        },
        reaches=1.0,
        expected=_coordinate_by_coordinate,
        note="the largest of T coordinates (Drori and Teboulle 2016): equality at t = T",
    ),
    log_bound=_log_bound,
    constants=("G", "D"),
)
