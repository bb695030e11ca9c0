"""What theorems that hold with probability 1 − δ share: a law's quantile, and the martingale of subgradient steps.

Let θ_{s+1} = P(θ_s − ηg_s) on a convex set of diameter Δ, E[g_s | θ_s] = ∇_s ∈ ∂R(θ_s), and ‖g_s‖ ≤ G almost surely.
As P does not expand,

    ‖θ_{s+1} − θ*‖² ≤ ‖θ_s − θ*‖² − 2η⟨g_s, θ_s − θ*⟩ + η²G²,

and R(θ_s) − R* ≤ ⟨∇_s, θ_s − θ*⟩ by convexity, so that, summed over s < t with the noise X_s = ⟨∇_s − g_s, θ_s − θ*⟩,

    Σ (R(θ_s) − R*) ≤ D²/(2η) + ηtG²/2 + M_t,       M_t = X_0 + … + X_{t−1}.

M is a martingale, and given the past X_s lies in an interval of length 2G‖θ_s − θ*‖ ≤ 2GΔ, as ⟨g_s, θ_s − θ*⟩ does.
By Hoeffding's lemma E[e^{λX_s} | θ_s] ≤ e^{λ²(2GΔ)²/8}, so e^{λM_t − λ²G²Δ²t/2} is a supermartingale, and by Doob's
inequality P(max_{t≤n} M_t ≥ a) ≤ e^{−λa + λ²G²Δ²n/2}, which for λ = a/(G²Δ²n) is e^{−a²/(2G²Δ²n)}: with probability
1 − δ all of M_1, …, M_n are below GΔ√(2n ln(1/δ)). (The cruder |X_s| ≤ 2GΔ would give twice that.)
"""

from __future__ import annotations

import math

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, needs
from convlab.theorems._assumptions import CONVEX, HAS_MINIMISER, UNBIASED, constant_step, log
from convlab.theorems._sgd import SUBGRADIENT_STEP, Array, sign_paths

PROJECTED = (
    SUBGRADIENT_STEP,
    UNBIASED,
    needs("bounded gradients", "stochastic gradients that are bounded for certain, |g_t| <= G"),
    CONVEX,
    HAS_MINIMISER,
    constant_step("infinity", lambda setting: math.inf, strict=True),
)
CONSTANTS = ("G_sure", "D", "diameter", "delta")


def log_average_bound(setting: Setting, t: int, steps: int) -> float:
    """ln of D²/(2ηt) + ηG²/2 + GΔ√(2n ln(1/δ))/t, n = ``steps``."""
    eta, G = setting.step_size(), log(setting["G_sure"])
    start = 2 * log(setting["D"]) - log(2 * eta) - log(t)
    noise = G + log(setting["diameter"]) + log(2 * steps * -math.log(setting["delta"])) / 2 - log(t)
    return float(np.logaddexp(np.logaddexp(start, log(eta / 2) + 2 * G), noise))


def quantile(values: Array, delta: float) -> float:
    """The least of equally likely values that at most a share δ of them exceed."""
    return float(np.sort(values)[len(values) - 1 - math.floor(len(values) * delta)])


def average_quantile(setting: Setting, t: int) -> float:
    """The (1 − δ)-quantile of the gap of the average on G|x| in |x| ≤ Δ/2 with noise ±σ, over all 2^t paths."""
    points = sign_paths(setting, t, lambda x: setting["G"] * np.sign(x), setting["diameter"] / 2)
    return setting["G"] * quantile(np.abs(points.mean(axis=1)), setting["delta"])


INSTANCE = Instance(
    spec={
        "problem": {"name": "absolute", "G": 1.0, "D": 1.0, "radius": 1.0},
        "oracle": {"name": "additive_noise", "sigma": 0.25, "law": "signs"},
        "optimizer": {"name": "subgradient", "step_size": "D/(2*G_sure*sqrt(T))"},
        "run": {"horizon": 16, "seeds": 512},
    },
    reaches=0.2219,
    expected=average_quantile,
    note="G|x| in an interval with noise of random sign, whose 2^T paths are counted",
)
