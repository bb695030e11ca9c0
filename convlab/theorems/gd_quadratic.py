r"""Gradient descent on convex quadratics, the exact worst case: e times better than on smooth convex functions.

For a quadratic R with eigenvalues in [0, L], a minimiser at distance D from θ_0 and a constant step η = h/L < 2/L,

    R(θ_T) − R* ≤ (L D²/2) max{ a(1 − ah)^(2T), (1 − h)^(2T) },   a = min(1, 1/(h(2T + 1)))       for every T ≥ 0.

The gap along an eigenvector of eigenvalue xL is (L D²/2) x(1 − xh)^(2T); over x in [0, 1] this is largest at x = a or
at x = 1. As T grows it is L D²/(4ehT)(1 + O(1/T)), where smooth convex functions allow L D²/(4hT + 2). Attained by
two eigenvalues, aL and L, from a start along the first: a quadratic of its own for each horizon.

Source: derived here, a maximum over one variable.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem, needs
from convlab.theorems._assumptions import CONVEX, EXACT, GRADIENT_STEP, HAS_MINIMISER, below_two_over_l, log


def _log_bound(setting: Setting, t: int) -> float:
    h = setting.step_size() * setting["L"]
    a = min(1.0, 1 / (h * (2 * t + 1)))
    inside = math.log(a) + (2 * t * math.log1p(-a * h) if t else 0.0)
    outside = 2 * t * log(abs(1 - h)) if t else 0.0
    return log(setting["L"]) + 2 * log(setting["D"]) - math.log(2) + max(inside, outside)


def _along_the_small_one(setting: Setting, t: int) -> float:
    """A start along the eigenvector of μ: every step multiplies by 1 − ημ."""
    mu = setting["mu"]
    return mu / 2 * (1 - setting.step_size() * mu) ** (2 * t) * setting["D"] ** 2


THEOREM = Theorem(
    title="Gradient descent, convex quadratics",
    statement=(
        r"R(\theta_T)-R^*\le\frac{LD^2}{2}\max\left\{a(1-ah)^{2T},\,(1-h)^{2T}\right\},\qquad "
        r"a=\min\left(1,\frac{1}{h(2T+1)}\right),\quad h=\eta L\in(0,2)"
    ),
    source="Derived: the largest of x(1 - xh)^(2T) over x in [0, 1]",
    assumes=(
        GRADIENT_STEP,
        EXACT,
        needs("quadratic", "a quadratic risk"),
        CONVEX,
        HAS_MINIMISER,
        below_two_over_l(),
    ),
    output="last",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{LD^2}{2}\,\max\{a(1-ah)^{2T},\,(1-h)^{2T}\},\ a=\frac{1}{h(2T+1)}$",
    rate=Rate("power", lambda setting: -1.0, "1/T"),
    instance=Instance(
        spec={
            "problem": {"name": "quadratic", "eigenvalues": [1 / 101, 1.0], "start": "flattest"},
            "optimizer": {"name": "gd", "step_size": "1/L"},
            "run": {"horizon": 50},
        },
        reaches=1.0,
        expected=_along_the_small_one,
        note="a quadratic with an eigenvalue L/(2T+1), from its eigenvector: equality at T = 50",
    ),
    log_bound=_log_bound,
    constants=("L", "D"),
)
