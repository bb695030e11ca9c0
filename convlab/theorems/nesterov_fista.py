r"""Nesterov's accelerated gradient with FISTA's momentum on smooth convex functions.

Let λ_1 = 1, λ_{t+1} = (1 + √(1 + 4λ_t²))/2, and x_t = y_{t−1} − η∇R(y_{t−1}), y_t = x_t + ((λ_t − 1)/λ_{t+1})
(x_t − x_{t−1}), x_0 = y_0 = θ_0. For an L-smooth convex R with a minimiser at distance D from θ_0 and a constant step
0 < η ≤ 1/L,

    R(x_T) − R* ≤ D²/(2η λ_T²) ≤ 2 D²/(η (T + 1)²)       for every T ≥ 1.

Proof: λ_{t+1}² − λ_{t+1} = λ_t², hence η λ_t² (R(x_t) − R*) + ½‖z_t − θ*‖² with z_t = x_{t−1} + λ_t(x_t − x_{t−1})
does not increase, and it is at most D²/2 at t = 1.

It is not tight: at T = 1 gradient descent's worst case, LD²/6 at η = 1/L, is a third of it. On Huber functions the
fraction tends to 1 as T grows; with the kink 4D/(T² + 5T + 6) it is 0.986 at T = 100.

Source: Beck and Teboulle 2009, Theorem 4.4 (the last form there; the first is the potential's).
"""

from __future__ import annotations

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem, needs
from convlab.theorems._assumptions import CONVEX, EXACT, HAS_MINIMISER, SMOOTH
from convlab.theorems._fista import log_bound, pushed
from convlab.theorems._nesterov import AT_MOST_ONE_OVER_L, NESTEROV_STEP


def _on_the_linear_part(setting: Setting, t: int) -> float:
    """Huber, kink τ = 4D/(T² + 5T + 6): all gradients are Lτ."""
    smooth, distance, horizon = setting["L"], setting["D"], setting.horizon
    kink = 4 * distance / (horizon**2 + 5 * horizon + 6)
    return smooth * kink * (pushed(distance, setting.step_size() * smooth * kink, t) - kink / 2)


THEOREM = Theorem(
    title="Nesterov's accelerated gradient, smooth convex, FISTA's momentum",
    statement=(
        r"R(x_T)-R^*\le\frac{D^2}{2\eta\lambda_T^2}\le\frac{2D^2}{\eta(T+1)^2},\qquad"
        r"\lambda_1=1,\quad\lambda_{t+1}=\frac{1+\sqrt{1+4\lambda_t^2}}{2},\quad 0<\eta\le\frac1L"
    ),
    source="Beck and Teboulle 2009, Theorem 4.4",
    assumes=(
        NESTEROV_STEP,
        needs("FISTA momentum", "FISTA's momentum"),
        EXACT,
        CONVEX,
        SMOOTH,
        HAS_MINIMISER,
        AT_MOST_ONE_OVER_L,
    ),
    output="last",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{D^2}{2\eta\lambda_T^2}$",
    rate=Rate("power", lambda setting: -2.0, "1/T^2"),
    instance=Instance(
        spec={
            "problem": {"name": "huber", "L": 1, "D": 1, "kink": "4*D/(T**2+5*T+6)"},
            "optimizer": {"name": "nesterov", "step_size": "1/L", "momentum": "fista"},
            "run": {"horizon": 100},
        },
        reaches=0.9862,
        expected=_on_the_linear_part,
        note="Huber with a kink that depends on the horizon, nearly the worst one-dimensional function",
    ),
    log_bound=log_bound,
    constants=("L", "D"),
)
