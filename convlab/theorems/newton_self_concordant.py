r"""Newton's method on self-concordant functions, local quadratic convergence by the decrement.

For a standard self-concordant R with Newton decrement λ² = ∇Rᵀ(∇²R)⁻¹∇R, the full Newton step from a point with
λ_t < 1 stays in the domain, and

    λ_{t+1} ≤ (λ_t/(1 − λ_t))²,   so   λ²_{t+1} ≤ (λ_t/(1 − λ_t))⁴.

Of a step from λ_t ≥ 1 it says nothing: the bound is infinite there. The decrement falls from below (3 − √5)/2 on.

Instance: x − ln x, where λ = |1 − x| and a step squares 1 − x: the fraction (1 − λ)² of the bound on the decrement, its
square for the squared one, which tends to 1 at the minimiser. From x_0 ≥ 2, where λ ≥ 1, the step leaves the domain.

Source: Nesterov and Nemirovskii 1994; Nesterov 2004, section 4.1.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import EXACT, log
from convlab.theorems._newton import FULL_STEP, SELF_CONCORDANT


def _log_step(setting: Setting, previous: float) -> float:
    return 2 * log(previous) - 4 * math.log1p(-math.sqrt(previous)) if previous < 1 else math.inf


def _barrier(setting: Setting, t: int) -> float:
    """λ_t² = (1 − x_t)², and 1 − x is squared at every step."""
    return float(setting["D"] ** (2 ** (t + 1)))


THEOREM = Theorem(
    title="Newton's method, self-concordant, local quadratic convergence",
    statement=(
        r"\lambda_{t+1}\le\left(\frac{\lambda_t}{1-\lambda_t}\right)^2,\qquad\lambda_t<1,\quad"
        r"\lambda^2=\nabla R^\top(\nabla^2R)^{-1}\nabla R"
    ),
    source="Nesterov and Nemirovskii 1994; Nesterov 2004, section 4.1",
    assumes=(FULL_STEP, EXACT, SELF_CONCORDANT),
    output="last",
    quantity="decrement2",
    sense="every run",
    valid="per step",
    formula=r"$(\lambda_t/(1-\lambda_t))^4$",
    rate=Rate("order", lambda setting: 2.0, "quadratic"),
    instance=Instance(
        spec={
            "problem": {"name": "log_barrier", "start": 1.5},
            "optimizer": {"name": "newton"},
            "run": {"horizon": 5},
        },
        reaches=0.9999,
        expected=_barrier,
        note="x - ln x, on which Newton's method squares 1 - x, and the ratio tends to 1",
    ),
    log_step=_log_step,
)
