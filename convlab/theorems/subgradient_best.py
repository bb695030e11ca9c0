r"""The subgradient method with a constant step, the exact bound on the best iterate.

For a convex, G-Lipschitz R with a minimiser at distance D from θ_0, any constant step η > 0, and steps
θ_{t+1} = P(θ_t − η g_t), g_t a subgradient of R at θ_t (P projects onto the set that R is minimised over, if any),

    min_{0 ≤ t < T} R(θ_t) − R* ≤ (D² + Tη²G²)/(2Tη)       for every T ≥ 1,

which is GD/√T at η = D/(G√T). Proof: ‖θ_{t+1} − θ*‖² ≤ ‖θ_t − θ*‖² − 2η(R(θ_t) − R*) + η²G²; sum over t.

Attained at η = D/(G√T) by R = G max(max_i θ_i, ‖θ‖ − D(1 + 1/√T)) on R^T from θ_0 = 0: a subgradient is G e_i, i the
first largest coordinate, so that T − 1 steps leave the last coordinate at 0 and R(θ_t) − R* = GD/√T for t < T. No
method that is shown T subgradients does better on all such R.

Source: Shor 1962, Polyak 1967; that it is exact: Drori and Teboulle, Math. Program. 160 (2016).
"""

from __future__ import annotations

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


def _best(setting: Setting, t: int) -> float:
    """The least gap among θ_0 … θ_{t−1} on the function that resists."""
    return min(resisting_gap(setting, theta) for theta in resisted(setting, setting.horizon, max(t, 1) - 1))


THEOREM = Theorem(
    title="Subgradient method, constant step, best iterate",
    statement=r"\min_{0\le t<T}R(\theta_t)-R^*\le\frac{D^2+T\eta^2G^2}{2T\eta}",
    source="Shor 1962, Polyak 1967; exact: Drori and Teboulle, Math. Program. 160 (2016)",
    assumes=(SUBGRADIENT_STEP, EXACT, CONVEX, LIPSCHITZ, HAS_MINIMISER, positive_steps(constant=True)),
    output="best",
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
        expected=_best,
        note="the largest coordinate in as many dimensions as steps (Drori and Teboulle 2016): equality at t = T",
    ),
    log_bound=_log_bound,
    constants=("G", "D"),
)
