r"""Damped Newton on self-concordant functions: what a step brings at least.

For a standard self-concordant R, |R'''[h, h, h]| ≤ 2 (hᵀ∇²R h)^(3/2), with Newton decrement λ² = ∇Rᵀ(∇²R)⁻¹∇R, the step
θ_{t+1} = θ_t − (∇²R)⁻¹∇R/(1 + λ_t) stays in the domain, and

    R(θ_t) − R(θ_{t+1}) ≥ ω(λ_t),   ω(λ) = λ − ln(1 + λ).

Far from the minimiser that is a constant decrease per step, whatever the condition number; near it about λ²/2.

Instance: x − ln x from x_0 > 1. There λ = x − 1, so the step leads to x = 1, the minimiser, and brings
x_0 − 1 − ln x_0 = ω(λ): equality.

Source: Nesterov and Nemirovskii 1994; Nesterov 2004, section 4.1.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Theorem
from convlab.theorems._assumptions import EXACT, log
from convlab.theorems._newton import DAMPED_STEP, SELF_CONCORDANT

_NEAR = 0.5
_TERMS = 14  # 0.2^(2·14)/31 < 1e-21


def _log_step(setting: Setting, previous: float) -> float:
    """ln ω(√previous); near 0 by ln(1 + λ) = 2 artanh(v), v = λw, w = 1/(2 + λ): ω/λ² = w − 2vw² (1/3 + v²/5 + …)."""
    if previous <= 0:
        return -math.inf
    decrement = math.sqrt(previous)
    if decrement > _NEAR:
        return math.log(decrement - math.log1p(decrement))
    w = 1 / (2 + decrement)
    v = decrement * w
    series = sum(v ** (2 * k) / (2 * k + 3) for k in range(_TERMS))
    return log(previous) + math.log(w - 2 * v * w**2 * series)


def _barrier(setting: Setting, t: int) -> float:
    """From e_0 = x_0 − 1 = D to 0 in the first step, the whole gap e_0 − ln(1 + e_0); nothing is left for a second."""
    return setting["D"] - math.log1p(setting["D"]) if t == 1 else 0.0


THEOREM = Theorem(
    title="Damped Newton, self-concordant, decrease per step",
    statement=(
        r"R(\theta_t)-R(\theta_{t+1})\ge\omega(\lambda_t),\qquad\omega(\lambda)=\lambda-\ln(1+\lambda),"
        r"\quad\lambda^2=\nabla R^\top(\nabla^2R)^{-1}\nabla R"
    ),
    source="Nesterov and Nemirovskii 1994; Nesterov 2004, section 4.1",
    assumes=(DAMPED_STEP, EXACT, SELF_CONCORDANT),
    output="last",
    quantity="decrease",
    given="decrement2",
    kind="lower",
    sense="every run",
    valid="per step",
    formula=r"$\lambda_t-\ln(1+\lambda_t)$",
    rate=None,
    instance=Instance(
        spec={
            "problem": {"name": "log_barrier", "start": 3.0},
            "optimizer": {"name": "damped_newton"},
            "run": {"horizon": 1},
        },
        reaches=1.0,
        expected=_barrier,
        start=lambda setting, t: setting["D"] ** 2 if t == 0 else 0.0,
        note="x - ln x from the right of 1: one step leads to the minimiser, with equality",
    ),
    log_step=_log_step,
)
