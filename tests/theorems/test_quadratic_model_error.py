"""The bound on what the quadratic model misses, against exact and long arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from convlab.core.setting import Known, Setting
from convlab.core.trace import Trace
from convlab.lab.judge import judge
from convlab.theorems.quadratic_model_error import THEOREM

TRAITS = frozenset({"twice differentiable", "Lipschitz Hessian"})


def setting(M: float) -> Setting:
    return Setting("by hand", "by hand", "by hand", 1, TRAITS, known={"M": Known(M, "exact")})


def missed(M: mpmath.mpf, x: mpmath.mpf, s: mpmath.mpf) -> mpmath.mpf:
    """6|R(x + s) − m(s)|/|s|³ over M, of log(1 + eˣ)."""
    sigma = 1 / (1 + mpmath.exp(-x))
    model = mpmath.log1p(mpmath.exp(x)) + sigma * s + sigma * (1 - sigma) * s**2 / 2
    return 6 * abs(mpmath.log1p(mpmath.exp(x + s)) - model) / abs(s) ** 3 / M


def test_no_step_on_softplus_misses_more_and_some_come_near() -> None:
    """|R'''| ≤ 1/(6√3), attained at e^x = 2 ± √3: a short step there misses as much, none anywhere misses more."""
    with mpmath.workdps(60):
        M = 1 / (6 * mpmath.sqrt(3))
        bound = math.exp(THEOREM.log_step(setting(float(M)), 1.0))
        assert bound == pytest.approx(float(M), rel=1e-15)
        places, steps = (
            mpmath.linspace(-8, 8, 33),
            [sign * mpmath.mpf(10) ** k for sign in (-1, 1) for k in (-8, -3, 0, 1)],
        )
        shares = [missed(M, x, s) for x in places for s in steps]
        assert max(shares) <= 1
        attained = missed(M, mpmath.log(2 + mpmath.sqrt(3)), mpmath.mpf("1e-8"))
        assert 1 - 1e-6 < attained <= 1


def test_on_one_side_of_a_cubic_every_step_attains_it_and_across_zero_none() -> None:
    M, mu = Fraction(3), Fraction(1, 2)

    def risk(x: Fraction) -> Fraction:
        return mu / 2 * x**2 + M / 6 * abs(x) ** 3

    for x, y in (
        (Fraction(1), Fraction(1, 3)),
        (Fraction(2), Fraction(5)),
        (Fraction(1), Fraction(-1)),
        (Fraction(1), Fraction(0)),
    ):
        slope, curvature, s = mu * x + M / 2 * x * abs(x), mu + M * abs(x), y - x
        observed = 6 * abs(risk(y) - risk(x) - slope * s - curvature * s**2 / 2) / abs(s) ** 3
        assert (observed == M) == (y >= 0)
        assert observed <= M


def trace(error: list[float], step2: list[float], grad_norm2: list[float], M: float) -> Trace:
    measured = {"model_error": error, "step2": step2, "grad_norm2": grad_norm2, "gap": grad_norm2}
    return Trace(
        setting=setting(M),
        t=np.arange(len(error)),
        seeds=(0,),
        measured={"last": {name: np.array([values]) for name, values in measured.items()}},
        floor={"grad_norm2": 1e-20},
        error={},
        status=("diverged" if math.isnan(grad_norm2[-1]) else "done",),
    )


def test_rulings() -> None:
    nan = math.nan

    def ruled(*arguments: list[float], M: float = 6.0) -> tuple[str, float | None, str]:
        verdict = judge("quadratic_model_error", THEOREM, [trace(*arguments, M)], (0,), "trajectory")
        return verdict.ruling, verdict.worst_ratio, verdict.why

    assert ruled([nan, -0.008, 1e-30], [nan, 0.04, 1e-20], [1.0, 1.0, 1.0])[:2] == ("holds", pytest.approx(1.0))
    # the theorem is what M says: where a step tells of a larger M, the declared one is what failed
    ruling, _, why = ruled([nan, 0.008, 2e-30], [nan, 0.04, 1e-20], [1.0, 1.0, 1.0])
    assert ruling == "not applicable"
    assert why.startswith("hypothesis failed")
    # from below the floor, or not measured: no reading
    assert ruled([nan, 0.008, 2e-30], [nan, 0.04, 1e-20], [1.0, 1e-19, 1.0])[0] == "holds"
    assert ruled([nan, 0.008, nan], [nan, 0.04, 1e-20], [1.0, 1.0, 1.0])[0] == "holds"
    # a step that ends nowhere is no violation, one that stands still no step
    assert ruled([nan, 0.008, nan], [nan, 0.04, nan], [1.0, 1.0, nan])[0] == "holds"
    assert ruled([nan, 0.008, 0.0], [nan, 0.04, 0.0], [1.0, 1.0, 1.0])[0] == "holds"
    # a quadratic, M = 0: nothing may be missed
    ruling, ratio, why = ruled([nan, 0.0], [nan, 1.0], [1.0, 1.0], M=0.0)
    assert (ruling, ratio) == ("holds", 1.0)
    assert "attained" in why
    assert ruled([nan, 1e-12], [nan, 1.0], [1.0, 1.0], M=0.0)[0] == "not applicable"


def test_without_a_claim_it_says_who_asks_for_the_measurement() -> None:
    bare = trace([math.nan], [math.nan], [1.0], 1.0)
    del bare.measured["last"]["model_error"]  # type: ignore[attr-defined]
    verdict = judge("quadratic_model_error", THEOREM, [bare], (0,), "trajectory")
    assert verdict.ruling == "not applicable"
    assert "[[claim]]" in verdict.why
    assert "quadratic_model" in verdict.why
