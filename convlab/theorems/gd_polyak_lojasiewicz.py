r"""Gradient descent under the Polyak–Łojasiewicz inequality: a linear rate without convexity.

For an L-smooth R, convex or not, with ½‖∇R‖² ≥ μ(R − R*), q = μ/L, and a constant step η = h/L, h ∈ (0, 1],

    R(θ_T) − R* ≤ r^(2T) (R(θ_0) − R*),   r = (q(1 − h) + √(4 − 2hq(2 − h)(1 + q)))/(2 + q)       for every T ≥ 0.

At h = 1 the factor r² = 2(L − μ)/(2L + μ) = 1 − 1.5q + …, where the descent lemma alone gives 1 − q. Proof: a function
of curvature within [−L, L] satisfies, along a step with g = ∇R(θ_t) and g' = ∇R(θ_{t+1}),

    L(R(θ_t) − R(θ_{t+1})) ≥ ((1 + 2h − h²)‖g‖² − 2(1 − h)⟨g, g'⟩ + ‖g'‖²)/4,

which is least where g and g' are parallel and as short as the inequality lets them be, ‖g‖² = 2μ(R(θ_t) − R*), and
‖g'‖² = 2μ(R(θ_{t+1}) − R*). That leaves a quadratic inequality for √((R(θ_{t+1}) − R*)/(R(θ_t) − R*)).

Source: Polyak 1963 (the rate); Abbaszadehpeivasti, de Klerk and Zamani 2023, Theorem 3 (this factor at h = 1).

Instance: x² + 3 sin²x, which is not convex. Three steps that pass x ≈ 2.2, where the inequality is nearly an equality.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem, needs
from convlab.theorems._assumptions import EXACT, GRADIENT_STEP, SMOOTH, constant_step, log


def _log_factor(setting: Setting) -> float:
    """2 ln r, where 1 − r = hq(1 + 2(2 − h)(1 + q)/(2 + √(…)))/(2 + q) has no cancellation."""
    h, q = setting.step_size() * setting["L"], min(setting["mu_PL"] / setting["L"], 1.0)
    root = math.sqrt(max(4 - 2 * h * q * (2 - h) * (1 + q), 0.0))
    short = h * q * (1 + 2 * (2 - h) * (1 + q) / (2 + root)) / (2 + q)
    return 2 * math.log1p(-short) if short < 1 else -math.inf


def _log_bound(setting: Setting, t: int) -> float:
    return log(setting["initial_gap"]) + (t * _log_factor(setting) if t else 0.0)


def _sine(setting: Setting, t: int) -> float:
    """The gap x² + 3 sin²x after t steps x ← x − η(2x + 3 sin 2x) from x_0 = D."""
    x = setting["D"]
    for _ in range(t):
        x -= setting.step_size() * (2 * x + 3 * math.sin(2 * x))
    return x**2 + 3 * math.sin(x) ** 2


THEOREM = Theorem(
    title="Gradient descent, Polyak-Lojasiewicz",
    statement=(
        r"R(\theta_T)-R^*\le r^{2T}(R(\theta_0)-R^*),\qquad "
        r"r=\frac{q(1-h)+\sqrt{4-2hq(2-h)(1+q)}}{2+q},\quad q=\frac{\mu}{L},\ h=\eta L\in(0,1];"
        r"\qquad r^2=\frac{2(L-\mu)}{2L+\mu}\ \mathrm{at}\ h=1"
    ),
    source="Polyak 1963; Abbaszadehpeivasti, de Klerk and Zamani 2023, Theorem 3",
    assumes=(
        GRADIENT_STEP,
        EXACT,
        SMOOTH,
        needs("Polyak-Lojasiewicz", "the Polyak-Lojasiewicz inequality"),
        constant_step("1/L", lambda setting: 1 / setting["L"], strict=False),
    ),
    output="last",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$r^{2T}(R(\theta_0)-R^*),\ r^2=\frac{2(L-\mu)}{2L+\mu}\ \mathrm{at}\ \eta=1/L$",
    rate=Rate("linear", _log_factor, "r^(2T)"),
    instance=Instance(
        spec={
            "problem": {"name": "pl_sine", "D": 2.45},
            "optimizer": {"name": "gd", "step_size": "1/L"},
            "run": {"horizon": 3},
        },
        reaches=0.93,
        expected=_sine,
        note="x^2 + 3 sin^2 x, three steps past the point where the inequality is nearly an equality",
    ),
    log_bound=_log_bound,
    constants=("L", "mu_PL", "initial_gap"),
)
