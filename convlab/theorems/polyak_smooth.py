r"""Polyak's step on smooth convex functions: gradient descent's rate without knowing L.

For an L-smooth convex R with a minimiser at distance D from θ_0 and the steps
θ_{t+1} = θ_t − γ_t g_t, g_t = ∇R(θ_t), γ_t = δ_t/‖g_t‖², δ_t = R(θ_t) − R*,

    min_{0 ≤ t ≤ T−1} R(θ_t) − R* ≤ 2L D²/(3T)       for every T ≥ 1.

Proof: ⟨g_t, θ_t − θ*⟩ ≥ δ_t + ‖g_t‖²/(2L) by cocoercivity, so that ‖θ_{t+1} − θ*‖² ≤ ‖θ_t − θ*‖² − γ_tδ_t − δ_t/L, and
γ_t ≥ 1/(2L) since ‖g_t‖² ≤ 2Lδ_t: every step takes 3δ_t/(2L) off; sum. Textbooks drop ‖g_t‖²/(2L) and get 2L D²/T.

Source: Polyak 1969 (the step); the constant is derived here.

Instance: a quadratic with eigenvalues 0.025 and 1. A search among quadratics of two and three dimensions found no more
than 0.75, 0.38, 0.14, 0.13, 0.11 of the bound at T = 1, 2, 3, 5, 10: whether it is tight is not known here.
"""

from __future__ import annotations

import math

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem, needs
from convlab.theorems._assumptions import CONVEX, EXACT, HAS_MINIMISER, SMOOTH, log


def _log_bound(setting: Setting, t: int) -> float:
    return math.log(2) + log(setting["L"]) + 2 * log(setting["D"]) - math.log(3 * t)


def _two_eigenvalues(setting: Setting, t: int) -> float:
    """The least ½Σλ_iθ_i² among the first t points, θ_i ← (1 − γλ_i)θ_i with γ = ½Σλ_iθ_i²/Σ(λ_iθ_i)²."""
    eigenvalues, theta, least = np.array([0.025, 1.0]), np.array([1.0, 0.265]), math.inf
    for _ in range(t):
        gap = float(np.sum(eigenvalues * theta**2)) / 2
        least = min(least, gap)
        theta = theta * (1 - gap / np.sum((eigenvalues * theta) ** 2) * eigenvalues)
    return least


THEOREM = Theorem(
    title="Polyak's step, smooth convex",
    statement=r"\min_{0\le t\le T-1}R(\theta_t)-R^*\le\frac{2LD^2}{3T}",
    source="Polyak 1969 (the step); the constant is derived from cocoercivity",
    assumes=(
        needs("Polyak step", "Polyak's steps (R - R*)/||g||^2"),
        EXACT,
        CONVEX,
        SMOOTH,
        HAS_MINIMISER,
    ),
    output="best",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{2LD^2}{3T}$",
    rate=Rate("power", lambda setting: -1.0, "1/T"),
    instance=Instance(
        spec={
            "problem": {"name": "quadratic", "eigenvalues": [0.025, 1.0], "theta0": [1.0, 0.265]},
            "optimizer": {"name": "polyak"},
            "run": {"horizon": 10},
        },
        reaches=0.1007,
        expected=_two_eigenvalues,
        note="a quadratic with eigenvalues 0.025 and 1; a search below four dimensions found no more than 0.108",
    ),
    log_bound=_log_bound,
    constants=("L", "D"),
)
