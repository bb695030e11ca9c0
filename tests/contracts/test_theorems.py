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
from convlab.core.theorem import DELTA, Theorem
from convlab.core.trace import Trace
from convlab.lab import catalog, counts, monitors, readings
from convlab.lab.judge import judge
from convlab.lab.points import asked_with
from convlab.lab.spec import Claim
from tests.running import run

NAMES = catalog.names("theorems")


@functools.cache
def trace_of(name: str) -> Trace:
    theorem: Theorem = catalog.load("theorems", name)
    spec = theorem.instance.spec
    traces = run(
        spec["problem"],
        [spec["optimizer"]],
        oracle=spec.get("oracle"),
        horizon=spec["run"]["horizon"],
        seeds=spec["run"].get("seeds", 512),
        outputs=(theorem.output,),
        every_step=theorem.valid == "per step",
        claims=(Claim(name),),  # some quantities are measured only where a claim speaks of them
    )
    return asked_with(theorem, traces, DELTA)[0]


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
    if theorem.sense == "probability":
        beyond, at_least = (measured[:, -1] > expected * (1 + 1e-9)), (measured[:, -1] >= expected * (1 - 1e-9))
        n, delta = len(trace.seeds), trace.setting["delta"]  # at most a share δ of the law is beyond its quantile
        assert (
            counts.lower_limit(int(beyond.sum()), n, 5e-5) <= delta <= counts.upper_limit(int(at_least.sum()), n, 5e-5)
        )
    elif theorem.sense == "expectation" and "exact oracle" not in trace.setting.traits:
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
    for constant in set(theorem.constants) - {"delta"}:  # δ is asked, and not known
        known = {key: value for key, value in trace.setting.known.items() if key != constant}
        bare = dataclasses.replace(trace, setting=dataclasses.replace(trace.setting, known=known))
        verdict = judge(name, theorem, [bare], (0,), "trajectory")
        assert verdict.ruling == "not applicable"
        assert f"{constant} is unknown" in verdict.why


FROM_BELOW = ("mu", "mu_PL")
NOT_HELD_AGAINST_A_RUN = ("delta", "batch_size", "capacity", "source", "diameter")  # asked for, and not found out
# Of these no point of the run tells: the ruling with 5% less, or more, is no other, since the bound holds all the same.
UNSEEN = {
    "gd_polyak_lojasiewicz": ("L",),  # x² + 3 sin²x: the run starts away from where R'' is largest
    "gd_power_law": ("mu",),  # its flattest directions have hardly moved
    "gd_quadratic": ("L",),  # the worst curvature is L/(2T + 1), and the only one there is
    "heavy_ball_quadratic": ("mu",),  # another mu is another step size: it does not apply
    "nesterov_strongly_convex": ("L",),
    "newton_degenerate": ("L",),  # another L is no |θ|^p: it does not apply
    "polyak_smooth": ("L",),
    "proximal_gradient_convex": ("L",),  # of the risk alone, whose gap is not measured
    "proximal_gradient_strongly_convex": ("L",),
    "accelerated_proximal_gradient_convex": ("L",),
    "sgd_interpolation": ("mu",),  # one of 50 directions is the flat one
    "subgradient_strongly_convex": ("G",),  # attained at the edge of a set whose edge the run does not come to
}


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_constant_is_never_called_a_violated_theorem(name: str) -> None:
    """5% on the wrong side: "hypothesis failed", and it is named; but for what no point of the run tells."""
    theorem, trace = catalog.load("theorems", name), trace_of(name)
    assert monitors.failed_hypothesis(theorem, trace) is None
    for constant in set(theorem.constants) - set(NOT_HELD_AGAINST_A_RUN):
        known = trace.setting.known[constant]
        if known.value == 0:
            continue
        wrong = dataclasses.replace(known, value=known.value * (1.05 if constant in FROM_BELOW else 0.95))
        setting = dataclasses.replace(trace.setting, known={**trace.setting.known, constant: wrong})
        verdict = judge(name, theorem, [dataclasses.replace(trace, setting=setting)], (0,), "trajectory")
        assert verdict.ruling != "violated", f"{constant}: {verdict.why}"
        found = monitors.failed_hypothesis(theorem, dataclasses.replace(trace, setting=setting))
        if constant in UNSEEN.get(name, ()):
            assert found is None, f"{constant} is seen: {found}"
        else:
            assert found is not None, constant
            assert constant in found


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
