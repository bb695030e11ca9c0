r"""Polyak's step on smooth strongly convex functions: a linear rate without knowing L or μ.

For an L-smooth, μ-strongly convex R, q = μ/L, and the steps θ_{t+1} = θ_t − γ_t g_t, g_t = ∇R(θ_t), γ_t = δ_t/‖g_t‖²,
δ_t = R(θ_t) − R*,

    ‖θ_T − θ*‖² ≤ (1 − 5q/4 + q²/2)^T ‖θ_0 − θ*‖²       for every T ≥ 0.

Proof: the interpolation inequality of the class gives ⟨g, e⟩ ≥ (1 − q)δ + ‖g‖²/(2L) + μ‖e‖²/2 for e = θ − θ*, so that
‖θ_{t+1} − θ*‖² ≤ (1 − γμ)‖e‖² − γδ(1 − 2q) − δ/L. This falls in γ, as δ ≤ L‖e‖²/2, and γ ≥ 1/(2L); then it falls in
δ ≥ μ‖e‖²/2. Textbooks have 1 − q/4 (convexity and the descent lemma only).

Attained where L = μ: R = (L/2)‖θ‖², and every step halves the distance, 1 − 5/4 + 1/2 = 1/4. For L > μ it is loose:
on quadratics in the plane no more than 1 − 3q + O(q²) remains after a step.

Source: Polyak 1969 (the step); the factor is derived here.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem, needs
from convlab.theorems._assumptions import EXACT, SMOOTH, STRONGLY_CONVEX, log


def _log_factor(setting: Setting) -> float:
    q = setting["mu"] / setting["L"]
    return math.log1p(q * (q / 2 - 1.25))


def _log_bound(setting: Setting, t: int) -> float:
    return 2 * log(setting["D"]) + t * _log_factor(setting)


def _halved(setting: Setting, t: int) -> float:
    """(L/2)‖θ‖²/(L‖θ‖)² = 1/(2L), the step that halves θ."""
    return setting["D"] ** 2 * 0.25**t


THEOREM = Theorem(
    title="Polyak's step, strongly convex, distance",
    statement=(
        r"\|\theta_T-\theta^*\|^2\le\left(1-\frac54q+\frac12q^2\right)^T\|\theta_0-\theta^*\|^2,\qquad q=\frac{\mu}{L}"
    ),
    source="Polyak 1969 (the step); the factor is derived from the interpolation inequality",
    assumes=(
        needs("Polyak step", "Polyak's steps (R - R*)/||g||^2"),
        EXACT,
        SMOOTH,
        STRONGLY_CONVEX,
    ),
    output="last",
    quantity="dist2",
    sense="every run",
    valid="every t >= 1",
    formula=r"$(1-\frac{5}{4}q+\frac{1}{2}q^2)^T D^2,\ q=\mu/L$",
    rate=Rate("linear", _log_factor, "r^T"),
    instance=Instance(
        spec={
            "problem": {"name": "quadratic", "dimension": 1, "L": 3.0},
            "optimizer": {"name": "polyak"},
            "run": {"horizon": 30},
        },
        reaches=1.0,
        expected=_halved,
        note="a parabola, L = mu, whose distance is halved: equality at every t",
    ),
    log_bound=_log_bound,
    constants=("L", "mu", "D"),
)
