"""The cliff at 2/L: the committed gaps against closed forms, at every step size of the grid."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from convlab.core.trace import Trace
from tests.experiments.committed import traces_of

T = 20
BEST = 1.8971270424799358  # where 1/(2Th + 1) = (1 - h)^(2T)


@functools.cache
def _traces() -> list[Trace]:
    return traces_of("step_size_beyond_two_over_l", optimizer="gd", horizon=T)


def _ends(problem: str, kink: str = "") -> tuple[np.ndarray, np.ndarray]:
    """η·L, ascending, and the gap after T steps."""
    found = []
    for trace in _traces():
        setting = trace.setting
        if setting.problem == problem and setting.problem_parameters.get("kink", "") == kink:
            h = float(setting.hyper["step_size"].written.removesuffix("*1/L"))
            found.append((h, float(trace.measured["last"]["gap"][0, -1])))
    steps, gaps = np.array(sorted(found)).T
    return steps, gaps


def test_the_quadratic_is_the_closed_form_on_both_sides_of_the_cliff() -> None:
    h, gap = _ends("quadratic")
    assert (len(h), h[0], h[-1]) == (202, 0.06, 2.4)
    flat, steep = 0.05 * 0.28**2 * (1 - 0.05 * h) ** (2 * T), 0.96**2 * (1 - h) ** (2 * T)
    np.testing.assert_allclose(gap, (flat + steep) / 2, rtol=1e-9)
    start = (0.05 * 0.28**2 + 0.96**2) / 2
    assert (gap[h < 1.995] < start).all()
    assert (gap[h > 2.0] > start).all()


def test_each_huber_function_touches_the_bound_at_its_own_step() -> None:
    h, gap = _ends("huber", "D/(2*T+1)")
    assert gap[h == 1.0] == pytest.approx(1 / (4 * T + 2), rel=1e-12)
    h, gap = _ends("huber", "D/(2*1.897*T+1)")
    kink = 1 / (2 * 1.897 * T + 1)
    assert (1 - T * h * kink >= kink).all()  # even at 2.4/L the run ends on the linear part
    np.testing.assert_allclose(gap, kink * (1 - T * h * kink - kink / 2), rtol=1e-12)
    assert 0.997 < gap[h == 1.8][0] * (4 * T * 1.8 + 2) < 1


def test_the_best_step_halves_the_worst_case_of_one_over_l() -> None:
    meets = [1 / (2 * T * BEST + 1), (BEST - 1) ** (2 * T)]
    assert meets[0] == pytest.approx(meets[1], rel=1e-9)
    assert (2 * T + 1) * meets[0] == pytest.approx(0.533, abs=5e-4)


@pytest.mark.parametrize("where", [("huber", "D/(2*T+1)"), ("huber", "D/(2*1.897*T+1)"), ("logistic", "")])
def test_the_others_do_not_notice_the_limit(where: tuple[str, str]) -> None:
    h, gap = _ends(*where)
    assert h.max() == 2.4
    assert gap[-1] == gap.min()
    assert gap[h == 2.1][0] <= gap[h == 1.9][0]
