r"""Damped Newton on self-concordant functions converges quadratically near the minimiser, by its decrement alone.

For a standard self-concordant R with Newton decrement λ² = ∇Rᵀ(∇²R)⁻¹∇R, the step θ_{t+1} = θ_t − (∇²R)⁻¹∇R/(1 + λ_t)
satisfies

    λ_{t+1} ≤ 2 λ_t²,   so   λ²_{t+1} ≤ 4 (λ²_t)².

It is true at every step, and says something once λ < 1/2. No constant of R enters: the decrement is affine invariant.

Instance: x − ln x from x_0 < 1. With a = 1 − x one has λ = a, and a step leads to 2a²/(1 + a): the fraction 1/(1 + a)
of the bound on the decrement, its square for the squared one, which tends to 1 at the minimiser.

Source: Nesterov and Nemirovskii 1994; Nesterov 2004, section 4.1.
"""

from __future__ import annotations

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import EXACT, log
from convlab.theorems._newton import DAMPED_STEP, SELF_CONCORDANT


def _log_step(setting: Setting, previous: float) -> float:
    return log(4) + 2 * log(previous)


def _barrier(setting: Setting, t: int) -> float:
    """a_t² from a_0 = 1 − x_0 = D, by the step in closed form."""
    a = setting["D"]
    for _ in range(t):
        a = 2 * a**2 / (1 + a)
    return a**2


THEOREM = Theorem(
    title="Damped Newton, self-concordant, local quadratic convergence",
    statement=(
        r"\lambda_{t+1}\le2\lambda_t^2,\qquad\lambda^2=\nabla R^\top(\nabla^2R)^{-1}\nabla R,\quad"
        r"\theta_{t+1}=\theta_t-\frac{(\nabla^2R)^{-1}\nabla R}{1+\lambda_t}"
    ),
    source="Nesterov and Nemirovskii 1994; Nesterov 2004, section 4.1",
    assumes=(DAMPED_STEP, EXACT, SELF_CONCORDANT),
    output="last",
    quantity="decrement2",
    sense="every run",
    valid="per step",
    formula=r"$4\,\lambda_t^4$",
    rate=Rate("order", lambda setting: 2.0, "quadratic"),
    instance=Instance(
        spec={
            "problem": {"name": "log_barrier", "start": 0.5},
            "optimizer": {"name": "damped_newton"},
            "run": {"horizon": 6},
        },
        reaches=0.9999,
        expected=_barrier,
        note="x - ln x from the left of 1, on which the ratio tends to 1",
    ),
    log_step=_log_step,
)
