"""The theorem on minibatches of rows with one Hessian: its recursion, what it needs, and the lab's two ways to draw."""

from __future__ import annotations

import math
from dataclasses import replace

import mpmath
import pytest

from convlab.core.errors import Unknown
from convlab.core.setting import Hyper, Known, Setting
from convlab.lab.judge import judge
from convlab.theorems.minibatch_variance import THEOREM
from tests.running import run


def setting_of(step: float, **known: float) -> Setting:
    """A setting with these constants, without traits."""
    facts = {name: Known(value, "exact") for name, value in known.items()}
    return Setting("by hand", "by hand", "by hand", 40, known=facts, hyper={"step_size": Hyper(repr(step), step)})


def bound(setting: Setting, t: int) -> float:
    assert THEOREM.log_bound is not None
    return math.exp(THEOREM.log_bound(setting, t))


def applies(setting: Setting) -> list[str]:
    """What fails among the hypotheses that are no traits, with what was found."""
    numeric = [a for a in THEOREM.assumes if a.trait is None]
    return [a.finding(setting) if a.finding else a.words for a in numeric if not a.holds(setting)]


@pytest.mark.parametrize("eta", [0.01, 0.5, 1.0, 1.3, 1.9])
@pytest.mark.parametrize("mu", [1.0, 0.6, 1e-3])
def test_minibatch_variance_is_the_recursion(eta: float, mu: float) -> None:
    """m ← r² m + η²σ_b² for the worst of the eigenvalues μ and 1, in 40 digits; an equality where they are one."""
    D, sigma = 1.4, 0.6
    setting = setting_of(eta, L=1.0, mu=mu, D=D, sigma_star=sigma, batch_size=3.0)
    assert applies(setting) == []
    with mpmath.workdps(40):
        r2 = max((1 - mpmath.mpf(eta)) ** 2, (1 - mpmath.mpf(eta) * mpmath.mpf(mu)) ** 2)
        m = mpmath.mpf(D) ** 2
        for t in range(1, 41):
            before, m = m, r2 * m + mpmath.mpf(eta) ** 2 * mpmath.mpf(sigma) ** 2
            assert bound(setting, t) == pytest.approx(float(m), rel=1e-11)
            if abs(m - before) > 1e-6 * m:
                assert bound(setting, t - 1) != pytest.approx(float(m), rel=1e-7)


def test_minibatch_variance_needs_minibatches_and_a_step_below_two_over_l() -> None:
    known = {"L": 1.0, "mu": 1.0, "D": 1.0, "sigma_star": 1.0}
    assert applies(setting_of(2.0, batch_size=1.0, **known)) == ["step_size = 2.0 reaches 2/L = 2"]
    with pytest.raises(Unknown, match="batch_size"):
        applies(setting_of(0.5, **known))


@pytest.mark.parametrize("replacement", [True, False])
def test_minibatches_with_and_without_replacement_through_the_lab(replacement: bool) -> None:
    """The factor (n − b)/(n − 1) = 3/11 is seen: without it the bound is violated or the ruling loose."""
    problem = {"name": "centroid", "n": 12, "dimension": 8, "mu": 0.8, "D": 1.0, "spread": 2.0}
    oracle = {"name": "minibatch", "size": 9, "replacement": replacement}
    trace = run(problem, [{"name": "sgd", "step_size": 0.5}], oracle=oracle, horizon=20, seeds=1024)[0]
    verdict = judge("minibatch_variance", THEOREM, [trace], (0,), "trajectory")
    assert verdict.ruling == "holds", verdict.why
    other = math.sqrt(3 / 11) if replacement else math.sqrt(11 / 3)
    sigma = Known(trace.setting["sigma_star"] * other, "exact")
    swapped = replace(trace, setting=replace(trace.setting, known={**trace.setting.known, "sigma_star": sigma}))
    verdict = judge("minibatch_variance", THEOREM, [swapped], (0,), "trajectory")
    assert verdict.ruling == ("violated" if replacement else "holds")
    assert verdict.ratio is not None
    assert (verdict.ratio[-1] > 1.5) if replacement else (verdict.ratio[-1] < 0.5)
