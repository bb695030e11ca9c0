r"""Gradient descent with exact line search on smooth strongly convex functions, the tight rate.

For an L-smooth, μ-strongly convex R and steps η_t that minimise R(θ_t − η∇R(θ_t)) over η,

    R(θ_T) − R* ≤ ((L − μ)/(L + μ))^(2T) (R(θ_0) − R*)       for every T ≥ 0.

For quadratics it is Kantorovich's inequality. It is attained there, at every step: on (μx² + Ly²)/2 from (1/μ, 1/L)
both coordinates of the gradient are 1, the step is 2/(L + μ), and the point is multiplied by (L − μ)/(L + μ) with its
second coordinate turned, after which the same happens again. The search gains nothing over the constant 2/(L + μ).

Source: de Klerk, Glineur and Taylor 2017, Theorem 1.2; quadratics: Kantorovich 1948.
"""

from __future__ import annotations

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem, needs
from convlab.theorems._assumptions import EXACT, SMOOTH, STRONGLY_CONVEX, log


def _log_factor(setting: Setting) -> float:
    return 2 * log((setting["L"] - setting["mu"]) / (setting["L"] + setting["mu"]))


def _log_bound(setting: Setting, t: int) -> float:
    return log(setting["initial_gap"]) + (t * _log_factor(setting) if t else 0.0)


def _zigzag(setting: Setting, t: int) -> float:
    """On (μx² + Ly²)/2 from (1/μ, 1/L) θ_t = ((L − μ)/(L + μ))^t (1/μ, (−1)^t/L)."""
    smooth, mu = setting["L"], setting["mu"]
    return ((smooth - mu) / (smooth + mu)) ** (2 * t) * (1 / mu + 1 / smooth) / 2


THEOREM = Theorem(
    title="Exact line search, strongly convex, gap",
    statement=r"R(\theta_T)-R^*\le\left(\frac{L-\mu}{L+\mu}\right)^{2T}(R(\theta_0)-R^*)",
    source="de Klerk, Glineur and Taylor 2017, Theorem 1.2",
    assumes=(
        needs("exact line search step", "steps theta - eta * grad R with the eta that minimises R along the ray"),
        EXACT,
        SMOOTH,
        STRONGLY_CONVEX,
    ),
    output="last",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$r^{2T}(R(\theta_0)-R^*),\ r=\frac{L-\mu}{L+\mu}$",
    rate=Rate("linear", _log_factor, "r^(2T)"),
    instance=Instance(
        spec={
            "problem": {"name": "quadratic", "eigenvalues": [1.0, 16.0], "theta0": [1.0, 0.0625]},
            "optimizer": {"name": "gd", "line_search": "exact"},
            "run": {"horizon": 50},
        },
        reaches=1.0,
        expected=_zigzag,
        note="a quadratic with spectrum {mu, L} from (1/mu, 1/L): equality at every t",
    ),
    log_bound=_log_bound,
    constants=("L", "mu", "initial_gap"),
)
