r"""The proximal gradient method, smooth and strongly convex plus simple: the tight bound on the distance.

Let R = f + h with f μ-strongly convex and L-smooth, μ > 0, and h convex. With a constant step η ∈ (0, 2/L) and
r = max(|1 − ηL|, |1 − ημ|), θ_{t+1} = prox_{ηh}(θ_t − η∇f(θ_t)) has

    ‖θ_T − θ*‖² ≤ r^(2T) ‖θ_0 − θ*‖²       for every T ≥ 0.

Proof: θ* is a fixed point of the step; the gradient step on f contracts distances by r (as for h = 0), and the proximal
map does not expand them. So the simple part costs nothing, in proof and in truth: attained by a lasso on one row from
θ_0 = 0, on whose linear piece each step contracts by exactly 1 − ηL, L = μ.

Source: Taylor, Hendrickx and Glineur 2018 (of distance, gap and gradient, tight).
"""

from __future__ import annotations

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import EXACT, STRONGLY_CONVEX, below_two_over_l, contraction, log
from convlab.theorems._proximal import COMPOSITE, PROXIMAL_STEP


def _log_bound(setting: Setting, t: int) -> float:
    return 2 * log(setting["D"]) + (2 * t * log(contraction(setting)) if t else 0.0)


def _on_one_row(setting: Setting, t: int) -> float:
    """(1/2)(xθ − y)² + λ|θ|: θ has the sign of xy from the first step on, and θ − θ* shrinks by 1 − ηx²."""
    return setting["D"] ** 2 * (1 - setting.step_size() * setting["L"]) ** (2 * t)


THEOREM = Theorem(
    title="Proximal gradient method, strongly convex, distance",
    statement=(
        r"\|\theta_T-\theta^*\|^2\le r^{2T}\|\theta_0-\theta^*\|^2,\qquad R=f+h,\quad r=\max(|1-\eta L|,\,|1-\eta\mu|)"
    ),
    source="Taylor, Hendrickx and Glineur 2018",
    assumes=(PROXIMAL_STEP, EXACT, COMPOSITE, STRONGLY_CONVEX, below_two_over_l()),
    output="last",
    quantity="dist2",
    sense="every run",
    valid="every t >= 1",
    formula=r"$r^{2T}D^2,\ r=\max(|1-\eta L|,|1-\eta\mu|)$",
    rate=Rate("linear", lambda setting: 2 * log(contraction(setting)), "r^(2T)"),
    instance=Instance(
        spec={
            "problem": {"name": "lasso", "data": "synthetic", "n": 1, "dimension": 1, "l1_over_max": 0.25},
            "optimizer": {"name": "proximal_gradient", "step_size": "0.2/L"},
            "run": {"horizon": 50},
        },
        reaches=1.0,
        expected=_on_one_row,
        note="the lasso on one row, which never leaves the linear piece of |theta|: equality at every t",
    ),
    log_bound=_log_bound,
    constants=("L", "mu", "D"),
)
