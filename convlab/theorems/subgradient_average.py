r"""The subgradient method with a constant step, the exact bound on the average.

For a convex, G-Lipschitz R with a minimiser at distance D from θ_0, any constant step η > 0, steps
θ_{t+1} = P(θ_t − η g_t), g_t a subgradient of R at θ_t, and the average θ̄ of θ_0 … θ_{T−1},

    R(θ̄) − R* ≤ (D² + Tη²G²)/(2Tη)       for every T ≥ 1,

which is GD/√T at η = D/(G√T). Proof: as for the best iterate, whose inequalities are summed; then Jensen's inequality.

Attained twice: at η = D/(G√T) by R = G max(max_i θ_i, ‖θ‖ − D(1 + 1/√T)) on R^T from θ_0 = 0, since none of θ_0 …
θ_{T−1} has moved the last coordinate, so that R(θ̄) = 0 too; and at η = D/(GT) by R = G|θ|, where θ_t = D(1 − t/T).

Source: Shor 1962, Polyak 1967; that it is exact: Drori and Teboulle, Math. Program. 160 (2016).
"""

from __future__ import annotations

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import CONVEX, EXACT, HAS_MINIMISER
from convlab.theorems._subgradient import (
    LIPSCHITZ,
    SUBGRADIENT_STEP,
    log_sum_bound,
    positive_steps,
    resisted,
    resisting_gap,
)


def _log_bound(setting: Setting, t: int) -> float:
    eta = setting.step_size()
    return log_sum_bound(setting, t * eta, t * eta**2)


def _average(setting: Setting, t: int) -> float:
    """The gap at the mean of θ_0 … θ_{t−1} on the function that resists."""
    count = max(t, 1)
    total = sum(resisted(setting, setting.horizon, count - 1), start=np.zeros(setting.horizon))
    return resisting_gap(setting, total / count)


THEOREM = Theorem(
    title="Subgradient method, constant step, average",
    statement=(
        r"R(\bar\theta_T)-R^*\le\frac{D^2+T\eta^2G^2}{2T\eta},\qquad\bar\theta_T=\frac1T\sum_{t=0}^{T-1}\theta_t"
    ),
    source="Shor 1962, Polyak 1967; exact: Drori and Teboulle, Math. Program. 160 (2016)",
    assumes=(SUBGRADIENT_STEP, EXACT, CONVEX, LIPSCHITZ, HAS_MINIMISER, positive_steps(constant=True)),
    output="average",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{D^2+T\eta^2G^2}{2T\eta}$",
    rate=Rate("power", lambda setting: -1.0, "1/T + step_size"),
    instance=Instance(
        spec={
            "problem": {"name": "max_coordinate", "dimension": "T", "G": 1.0, "D": 1.0},
            "optimizer": {"name": "subgradient", "step_size": "D/(G*sqrt(T))"},
            "run": {"horizon": 100},
        },
        reaches=1.0,
        expected=_average,
        note="the largest coordinate in as many dimensions as steps (Drori and Teboulle 2016): equality at t = T",
    ),
    log_bound=_log_bound,
    constants=("G", "D"),
)
