"""What every theorem of the catalogue owes, found by discovery and seen through the lab's own runner.

On its instance a theorem applies, holds, and reaches the fraction of its bound that it declares; and the same theorem
with half that fraction of the bound is ruled violated there, which proves that the judge can say no.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import pytest

from convlab.core.setting import Setting
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.lab import catalog, readings
from convlab.lab.judge import judge
from convlab.lab.spec import Claim
from tests.running import run

NAMES = catalog.names("theorems")


@functools.cache
def trace_of(name: str) -> Trace:
    theorem: Theorem = catalog.load("theorems", name)
    spec = theorem.instance.spec
    return run(
        spec["problem"],
        [spec["optimizer"]],
        oracle=spec.get("oracle"),
        horizon=spec["run"]["horizon"],
        seeds=spec["run"].get("seeds", 512),
        outputs=(theorem.output,),
        every_step=theorem.valid == "per step",
        claims=(Claim(name),),  # some quantities are measured only where a claim speaks of them
    )[0]


def halved(theorem: Theorem) -> Theorem:
    """The theorem with ρ/2 of its bound."""
    shrink = math.log(theorem.instance.reaches / 2) * (1 if theorem.kind == "upper" else -1)
    if theorem.log_step is not None:
        step = theorem.log_step
        return dataclasses.replace(theorem, log_step=lambda setting, previous: step(setting, previous) + shrink)
    bound = theorem.log_bound
    assert bound is not None
    return dataclasses.replace(theorem, log_bound=lambda setting, t: bound(setting, t) + shrink)


@pytest.mark.parametrize("name", NAMES)
def test_on_its_instance_it_applies_and_holds(name: str) -> None:
    theorem = catalog.load("theorems", name)
    verdict = judge(name, theorem, [trace_of(name)], (0,), "trajectory")
    assert verdict.ruling == "holds", verdict.why


@pytest.mark.parametrize("name", NAMES)
def test_on_its_instance_it_reaches_the_declared_fraction(name: str) -> None:
    theorem, trace = catalog.load("theorems", name), trace_of(name)
    last = trace.setting.horizon
    measured = readings.measured(theorem, trace)
    expected = theorem.instance.expected(trace.setting, last)
    if theorem.sense == "expectation" and "exact oracle" not in trace.setting.traits:
        error = measured[:, -1].std(ddof=1) / math.sqrt(len(trace.seeds))
        assert abs(measured[:, -1].mean() - expected) < 4 * error, "the instance's closed form is not what is measured"
    else:
        np.testing.assert_allclose(measured[:, -1], expected, rtol=1e-9)
    if theorem.log_step is not None:
        start = theorem.instance.start or theorem.instance.expected
        log_bound = theorem.log_step(trace.setting, start(trace.setting, last - 1))
    else:
        log_bound = theorem.log_bound(trace.setting, last)
    reached = expected / math.exp(log_bound)
    if theorem.kind == "lower":
        reached = 1 / reached
    assert theorem.instance.reaches * (1 - 1e-9) <= reached <= 1 + 1e-9
    assert reached - theorem.instance.reaches < 0.01, f"it reaches {reached}: declare that"


@pytest.mark.parametrize("name", NAMES)
def test_half_of_what_it_reaches_is_ruled_violated(name: str) -> None:
    theorem = halved(catalog.load("theorems", name))
    verdict = judge(name, theorem, [trace_of(name)], (0,), "trajectory")
    assert verdict.ruling == "violated", verdict.why


@pytest.mark.parametrize("name", NAMES)
def test_the_bound_is_finite_and_every_assumption_is_needed(name: str) -> None:
    """Without its traits the theorem does not apply, and the reason is a sentence."""
    theorem, trace = catalog.load("theorems", name), trace_of(name)
    for assumption in theorem.assumes:
        if assumption.trait is None:
            continue
        setting = dataclasses.replace(trace.setting, traits=trace.setting.traits - {assumption.trait})
        bare = dataclasses.replace(trace, setting=setting)
        verdict = judge(name, theorem, [bare], (0,), "trajectory")
        assert verdict.ruling == "not applicable", assumption.words
        assert assumption.words in verdict.why or assumption.trait in verdict.why
    for constant in theorem.constants:
        known = {key: value for key, value in trace.setting.known.items() if key != constant}
        bare = dataclasses.replace(trace, setting=dataclasses.replace(trace.setting, known=known))
        verdict = judge(name, theorem, [bare], (0,), "trajectory")
        assert verdict.ruling == "not applicable"
        assert f"{constant} is unknown" in verdict.why


@pytest.mark.parametrize("name", NAMES)
def test_every_known_constant_that_it_reads_is_declared(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only declared constants are held against how they are known: an estimate must not slip in undeclared."""
    theorem, trace = catalog.load("theorems", name), trace_of(name)
    read: set[str] = set()
    plain = Setting.__getitem__

    def recording(setting: Setting, constant: str) -> float:
        read.add(constant)
        return plain(setting, constant)

    monkeypatch.setattr(Setting, "__getitem__", recording)
    for assumption in theorem.assumes:
        assumption.holds(trace.setting)
    if theorem.log_step is not None:
        theorem.log_step(trace.setting, 1e-3)
    else:
        theorem.log_bound(trace.setting, trace.setting.horizon)
    assert read <= set(theorem.constants)
