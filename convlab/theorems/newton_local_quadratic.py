r"""Newton's method, local quadratic convergence, step by step.

For a twice differentiable, μ-strongly convex R whose Hessian is M-Lipschitz, the full Newton step satisfies

    ‖θ_{t+1} − θ*‖ ≤ (M/(2μ)) ‖θ_t − θ*‖²,   so   ‖θ_{t+1} − θ*‖² ≤ (M/(2μ))² (‖θ_t − θ*‖²)²,

from θ_{t+1} − θ* = H(θ_t)⁻¹ ∫₀¹ (H(θ_t) − H(θ* + s e)) e ds, e = θ_t − θ*. It is true at every step, near θ* or not,
and says something once ‖e‖ < 2μ/M. (Nesterov 2004, Theorem 1.2.5, with strong convexity at θ* only:
M r²/(2(μ − M r)).)

Instance: (μ/2)θ² + (M/6)|θ|³, whose step is θ_{t+1} = (M/2)θ_t²/(μ + Mθ_t) for θ_t > 0: the fraction 1/(1 + Mθ_t/μ) of
the bound on the distance, its square for the squared distance, which tends to 1 at θ*.
"""

from __future__ import annotations

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem, needs
from convlab.theorems._assumptions import EXACT, STRONGLY_CONVEX, log


def _log_step(setting: Setting, previous: float) -> float:
    return 2 * (log(setting["M"]) - log(2 * setting["mu"])) + 2 * log(previous)


def _cubic(setting: Setting, t: int) -> float:
    """θ_t² on (μ/2)θ² + (M/6)|θ|³ from θ_0 = D, by the step in closed form."""
    theta = setting["D"]
    for _ in range(t):
        theta = setting["M"] * theta**2 / 2 / (setting["mu"] + setting["M"] * theta)
    return theta**2


THEOREM = Theorem(
    title="Newton's method, local quadratic convergence",
    statement=r"\|\theta_{t+1}-\theta^*\|\le\frac{M}{2\mu}\,\|\theta_t-\theta^*\|^2",
    source="Classical (Kantorovich 1948); this form by the integral of the Hessian along e = theta_t - theta*",
    assumes=(
        needs("full Newton step", "full Newton steps: step_size 1, no ridge, no backtracking, solver direct"),
        EXACT,
        needs("twice differentiable", "a twice differentiable risk"),
        STRONGLY_CONVEX,
        needs("Lipschitz Hessian", "an M-Lipschitz Hessian"),
    ),
    output="last",
    quantity="dist2",
    sense="every run",
    valid="per step",
    formula=r"$(M/2\mu)^2\,\|\theta_t-\theta^*\|^4$",
    rate=Rate("order", lambda setting: 2.0, "quadratic"),
    instance=Instance(
        spec={
            "problem": {"name": "cubic", "mu": 1.0, "M": 1.0, "D": 0.1},
            "optimizer": {"name": "newton", "step_size": 1.0},
            "run": {"horizon": 3},
        },
        reaches=0.99997,
        expected=_cubic,
        note="a quadratic plus |theta|^3, on which the ratio tends to 1",
    ),
    log_step=_log_step,
    constants=("M", "mu"),
)
