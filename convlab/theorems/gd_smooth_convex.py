r"""Gradient descent on smooth convex functions, the tight bound on the last iterate.

For an L-smooth convex R with a minimiser at distance D from θ_0 and a constant step η = h/L, h ∈ (0, 2),

    R(θ_T) − R* ≤ (L D²/2) · max{ 1/(2Th + 1), (1 − h)^(2T) }       for every T ≥ 1.

The first term is attained by the Huber function with kink D/(2Th + 1), on whose linear part the whole run takes
place; the second by the quadratic L θ²/2. The kink depends on T, one instance per horizon: on a fixed R the gap is
o(1/T).

Source: Drori and Teboulle 2014, Theorem 3.1 (h ≤ 1); Kim 2024, arXiv 2412.04427 (the whole range). The textbook's
L D²/(2T) at h = 1 is larger by a factor of two.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import (
    CONVEX,
    EXACT,
    GRADIENT_STEP,
    HAS_MINIMISER,
    SMOOTH,
    below_two_over_l,
    log,
)


def _log_bound(setting: Setting, t: int) -> float:
    smooth, h = setting["L"], setting.step_size() * setting["L"]
    worst = max(-math.log1p(2 * t * h), 2 * t * log(abs(1 - h)) if t else 0.0)
    return log(smooth) + 2 * log(setting["D"]) - math.log(2) + worst


def _on_the_linear_part(setting: Setting, t: int) -> float:
    """Huber with kink τ = D/(2Th + 1): θ_t = D − t h τ ≥ τ up to t = T, so the gap is L τ θ_t − L τ²/2."""
    smooth, distance = setting["L"], setting["D"]
    h = setting.step_size() * smooth
    kink = distance / (2 * setting.horizon * h + 1)
    return smooth * kink * (distance - t * h * kink) - smooth * kink**2 / 2


THEOREM = Theorem(
    title="Gradient descent, smooth convex",
    statement=(
        r"R(\theta_T)-R^*\le\frac{LD^2}{2}\max\left\{\frac{1}{2Th+1},\,(1-h)^{2T}\right\},"
        r"\qquad h=\eta L\in(0,2)"
    ),
    source="Drori and Teboulle 2014, Theorem 3.1 (h <= 1); Kim 2024, arXiv 2412.04427 (h < 2)",
    assumes=(GRADIENT_STEP, EXACT, CONVEX, SMOOTH, HAS_MINIMISER, below_two_over_l()),
    output="last",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{LD^2}{2}\,\max\{\frac{1}{2Th+1},\,(1-h)^{2T}\},\ h=\eta L$",
    rate=Rate("power", lambda setting: -1.0, "1/T"),
    instance=Instance(
        spec={
            "problem": {"name": "huber", "L": 1, "D": 1, "kink": "D/(2*T+1)"},
            "optimizer": {"name": "gd", "step_size": "1/L"},
            "run": {"horizon": 50},
        },
        reaches=1.0,
        expected=_on_the_linear_part,
        note="Huber with a kink that depends on the horizon (Drori and Teboulle 2014): equality at t = T",
    ),
    log_bound=_log_bound,
    constants=("L", "D"),
)
