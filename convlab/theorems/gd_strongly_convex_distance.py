r"""Gradient descent on smooth strongly convex functions, the tight bound on the distance.

For an L-smooth, μ-strongly convex R and a constant step η ∈ (0, 2/L), with r = max(|1 − ηL|, |1 − ημ|),

    ‖θ_T − θ*‖² ≤ r^(2T) ‖θ_0 − θ*‖²       for every T ≥ 0.

Attained by a quadratic: at η = 2/(L + μ) both ends of a two-point spectrum {μ, L} contract by exactly
r = (L − μ)/(L + μ), so that the bound is an equality at every step, from every start.

Source: Taylor, Hendrickx and Glineur 2018 (all of distance, gap and gradient, tight).
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
    return 2 * log(setting["D"]) + (2 * t * log(contraction(setting)) if t else 0.0)


def _two_point_spectrum(setting: Setting, t: int) -> float:
    """Every eigenvalue λ ∈ {μ, L} has |1 − 2λ/(L + μ)| = (L − μ)/(L + μ)."""
    smooth, mu = setting["L"], setting["mu"]
    return setting["D"] ** 2 * ((smooth - mu) / (smooth + mu)) ** (2 * t)


THEOREM = Theorem(
    title="Gradient descent, strongly convex, distance",
    statement=r"\|\theta_T-\theta^*\|^2\le r^{2T}\|\theta_0-\theta^*\|^2,\qquad r=\max(|1-\eta L|,\,|1-\eta\mu|)",
    source="Taylor, Hendrickx and Glineur 2018",
    assumes=(GRADIENT_STEP, EXACT, SMOOTH, STRONGLY_CONVEX, below_two_over_l()),
    output="last",
    quantity="dist2",
    sense="every run",
    valid="every t >= 1",
    formula=r"$r^{2T}D^2,\ r=\max(|1-\eta L|,|1-\eta\mu|)$",
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
    constants=("L", "mu", "D"),
)
