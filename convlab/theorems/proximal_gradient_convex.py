r"""The proximal gradient method on convex functions, smooth plus simple: the tight bound on the last iterate.

Let R = f + h with f convex and L-smooth, h convex (closed and proper), and a minimiser at distance D from θ_0. With a
constant step 0 < η ≤ 1/L, θ_{t+1} = prox_{ηh}(θ_t − η∇f(θ_t)) has

    R(θ_T) − R* ≤ D²/(4ηT)       for every T ≥ 1,

half of the textbook's D²/(2ηT). Proof, with η = 1 (rescale R; f is 1-smooth then): let s_{t+1} = θ_t − ∇f(θ_t) −
θ_{t+1}, a subgradient of h at θ_{t+1}, G = θ_t − θ_{t+1} = s_{t+1} + ∇f(θ_t), v_t = s_t + ∇f(θ_t) and e =
∇f(θ_{t+1}) − ∇f(θ_t) = v_{t+1} − G. By f(θ_t) ≥ f(θ_{t+1}) + ⟨∇f(θ_{t+1}), G⟩ + ½‖e‖² and convexity,

    (1)  2(R(θ_{t+1}) − R*) + ‖θ_{t+1} − θ*‖² − ‖θ_t − θ*‖² ≤ −‖v_{t+1}‖²,
    (2)  R(θ_{t+1}) − R(θ_t) ≤ −½‖v_{t+1}‖² − ½‖G‖²,
    (3)  ‖v_{t+1}‖ ≤ ‖G‖ ≤ ‖v_t‖,

(3) by cocoercivity of ∇f and monotonicity of ∂h. So 2t(R(θ_t) − R*) + t²‖v_t‖² + ‖θ_t − θ*‖² does not increase: (1)
and 2t times (2) leave t(‖v_{t+1}‖² − ‖G‖²) + t²(‖v_{t+1}‖² − ‖v_t‖²) ≤ 0. It is D² at t = 0, and at T at least
2T(R(θ_T) − R*) + 2T‖v_T‖‖θ_T − θ*‖ ≥ 4T(R(θ_T) − R*).

Attained by f = 0, h = c|θ|, c = D/(2ηT): T steps of ηc lead from D to D/2. The c depends on T, one instance per
horizon. On a fixed R the gap is o(1/T); on a lasso with independent columns it is linear in the end.

Source: Beck and Teboulle 2009, Theorem 3.1 (twice as much); the tight bound by the proof above.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import CONVEX, EXACT, HAS_MINIMISER, log
from convlab.theorems._proximal import AT_MOST_ONE_OVER_L, COMPOSITE, PROXIMAL_STEP


def _log_bound(setting: Setting, t: int) -> float:
    return 2 * log(setting["D"]) - math.log(4 * setting.step_size() * t)


def _shrinking(setting: Setting, t: int) -> float:
    """c|θ|, c = D/(2ηT): every step takes ηc = D/(2T) off θ_0 = D."""
    distance, horizon = setting["D"], setting.horizon
    return distance / (2 * setting.step_size() * horizon) * (distance - t * distance / (2 * horizon))


THEOREM = Theorem(
    title="Proximal gradient method, convex",
    statement=r"R(\theta_T)-R^*\le\frac{D^2}{4\eta T},\qquad R=f+h,\quad 0<\eta\le\frac1L",
    source="Beck and Teboulle 2009, Theorem 3.1 (twice as much); tight by the proof in its file",
    assumes=(PROXIMAL_STEP, EXACT, CONVEX, COMPOSITE, HAS_MINIMISER, AT_MOST_ONE_OVER_L),
    output="last",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{D^2}{4\eta T}$",
    rate=Rate("power", lambda setting: -1.0, "1/T"),
    instance=Instance(
        spec={
            "problem": {"name": "shrinkage", "L": 1.0, "D": 1.0, "l1": "L*D/(2*T)"},
            "optimizer": {"name": "proximal_gradient", "step_size": "1/L"},
            "run": {"horizon": 50},
        },
        reaches=1.0,
        expected=_shrinking,
        note="f = 0 and h = c|theta| with c = L D/(2T): equality at t = T",
    ),
    log_bound=_log_bound,
    constants=("L", "D"),
)
