"""The Setting: what a theorem sees."""

from __future__ import annotations

import json

import pytest

from convlab.core.errors import Unknown, nearest
from convlab.core.results import Results
from convlab.core.setting import Hyper, Known, Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.core.verdict import Verdict

SETTING = Setting(
    problem="quadratic",
    oracle="minibatch",
    optimizer="sgd",
    horizon=100,
    traits=frozenset({"convex"}),
    known={"L": Known(0.1, "exact"), "mu": Known(1e-3, "lower bound")},
    hyper={"step_size": Hyper("2/(mu*(t+2))", None, {"mu": 1e-3})},
    options={"backtracking": False},
    problem_parameters={"eigenvalues": [1.0, 0.1]},
    denied={"smooth": "because"},
)


def test_it_survives_json() -> None:
    assert Setting.from_json(json.loads(json.dumps(SETTING.to_json()))) == SETTING


def test_constants_by_name_and_unknown_ones_by_exception() -> None:
    assert SETTING["L"] == 0.1
    with pytest.raises(Unknown, match="M is unknown"):
        SETTING["M"]


def test_schedules_have_a_value_at_each_step() -> None:
    assert not SETTING.constant_step
    assert SETTING.step_size(0) == pytest.approx(1000.0)
    assert SETTING.step_size(8) == pytest.approx(200.0)
    with pytest.raises(Unknown, match="step_size"):
        Setting("p", "o", "m", 1).step_size()


def test_a_claim_decides_what_is_expected() -> None:
    def verdict(ruling: str, expect: str | None) -> Verdict:
        return Verdict("t", (0,), ruling, "why", expect=expect)  # type: ignore[arg-type]

    assert verdict("holds", None).as_expected
    assert verdict("not applicable", None).as_expected
    assert not verdict("violated", None).as_expected
    assert verdict("violated", "violated").as_expected
    assert not verdict("holds", "violated").as_expected
    assert not verdict("inconclusive", "holds").as_expected
    both = Results("n", "t", "trajectory", (), (verdict("holds", None), verdict("violated", None)))
    assert not both.as_expected


def test_a_theorem_bounds_steps_or_points_but_not_both() -> None:
    instance = Instance({}, 1.0, lambda setting, t: 1.0, "")
    rate = Rate("power", lambda setting: -1.0, "1/T")
    shape = ("t", "s", "a", (), "last", "gap", "every run")
    with pytest.raises(TypeError, match="log_step"):
        Theorem(*shape, "per step", "$f$", rate, instance, log_bound=lambda setting, t: 0.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="log_bound"):
        Theorem(*shape, "every t >= 1", "$f$", rate, instance)  # type: ignore[arg-type]


def test_the_nearest_name_is_offered() -> None:
    assert nearest("stepsize", ["step_size", "ridge"]) == "did you mean 'step_size'?"
    assert nearest("zz", ["b", "a"]) == "allowed: a, b"
    assert nearest("zz", []) == "nothing is allowed here"
