r"""Subgradient descent on G|θ|, the last iterate, with or without bounded noise.

For R(θ) = G|θ| on the line and steps θ_{t+1} = θ_t − η_t(∇R(θ_t) + ξ_t) with |ξ_t| ≤ σ < G, every run satisfies

    |θ_{t+1}| ≤ max{ |θ_t| − (G − σ)η_t, (G + σ)η_t },

since a point farther out than (G + σ)η_t moves towards 0 by (G − σ)η_t at least and does not pass it, and a nearer one
stays within (G + σ)η_t. With M_0 = D and M_{t+1} = max{M_t − (G − σ)η_t, (G + σ)η_t} therefore R(θ_t) ≤ G·M_t. The
method walks in, and then hovers at the size of its step: with η_t = c/√(t+1) the last iterate has the rate 1/√t on this
one problem, with no average and no instance that depends on T. On a general Lipschitz function the last iterate of such
a schedule loses a logarithm.

Source: derived as above. Instance: without noise and with the constant step D/10.001 the eleventh point is
0.999 steps from 0.
"""

from __future__ import annotations

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Assumption, Instance, Rate, Theorem
from convlab.theorems._assumptions import log
from convlab.theorems._subgradient import SUBGRADIENT_STEP, positive_steps, step_sizes


def _sigma(setting: Setting) -> float:
    return 0.0 if "exact oracle" in setting.traits else setting["sigma"]


def _noise_is_bounded(setting: Setting) -> bool:
    if "exact oracle" in setting.traits:
        return True
    return (
        "bounded noise" in setting.traits and _sigma(setting) < setting["G"] and setting.known["sigma"].how == "exact"
    )


def _log_bound(setting: Setting, t: int) -> float:
    """G·M_t, unrolled: M_t + (G − σ)S_t is the largest of D and of (G + σ)η_j + (G − σ)S_{j+1}, S_j = Σ_{s<j} η_s."""
    steps = step_sizes(setting)[:t]
    inward, reach = setting["G"] - _sigma(setting), setting["G"] + _sigma(setting)
    sums = np.cumsum(steps)
    peaks = reach * steps + inward * sums
    farthest = max(setting["D"], float(peaks.max())) if t else setting["D"]
    return log(setting["G"]) + log(farthest - (inward * float(sums[-1]) if t else 0.0))


def _slope_of_steps(setting: Setting) -> float:
    """The bound hovers at the step size, so its slope is that of log η_t over log t in the second half of the run."""
    steps, half = step_sizes(setting), setting.horizon // 2
    return log(steps[-1] / steps[half - 1]) / log(setting.horizon / half) if half else 0.0


def _hovering(setting: Setting, t: int) -> float:
    """G|θ_t| by the steps themselves, θ_{t+1} = θ_t − ηG sign θ_t."""
    theta = setting["D"]
    for s in range(t):
        theta -= setting.step_size(s) * setting["G"] * float(np.sign(theta))
    return setting["G"] * abs(theta)


THEOREM = Theorem(
    title="Subgradient method on G|theta|, bounded noise, last iterate",
    statement=(r"R(\theta_T)-R^*\le G\,M_T,\qquad M_0=D,\quad M_{t+1}=\max\{M_t-(G-\sigma)\eta_t,\ (G+\sigma)\eta_t\}"),
    source="derived here: a point farther out than (G + sigma) eta_t moves in, a nearer one stays within",
    assumes=(
        SUBGRADIENT_STEP,
        Assumption(
            "the absolute value G|theta| on the line",
            lambda setting: setting.problem == "absolute" and setting["mu"] == 0.0,
        ),
        Assumption("noise that never exceeds sigma < G", _noise_is_bounded),
        positive_steps(),
    ),
    output="last",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$G\,M_t,\ M_{t+1}=\max\{M_t-(G-\sigma)\eta_t,(G+\sigma)\eta_t\}$",
    rate=Rate("power", _slope_of_steps, "step_size"),
    instance=Instance(
        spec={
            "problem": {"name": "absolute", "G": 2.0, "D": 1.0},
            "optimizer": {"name": "subgradient", "step_size": "D/(10.001*G)"},
            "oracle": {"name": "exact"},
            "run": {"horizon": 11},
        },
        reaches=0.998,
        expected=_hovering,
        note="the constant step D/10.001 in distance: the tenth point is next to 0, the eleventh a step from it",
    ),
    log_bound=_log_bound,
    constants=("G", "D", "mu"),
)
