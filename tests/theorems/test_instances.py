"""Every theorem against its own instance: the fraction it reaches, the judge's yes, and the judge's no."""

from __future__ import annotations

import math

import numpy as np
import pytest
from instances import NAMES, THEOREMS, instance_of, run_of, times, trace_of

from convlab.lab.judge import judge


def fraction(name: str) -> float:
    theorem, setting = THEOREMS[name], instance_of(name)
    T = setting.horizon
    expected = theorem.instance.expected(setting, T)
    if theorem.log_step is not None:
        log_bound = theorem.log_step(setting, theorem.instance.expected(setting, T - 1))
    else:
        assert theorem.log_bound is not None
        log_bound = theorem.log_bound(setting, T)
    return expected / math.exp(log_bound)


@pytest.mark.parametrize("name", NAMES)
def test_the_instance_reaches_the_declared_fraction(name: str) -> None:
    declared, reached = THEOREMS[name].instance.reaches, fraction(name)
    assert declared - 1e-9 <= reached <= min(1.0, declared + 1e-4) + 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_the_judge_says_yes_on_the_instance(name: str) -> None:
    verdict = judge(name, THEOREMS[name], [run_of(name, instance_of(name))], (0,), "trajectory")
    assert verdict.ruling == "holds", verdict.why


@pytest.mark.parametrize("name", NAMES)
def test_the_judge_says_no_to_half_the_fraction_of_the_bound(name: str) -> None:
    theorem = THEOREMS[name]
    wrong = times(theorem, theorem.instance.reaches / 2)
    verdict = judge(name, wrong, [run_of(name, instance_of(name))], (0,), "trajectory")
    assert verdict.ruling == "violated", verdict.why


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("c", "s"), [(8.0, 1.0), (1.0, 0.25), (1024.0, 64.0)])
def test_rulings_are_invariant_under_scaling(name: str, c: float, s: float) -> None:
    theorem = THEOREMS[name]
    plain = judge(name, theorem, [run_of(name, instance_of(name))], (0,), "trajectory")
    scaled = judge(name, theorem, [run_of(name, instance_of(name, c, s))], (0,), "trajectory")
    assert scaled.ruling == plain.ruling
    assert scaled.worst_t == plain.worst_t
    assert scaled.worst_ratio == pytest.approx(plain.worst_ratio, rel=1e-9)
    assert (scaled.slope is None) == (plain.slope is None)
    if plain.slope is not None and scaled.slope is not None:
        assert scaled.slope.value == pytest.approx(plain.slope.value, rel=1e-6)
        assert scaled.slope.window == plain.slope.window


@pytest.mark.parametrize("name", NAMES)
def test_without_a_trait_or_a_constant_it_is_not_applicable(name: str) -> None:
    from dataclasses import replace

    theorem, trace = THEOREMS[name], run_of(name, instance_of(name))
    for assumption in theorem.assumes:
        if assumption.trait is None:
            continue
        poorer = replace(
            trace.setting, traits=trace.setting.traits - {assumption.trait}, denied={assumption.trait: "it is not"}
        )
        verdict = judge(name, theorem, [replace(trace, setting=poorer)], (0,), "trajectory")
        assert verdict.ruling == "not applicable"
        assert verdict.why == f"needs {assumption.words}: it is not"
    for constant in theorem.constants:
        known = {key: value for key, value in trace.setting.known.items() if key != constant}
        verdict = judge(
            name, theorem, [replace(trace, setting=replace(trace.setting, known=known))], (0,), "trajectory"
        )
        assert (verdict.ruling, verdict.why) == ("not applicable", f"{constant} is unknown")


@pytest.mark.parametrize("name", NAMES)
def test_mathtext_and_words(name: str) -> None:
    from matplotlib.mathtext import MathTextParser

    theorem = THEOREMS[name]
    MathTextParser("path").parse(theorem.formula)
    assert theorem.formula.startswith("$")
    assert theorem.formula.endswith("$")
    assert theorem.source
    assert {"problem", "optimizer", "run"} <= theorem.instance.spec.keys() <= {"problem", "optimizer", "oracle", "run"}


def test_a_worst_case_sweep_attains_the_bound_with_slope_one() -> None:
    name = "gd_smooth_convex"
    theorem, traces = THEOREMS[name], []
    for T in (10, 100, 1_000, 10_000, 100_000):
        from dataclasses import replace

        setting = replace(instance_of(name), horizon=T)
        t = np.array([0, 1, T // 2, T])
        traces.append(
            trace_of(theorem, setting, np.array([[theorem.instance.expected(setting, int(k)) for k in t]]), t)
        )
    verdict = judge(name, theorem, traces, (4, 3, 2, 1, 0), "worst-case sweep")
    assert verdict.ruling == "holds", verdict.why
    assert verdict.worst_ratio == pytest.approx(1, abs=1e-9)
    assert verdict.slope is not None
    assert verdict.slope.against == "bound"
    assert verdict.slope.low <= 1 + 1e-9
    assert verdict.slope.value == pytest.approx(1, abs=1e-9)
    assert verdict.claimed == 1
    assert verdict.t is not None
    assert list(verdict.t) == [10, 100, 1_000, 10_000, 100_000]
