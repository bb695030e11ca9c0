r"""The subgradient method with steps that decay linearly to zero, the best possible bound on the last iterate.

For a convex, G-Lipschitz R with a minimiser at distance D from θ_0 and the T steps θ_{t+1} = P(θ_t − η_t g_t),

    η_t = D(T − t)/(G(T + 1)^(3/2)),   t = 0, …, T−1:        R(θ_T) − R* ≤ GD/√(T + 1),

g_t a subgradient of R at θ_t. The steps know T: no schedule does this at every T. A constant step costs the last
iterate a factor √(1 + log(T)/4).

Attained by R = G max(max_i θ_i, ‖θ‖ − D(1 + 1/√(T + 1))) on R^(T+1) from θ_0 = 0, which no method with T steps brings
below GD/√(T + 1): each subgradient lowers a coordinate not yet seen, and one is left at 0.

Source: Zamani and Glineur, SIAM J. Optim. 35(3) (2025).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import CONVEX, EXACT, HAS_MINIMISER, log
from convlab.theorems._subgradient import LIPSCHITZ, SUBGRADIENT_STEP, resisted, resisting_gap, schedule


def _steps(setting: Setting, t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    T = float(setting.horizon)
    return (T - t) * (setting["D"] / (setting["G"] * math.pow(T + 1, 1.5)))


def _log_bound(setting: Setting, t: int) -> float:
    return log(setting["G"]) + log(setting["D"]) - math.log1p(setting.horizon) / 2


def _last(setting: Setting, t: int) -> float:
    """The gap at θ_t on the function that resists."""
    *_, theta = resisted(setting, setting.horizon + 1, t)
    return resisting_gap(setting, theta)


THEOREM = Theorem(
    title="Subgradient method, linearly decaying steps, last iterate",
    statement=r"R(\theta_T)-R^*\le\frac{GD}{\sqrt{T+1}},\qquad\eta_t=\frac{D(T-t)}{G(T+1)^{3/2}},\quad t=0,\dots,T-1",
    source="Zamani and Glineur, SIAM J. Optim. 35(3) (2025)",
    assumes=(
        SUBGRADIENT_STEP,
        EXACT,
        CONVEX,
        LIPSCHITZ,
        HAS_MINIMISER,
        schedule("D*(T-t)/(G*(T+1)**1.5)", _steps),
    ),
    output="last",
    quantity="gap",
    sense="every run",
    valid="at the horizon",
    formula=r"$\frac{GD}{\sqrt{T+1}}$",
    rate=Rate("power", lambda setting: -0.5, "1/sqrt(T)"),
    instance=Instance(
        spec={
            "problem": {"name": "max_coordinate", "dimension": "T+1", "G": 1.0, "D": 1.0},
            "optimizer": {"name": "subgradient", "step_size": "D*(T-t)/(G*(T+1)**1.5)"},
            "run": {"horizon": 100},
        },
        reaches=1.0,
        expected=_last,
        note="the largest coordinate in one dimension more than there are steps: equality at t = T",
    ),
    log_bound=_log_bound,
    constants=("G", "D"),
)
