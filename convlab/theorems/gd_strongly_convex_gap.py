r"""Gradient descent on smooth strongly convex functions, the tight bound on the gap.

For an L-smooth, μ-strongly convex R and a constant step η ∈ (0, 2/L), with r = max(|1 − ηL|, |1 − ημ|),

    R(θ_T) − R* ≤ r^(2T) (R(θ_0) − R*)       for every T ≥ 0.

Textbooks give (1 − μ/L)^T at η = 1/L; the truth is its square. Attained by a quadratic: at η = 2/(L + μ) both ends of
a two-point spectrum {μ, L} contract by exactly r = (L − μ)/(L + μ), at every step, from every start.

Source: Taylor, Hendrickx and Glineur 2018.
"""

from __future__ import annotations

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import (
    EXACT,
    GRADIENT_STEP,
    SMOOTH,
    STRONGLY_CONVEX,
    below_two_over_l,
    contraction,
    log,
)


def _log_bound(setting: Setting, t: int) -> float:
    return log(setting["initial_gap"]) + (2 * t * log(contraction(setting)) if t else 0.0)


def _two_point_spectrum(setting: Setting, t: int) -> float:
    """Every eigenvalue λ ∈ {μ, L} has |1 − 2λ/(L + μ)| = (L − μ)/(L + μ)."""
    smooth, mu = setting["L"], setting["mu"]
    return setting["initial_gap"] * ((smooth - mu) / (smooth + mu)) ** (2 * t)


THEOREM = Theorem(
    title="Gradient descent, strongly convex, gap",
    statement=r"R(\theta_T)-R^*\le r^{2T}\,(R(\theta_0)-R^*),\qquad r=\max(|1-\eta L|,\,|1-\eta\mu|)",
    source="Taylor, Hendrickx and Glineur 2018",
    assumes=(GRADIENT_STEP, EXACT, SMOOTH, STRONGLY_CONVEX, below_two_over_l()),
    output="last",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$r^{2T}(R(\theta_0)-R^*),\ r=\max(|1-\eta L|,|1-\eta\mu|)$",
    rate=Rate("linear", lambda setting: 2 * log(contraction(setting)), "r^(2T)"),
    instance=Instance(
        spec={
            "problem": {"name": "quadratic", "dimension": 2, "L": 9.0, "mu": 1.0},
            "optimizer": {"name": "gd", "step_size": "2/(L+mu)"},
            "run": {"horizon": 50},
        },
        reaches=1.0,
        expected=_two_point_spectrum,
        note="a quadratic with spectrum {mu, L} at step_size = 2/(L + mu): equality at every t, from every start",
    ),
    log_bound=_log_bound,
    constants=("L", "mu", "initial_gap"),
)
