"""What rounding may do to a run: its model, number by number."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toys import newton_of, setting_of, theorem_of, trace_of

from convlab.core.setting import Hyper, Setting
from convlab.core.trace import Trace
from convlab.lab import rounding

SPECTRUM = np.array([100.0, 1.0])


def trace_at(*points: tuple[float, float], epsilon: float = 0.0, **facts: Any) -> Trace:
    """Points e = θ − θ* on ½ eᵀ diag(100, 1) e, measured at t = 0, 1, …"""
    e = np.array(points)
    quantities = {"gap": 0.5 * e**2 @ SPECTRUM, "grad_norm2": e**2 @ SPECTRUM**2, "dist2": (e**2).sum(axis=1)}
    trace = trace_of(np.arange(len(e)), np.zeros(len(e)), facts.pop("setting", setting_of(9, L=100.0, mu=1.0)))
    measured = {"last": {name: values[None] for name, values in quantities.items()}}
    return replace(trace, measured=measured, floor={"grad_norm2": epsilon**2}, **facts)


def test_the_gap_is_as_steep_as_its_gradient() -> None:
    gap = theorem_of()
    trace = trace_at((1.0, 0.0), (0.0, 1.0), (0.0, 0.0))
    assert rounding.lipschitz(gap, trace, 0) == pytest.approx(math.sqrt(100 / 2))
    assert rounding.lipschitz(gap, trace, 1) == pytest.approx(math.sqrt(1 / 2))
    assert rounding.lipschitz(gap, trace, 2) == pytest.approx(math.sqrt(100 / 2))  # at θ* it is unknown: the largest
    assert rounding.lipschitz(theorem_of(quantity="dist2"), trace, 1) == 1
    assert rounding.lipschitz(theorem_of(quantity="grad_norm2"), trace, 1) == 100
    generator = np.random.default_rng(0)
    for _ in range(50):  # |√q(θ + δ) − √q(θ)| ≤ Λ‖δ‖ with the largest Λ, and by its own Λ to first order
        e, step = generator.standard_normal(2), 1e-6 * generator.standard_normal(2)
        roots = [math.sqrt(0.5 * float(point**2 @ SPECTRUM)) for point in (e, e + step)]
        own = float(rounding.lipschitz(gap, trace_at(tuple(e)), 0)[0])
        assert abs(roots[1] - roots[0]) <= own * float(np.linalg.norm(step)) * (1 + 1e-4)
        assert own <= math.sqrt(50)


def test_the_stretch_is_one_along_eigenvectors_and_at_most_the_root_of_the_condition_number() -> None:
    def stretch(*points: tuple[float, float], quantity: str = "gap") -> float:
        theorem, trace = theorem_of(quantity=quantity), trace_at(*points)
        k = len(points) - 1
        return float(rounding.stretch(theorem, trace, k, rounding.lipschitz(theorem, trace, k))[0])

    assert stretch((1.0, 0.0)) == pytest.approx(1)
    assert stretch((0.0, 1.0)) == pytest.approx(1)
    assert stretch((1.0, 10.0)) == pytest.approx(math.sqrt(101) * math.sqrt(10_100) / 200)
    assert stretch((0.0, 1.0), (1.0, 0.0)) == pytest.approx(10)  # it started along the flat, and ends on the steep
    assert stretch((0.0, 1.0), (1.0, 0.0), quantity="dist2") == 1
    assert stretch((0.0, 1.0), (0.0, 0.0)) == pytest.approx(10)
    unmeasured = trace_of([0, 1], [1.0, 0.5], setting_of(9, L=100.0))
    assert rounding.stretch(theorem_of(), unmeasured, 1, np.array([7.0])) == 1


def test_the_drift_adds_up_until_the_contraction_stops_it() -> None:
    def drift(t: int, setting: Setting, output: str = "last", **facts: Any) -> float:
        return rounding.drift(
            theorem_of(output=output, **facts), trace_at((1.0, 1.0), epsilon=1e-6, setting=setting), t
        )

    known = {"L": 100.0, "mu": 1.0}
    convex = replace(setting_of(9, traits=("convex",), **known), hyper={"step_size": Hyper("1/L", 0.01)})
    strongly = replace(convex, traits=convex.traits | {"gradient step"})
    assert drift(7, strongly) == pytest.approx(7 * 2e-8)
    assert drift(10_000, strongly) == pytest.approx(100 * 2e-8)  # 1/(1 − r) = κ
    assert drift(10_000, strongly, output="average") == pytest.approx(10_000 * 2e-8)
    # Any other step may multiply what happened k steps ago by k; one whose size is not told, or Newton's, by 1/mu.
    assert drift(7, convex) == pytest.approx(7 * 8 * 2e-8)
    unknown, inverse = replace(convex, hyper={}), replace(convex, traits=convex.traits | {"full Newton step"})
    for setting in (unknown, inverse):
        assert drift(7, setting) == pytest.approx(7 * 8 * (1 + 0.01) * 1e-6)
    falling = replace(strongly, hyper={"step_size": Hyper("0.02/(t+1)")})
    assert drift(7, falling) == pytest.approx(7 * 3e-8)
    assert drift(7, replace(strongly, known={})) == 0
    assert drift(7, replace(strongly, hyper={})) == pytest.approx(7 * 2e-8)
    newton = rounding.drift(newton_of(), trace_at((1.0, 1.0), epsilon=1e-6, setting=inverse), 7)
    assert newton == pytest.approx(1.01e-6)


def test_momentum_may_multiply_what_rounding_did() -> None:
    """The heavy ball's double root: xₜ₊₁ = 2ρxₜ − ρ²xₜ₋₁ answers one disturbance by (k + 1)ρᵏ after k steps.

    Summed over the steps at which ρᵏ is still near 1 that is t(t + 1)/2: within what is allowed, beyond what is allowed
    to steps that do not expand.
    """
    steps, rho, total = 200, 1 - 1e-9, 0.0
    for disturbed in range(steps):
        x, before = 1.0, 0.0
        for _ in range(steps - disturbed - 1):
            x, before = 2 * rho * x - rho**2 * before, x
        total += x
    setting = setting_of(9, L=100.0, mu=1.0)
    plain = replace(setting, traits=setting.traits - {"gradient step"})
    assert rounding.accumulated(replace(setting, traits=setting.traits | {"gradient step"}), steps) == steps < total
    assert total <= rounding.accumulated(plain, steps)


def test_sums_and_precisions() -> None:
    trace = trace_at((1.0, 1.0))
    assert rounding.relative_step(trace) == 4 * 2.0**-53
    assert rounding.relative_step(replace(trace, dimension=11, rows=90)) == 104 * 2.0**-53
    single = replace(trace, setting=setting_of(9, dtype="float32"), dimension=3)
    assert rounding.relative_step(single) == 6 * 2.0**-24
    assert rounding.relative_measurement(theorem_of(), single) == 6 * 2.0**-53  # measured in float64 all the same
    assert rounding.relative_measurement(theorem_of(), replace(trace, relative={"gap": 1e-11})) > 1e-11
    assert rounding.condition(setting_of(9, L=100.0, mu=4.0)) == 25
    assert rounding.condition(setting_of(9, L=100.0)) == 1
