r"""Gradient descent on quadratics with a power law: what the decay of spectrum and start makes of the rate.

For R = ½ Σ_{i≤d} λ_i θ_i² with λ_i = L i^(−α) (α the capacity), θ_{0,i}² = c i^(−β) (β the source, c = D²/Σ i^(−β)),
α + β > 1, and a constant step η ∈ (0, 1/L], with τ = 2ηLT, s = (α + β − 1)/α and p = (α + β)/α,

    R(θ_T) − R* ≤ (Lc/2) ( (Γ(s)/α) τ^(−s) + (p/(eτ))^p )       for every T ≥ 1.

Proof: the gap is (Lc/2) Σ i^(−α−β) (1 − ηλ_i)^(2T), each term at most F(i), F(x) = x^(−α−β) exp(−τ x^(−α)). F rises and
then falls, so that Σ F(i) ≤ ∫F + max F over x > 0; substitute u = τ x^(−α) in the integral, and the maximum is at
τ x^(−α) = p. The second term is of smaller order, p = s + 1/α. While 1 << T << d^α the first one is sharp: here T^(−s)
is what a fixed problem does, not what the worst one could do. Once T is of the order d^α the rate is exponential.

Source: derived here; the exponents are the classical ones of source and capacity conditions.

Instance: d = 1000, capacity and source 1.5, s = 4/3. The gap is summed as it stands.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Assumption, Instance, Rate, Theorem, needs
from convlab.theorems._assumptions import EXACT, GRADIENT_STEP, constant_step, log


def _source_exponent(setting: Setting) -> float:
    return (setting["capacity"] + setting["source"] - 1) / setting["capacity"]


def _dimension(setting: Setting) -> int:
    """d, as μ = L d^(−α)."""
    return round(math.pow(setting["L"] / setting["mu"], 1 / setting["capacity"]))


@functools.lru_cache(maxsize=64)
def _sum_of_powers(dimension: int, exponent: float) -> float:
    return float(np.sum(np.arange(1, dimension + 1, dtype=np.float64) ** -exponent))


def _log_scale(setting: Setting) -> float:
    """ln(Lc/2)."""
    start = 2 * log(setting["D"]) - math.log(_sum_of_powers(_dimension(setting), setting["source"]))
    return log(setting["L"]) + start - math.log(2)


def _log_bound(setting: Setting, t: int) -> float:
    alpha, s = setting["capacity"], _source_exponent(setting)
    log_tau, p = math.log(2 * setting.step_size() * setting["L"] * t), s + 1 / alpha
    integral = math.lgamma(s) - math.log(alpha) - s * log_tau
    return _log_scale(setting) + float(np.logaddexp(integral, p * (math.log(p) - 1 - log_tau)))


def _sum(setting: Setting, t: int) -> float:
    """½ Σ λ_i (1 − ηλ_i)^(2t) θ_{0,i}², term by term, with d = 1000 and D² = Σ c i^(−source)."""
    i = np.arange(1, 1001, dtype=np.float64)
    eigenvalues, start = setting["L"] * i ** -setting["capacity"], i ** -setting["source"]
    start *= setting["D"] ** 2 / start.sum()
    return float(np.sum(eigenvalues * (1 - setting.step_size() * eigenvalues) ** (2 * t) * start) / 2)


THEOREM = Theorem(
    title="Gradient descent, power-law quadratics",
    statement=(
        r"R(\theta_T)-R^*\le\frac{Lc}{2}\left(\frac{\Gamma(s)}{\alpha}(2\eta LT)^{-s}"
        r"+\left(\frac{p}{2e\eta LT}\right)^{p}\right),\qquad s=\frac{\alpha+\beta-1}{\alpha},\quad p=s+\frac1\alpha,"
        r"\quad c=\frac{D^2}{\sum_i i^{-\beta}},\quad\lambda_i=Li^{-\alpha},\ \theta_{0,i}^2=c\,i^{-\beta}"
    ),
    source="Derived: a sum against its integral; the exponent is that of source and capacity conditions",
    assumes=(
        GRADIENT_STEP,
        EXACT,
        needs("quadratic", "a quadratic risk"),
        Assumption(
            "a power law in spectrum and start with capacity + source > 1",
            lambda setting: setting["capacity"] + setting["source"] > 1,
            finding=lambda setting: f"capacity + source = {setting['capacity'] + setting['source']:.6g}",
        ),
        constant_step("1/L", lambda setting: 1 / setting["L"], strict=False),
    ),
    output="last",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{Lc}{2}(\frac{\Gamma(s)}{\alpha}(2\eta LT)^{-s}+(\frac{p}{2e\eta LT})^{p})$",
    rate=Rate("power", lambda setting: -_source_exponent(setting), "1/T^s"),
    instance=Instance(
        spec={
            "problem": {
                "name": "quadratic",
                "dimension": 1000,
                "spectrum": "power law",
                "capacity": 1.5,
                "source": 1.5,
            },
            "optimizer": {"name": "gd", "step_size": "1/L"},
            "run": {"horizon": 300},
        },
        reaches=0.98,
        expected=_sum,
        note="1000 eigenvalues i^-1.5 and a start of the same decay: the integral is 98 percent of the bound",
    ),
    log_bound=_log_bound,
    constants=("L", "mu", "D", "capacity", "source"),
)
