r"""Gradient descent on smooth functions, convex or not: the smallest gradient seen, tight.

For an L-smooth R that is bounded below, Δ = R(θ_0) − inf R, and a constant step η = h/L, h ∈ (0, √3),

    min_{0 ≤ t ≤ T−1} ‖∇R(θ_t)‖² ≤ 4LΔ/((T − 1) c(h) + 2),   c(h) = 4h − h² for h ≤ 1, 4h − h³ beyond,

for every T ≥ 1: T gradients, T − 1 steps between them. At h = 1 it is 4LΔ/(3T − 1); textbooks give 2LΔ/T.
Proof: a function of curvature within [−L, L] satisfies, with g_t = ∇R(θ_t),

    L(R(θ_t) − R(θ_{t+1})) ≥ ((1 + 2h − h²)‖g_t‖² − 2(1 − h)⟨g_t, g_{t+1}⟩ + ‖g_{t+1}‖²)/4.

Where both norms are at least m this is at least c(h)m²/4: for h ≤ 1 it is least where both are m and parallel; beyond,
‖g_t − g_{t+1}‖ ≤ h‖g_t‖ bounds ⟨g_t, g_{t+1}⟩ from below, and leaves ((3h − h³)‖g_t‖² + h‖g_{t+1}‖²)/4. Sum, with
R(θ_{T−1}) − inf R ≥ ‖g_{T−1}‖²/(2L).

Attained at h = 1 by the function whose slope zigzags between g and g/2 in T − 1 pieces of length g/L: the step from
one end of a piece leads to the next, and every gradient has the norm g.

Source: Abbaszadehpeivasti, de Klerk and Zamani 2022 (the whole range, and that it is tight).
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import EXACT, GRADIENT_STEP, SMOOTH, constant_step, log


def _log_bound(setting: Setting, t: int) -> float:
    h = setting.step_size() * setting["L"]
    share = h * (4 - h) if h <= 1 else h * (4 - h**2)
    return math.log(4) + log(setting["L"]) + log(setting["initial_gap"]) - math.log(max(t - 1, 0) * share + 2)


def _zigzag(setting: Setting, t: int) -> float:
    """Each of N = T − 1 pieces descends by (3/4)g²/L, the bowl by g²/(2L): Δ = (3N + 2)g²/(4L), and |R'(θ_t)| = g."""
    return 4 * setting["L"] * setting["initial_gap"] / (3 * (setting.horizon - 1) + 2)


THEOREM = Theorem(
    title="Gradient descent, nonconvex",
    statement=(
        r"\min_{0\le t\le T-1}\|\nabla R(\theta_t)\|^2\le\frac{4L(R(\theta_0)-R^*)}{(T-1)\,c(h)+2},\qquad "
        r"c(h)=\min(4h-h^2,\,4h-h^3),\quad h=\eta L\in(0,\sqrt3)"
    ),
    source="Abbaszadehpeivasti, de Klerk and Zamani 2022",
    assumes=(
        GRADIENT_STEP,
        EXACT,
        SMOOTH,
        constant_step("sqrt(3)/L", lambda setting: math.sqrt(3) / setting["L"], strict=True),
    ),
    output="smallest_gradient",
    quantity="grad_norm2",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{4L(R(\theta_0)-R^*)}{(T-1)c(h)+2},\ c(1)=3$",
    rate=Rate("power", lambda setting: -1.0, "1/T"),
    instance=Instance(
        spec={
            "problem": {"name": "zigzag", "segments": "T-1", "L": 1.0, "initial_gap": 1.0},
            "optimizer": {"name": "gd", "step_size": "1/L"},
            "run": {"horizon": 20},
        },
        reaches=1.0,
        expected=_zigzag,
        note="a slope that zigzags between g and g/2: equality at t = T, every gradient seen has the same norm",
    ),
    log_bound=_log_bound,
    constants=("L", "initial_gap"),
)
