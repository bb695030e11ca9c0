"""The committed numbers of `slower_than_one_over_t` against sums over the spectrum and the exponents themselves."""

from __future__ import annotations

import numpy as np
import pytest

from convlab.core.trace import Trace
from tests.experiments.committed import traces_of

NAME = "slower_than_one_over_t"
LAWS = {(2.0, 0.0): 0.5, (2.0, 1.0): 1.0, (2.0, 2.0): 1.5, (1.5, 1.75): 1.5}  # (capacity, source): s
INDEX = np.arange(1.0, 100_001.0)


def run(optimizer: str, law: tuple[float, float]) -> Trace:
    found = [
        trace
        for trace in traces_of(NAME, optimizer=optimizer)
        if (trace.setting["capacity"], trace.setting["source"]) == law
    ]
    assert len(found) == 1
    return found[0]


def gaps(trace: Trace) -> np.ndarray:
    return np.asarray(trace.measured["last"]["gap"][0])


@pytest.mark.parametrize("law", LAWS)
def test_gradient_descent_is_its_sum_over_the_spectrum(law: tuple[float, float]) -> None:
    """½ Σ λ_i (1 − λ_i)^(2t) θ_i², with ‖θ_0‖ = 1."""
    trace, (capacity, source) = run("gd", law), law
    share = INDEX**-source / np.sum(INDEX**-source)
    exact = [0.5 * np.sum(INDEX**-capacity * share * (1 - INDEX**-capacity) ** (2.0 * t)) for t in trace.t]
    assert gaps(trace) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("law", LAWS)
def test_local_slopes_are_the_exponent_of_the_law(law: tuple[float, float]) -> None:
    trace, s = run("gd", law), LAWS[law]
    late = trace.t >= 100
    local = np.diff(np.log(gaps(trace)[late])) / np.diff(np.log(trace.t[late]))
    assert len(local) > 10
    assert local == pytest.approx(np.full(len(local), -s), abs=0.02)


def test_the_bound_for_all_convex_functions_is_steeper_and_still_above() -> None:
    trace = run("gd", (2.0, 0.0))
    ratio = gaps(trace)[1:] * (4 * trace.t[1:] + 2)
    assert np.all(np.diff(ratio) > 0)
    assert ratio[-1] == pytest.approx(6.9e-4, rel=0.01)


def test_nesterov_is_its_recursion_and_faster() -> None:
    for law, slope in (((2.0, 0.0), -1.0), ((2.0, 1.0), -2.0), ((2.0, 2.0), -2.8)):
        trace = run("nesterov", law)
        late = trace.t >= 100
        assert np.polyfit(np.log(trace.t[late]), np.log(gaps(trace)[late]), 1)[0] == pytest.approx(slope, abs=0.06)
    trace = run("nesterov", (2.0, 1.0))
    eigenvalues, before = INDEX**-2.0, np.sqrt(INDEX**-1.0 / np.sum(INDEX**-1.0))
    assert gaps(trace)[0] == pytest.approx(0.5 * np.sum(eigenvalues * before**2), rel=1e-12)
    checkpoint = int(np.argmin(np.abs(trace.t - 300)))
    y = before
    for t in range(trace.t[checkpoint]):
        point = y - eigenvalues * y
        y, before = point + t / (t + 3) * (point - before), point
    assert gaps(trace)[checkpoint] == pytest.approx(0.5 * np.sum(eigenvalues * before**2), rel=1e-9)
