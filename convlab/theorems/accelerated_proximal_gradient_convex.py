r"""The accelerated proximal gradient method, FISTA, on convex functions, smooth plus simple.

Let λ_1 = 1, λ_{t+1} = (1 + √(1 + 4λ_t²))/2, and x_t = prox_{ηh}(y_{t−1} − η∇f(y_{t−1})), y_t = x_t + ((λ_t −
1)/λ_{t+1})(x_t − x_{t−1}), x_0 = y_0 = θ_0. For R = f + h, f convex and L-smooth, h convex, a minimiser at distance D
from θ_0 and a constant step 0 < η ≤ 1/L,

    R(x_T) − R* ≤ D²/(2η λ_T²) ≤ 2 D²/(η (T + 1)²)       for every T ≥ 1.

Proof: a proximal step from y to x has R(x) − R(z) ≤ (‖z − y‖² − ‖z − x‖²)/(2η) for every z; at z = x_{t−1} and θ*,
λ_t² − λ_t = λ_{t−1}² makes ηλ_t²(R(x_t) − R*) + ½‖z_t − θ*‖², z_t = x_{t−1} + λ_t(x_t − x_{t−1}), a quantity that does
not increase, and it is at most D²/2 at t = 1.

It is not tight: at T = 1 the proximal gradient method's worst case, D²/(4η), is half of it. With f = 0 and h = c|θ|,
c = D/(2ηS), S = Σλ_t³/λ_T², T steps lead half the way and reach the fraction λ_T²/(2S) of it, which tends to 1.

Source: Beck and Teboulle 2009, Theorem 4.4 (the last form there; the first is the potential's).
"""

from __future__ import annotations

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem, needs
from convlab.theorems._assumptions import CONVEX, EXACT, HAS_MINIMISER
from convlab.theorems._fista import log_bound, pushed
from convlab.theorems._proximal import AT_MOST_ONE_OVER_L, COMPOSITE


def _shrinking(setting: Setting, t: int) -> float:
    """c|x| with c = 4D/(η(T² + 5T + 2)): every proximal step is ηc."""
    eta, distance, horizon = setting.step_size(), setting["D"], setting.horizon
    c = 4 * distance / (eta * (horizon**2 + 5 * horizon + 2))
    return c * pushed(distance, eta * c, t)


THEOREM = Theorem(
    title="Accelerated proximal gradient method (FISTA), convex",
    statement=(
        r"R(x_T)-R^*\le\frac{D^2}{2\eta\lambda_T^2}\le\frac{2D^2}{\eta(T+1)^2},\qquad"
        r"R=f+h,\quad\lambda_1=1,\quad\lambda_{t+1}=\frac{1+\sqrt{1+4\lambda_t^2}}{2},\quad 0<\eta\le\frac1L"
    ),
    source="Beck and Teboulle 2009, Theorem 4.4",
    assumes=(
        needs("accelerated proximal gradient step", "accelerated proximal gradient steps, with FISTA's momentum"),
        EXACT,
        CONVEX,
        COMPOSITE,
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
            "problem": {"name": "shrinkage", "L": 1.0, "D": 1.0, "l1": "4*L*D/(T**2+5*T+2)"},
            "optimizer": {"name": "accelerated_proximal_gradient", "step_size": "1/L"},
            "run": {"horizon": 100},
        },
        reaches=0.98,
        expected=_shrinking,
        note="f = 0 and h = c|theta| with c = 4 L D/(T^2 + 5T + 2), nearly the worst one-dimensional function",
    ),
    log_bound=log_bound,
    constants=("L", "D"),
)
