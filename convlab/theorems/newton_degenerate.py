r"""Newton's method where the Hessian vanishes at the minimiser: linear convergence, and no faster.

For R(θ) = |θ|^p/p with p > 2, ∇R/∇²R = θ/(p − 1), so that the full Newton step is θ_{t+1} = θ_t (p − 2)/(p − 1), and

    R(θ_T) − R* = ((p − 2)/(p − 1))^(pT) (R(θ_0) − R*)       for every T ≥ 0,

exactly: for p = 4 the gap falls by 16/81 per step. It is what the local theorem's hypothesis ∇²R(θ*) > 0 is for.
p is read off the run's constants: with L = (p − 1)D^(p−2), the largest R'' on the level set, L D² = p(p − 1)(R(θ_0) −
R*).

Source: elementary, the line above.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Assumption, Instance, Rate, Theorem
from convlab.theorems._assumptions import EXACT, log
from convlab.theorems._newton import FULL_STEP


def _power(setting: Setting) -> float:
    """p > 2 from p(p − 1) = L D²/initial_gap."""
    return (1 + math.sqrt(1 + 4 * setting["L"] * setting["D"] ** 2 / setting["initial_gap"])) / 2


def _of_one_power(setting: Setting) -> bool:
    """Whether the constants are those of |θ|^p/p: a wrong one would be taken for another p."""
    p, D = _power(setting), setting["D"]
    pairs = ((setting["L"], (p - 1) * D ** (p - 2)), (setting["initial_gap"], D**p / p))
    return all(math.isclose(given, wanted, rel_tol=1e-9) for given, wanted in pairs)


def _log_rate(setting: Setting) -> float:
    p = _power(setting)
    return p * log((p - 2) / (p - 1))


def _log_bound(setting: Setting, t: int) -> float:
    return log(setting["initial_gap"]) + (t * _log_rate(setting) if t else 0.0)


def _fourth_power(setting: Setting, t: int) -> float:
    """θ⁴/4 by the step θ − θ³/(3θ²), for the instance's p = 4."""
    theta = setting["D"]
    for _ in range(t):
        theta -= theta / 3
    return float(theta**4 / 4)


THEOREM = Theorem(
    title="Newton's method, degenerate minimiser",
    statement=(
        r"R(\theta_T)-R^*=\left(\frac{p-2}{p-1}\right)^{pT}(R(\theta_0)-R^*),\qquad R(\theta)=\frac{|\theta|^p}{p}"
    ),
    source="elementary: the Newton step on |theta|^p is theta/(p - 1)",
    assumes=(
        FULL_STEP,
        EXACT,
        Assumption(
            "the risk |theta|^p/p, the problem 'power'",
            lambda setting: setting.problem == "power",
            finding=lambda setting: f"the problem is '{setting.problem}'",
        ),
        Assumption("L = (p-1) D^(p-2) and initial_gap = D^p/p for one and the same p", _of_one_power),
    ),
    output="last",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$(\frac{p-2}{p-1})^{pT}\,(R(\theta_0)-R^*)$",
    rate=Rate("linear", _log_rate, "((p-2)/(p-1))^(pT)"),
    instance=Instance(
        spec={
            "problem": {"name": "power", "p": 4.0},
            "optimizer": {"name": "newton"},
            "run": {"horizon": 30},
        },
        reaches=1.0,
        expected=_fourth_power,
        note="theta^4/4: equality at every t",
    ),
    log_bound=_log_bound,
    constants=("L", "D", "initial_gap"),
)
