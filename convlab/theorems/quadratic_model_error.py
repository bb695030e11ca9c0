r"""The quadratic model: how far R can be from it after a step of any optimizer.

For a twice differentiable R whose Hessian is M-Lipschitz, any point θ and any step s,

    |R(θ + s) − m(s)| ≤ (M/6)‖s‖³,   m(s) = R(θ) + ⟨∇R(θ), s⟩ + ½ sᵀ∇²R(θ) s,

since R(θ + s) − m(s) = ∫₀¹ (1 − τ) sᵀ(∇²R(θ + τs) − ∇²R(θ)) s dτ and ∫₀¹ (1 − τ) τ dτ = 1/6. It is judged as

    6|R(θ_{t+1}) − m(s_t)|/‖s_t‖³ ≤ M,   s_t = θ_{t+1} − θ_t,

the least Lipschitz constant that the step allows, at every step that was recorded, however it was chosen, and starts
above the rounding floor. So a step that decreases R as its model predicts up to a share δ needs (M/6)‖s‖³ ≤ δ times the
predicted decrease: steps must be short, or M small.

Instance: (μ/2)θ² + (M/6)|θ|³ to the right of 0, where the third derivative is M: equality at every step that stays
there, as those of gradient descent with step 1/L do.

Source: Nesterov 2004, Lemma 4.1.1; Nesterov and Polyak 2006, Lemma 1.
"""

from __future__ import annotations

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Theorem, needs
from convlab.theorems._assumptions import log


def _log_step(setting: Setting, previous: float) -> float:
    """ln M, whatever was measured before the step."""
    return log(setting["M"])


def _cubic(setting: Setting, t: int) -> float:
    """From x to y > 0 the model of (M/6)x³ misses (M/6)(y³ − x³ − 3x²(y − x) − 3x(y − x)²) = (M/6)(y − x)³."""
    return float(setting.problem_parameters["M"])


THEOREM = Theorem(
    title="Error of the quadratic model, step by step",
    statement=(
        r"\left|R(\theta_{t+1})-R(\theta_t)-\langle\nabla R(\theta_t),s_t\rangle"
        r"-\tfrac12 s_t^\top\nabla^2R(\theta_t)s_t\right|\le\frac M6\,\|s_t\|^3,\qquad s_t=\theta_{t+1}-\theta_t"
    ),
    source="Nesterov 2004, Lemma 4.1.1; Nesterov and Polyak 2006, Lemma 1",
    assumes=(
        needs("twice differentiable", "a twice differentiable risk"),
        needs("Lipschitz Hessian", "an M-Lipschitz Hessian"),
    ),
    output="last",
    quantity="observed_M",
    given="grad_norm2",
    sense="every run",
    valid="per step",
    formula=r"$\frac{6\,|R(\theta_{t+1})-m_t|}{\Vert\theta_{t+1}-\theta_t\Vert^3}\leq M$",
    rate=None,
    instance=Instance(
        spec={
            "problem": {"name": "cubic", "mu": 1.0, "M": 3.0, "D": 1.0},
            "optimizer": {"name": "gd", "step_size": "1/L"},
            "run": {"horizon": 12},
        },
        reaches=1.0,
        expected=_cubic,
        note="a quadratic plus |theta|^3, on one side of 0: the third derivative is M",
    ),
    log_step=_log_step,
    constants=("M",),
)
