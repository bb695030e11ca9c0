"""Vacuous bounds: no smaller than what every run of the setting obeys, which is proved of the method."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import ruled, setting_of, theorem_of, trace_of

from convlab.cli.tables import ruling_text
from convlab.core.results import Results
from convlab.core.setting import Hyper, Setting
from convlab.core.verdict import Verdict
from convlab.lab import docket, pages
from convlab.lab.story import story
from convlab.lab.trivial import log_trivial
from tests.running import run

GD = ("convex", "smooth", "gradient step", "exact oracle")
KNOWN = {"L": 4.0, "D": 3.0, "initial_gap": 7.0, "G": 5.0, "diameter": 8.0}


def with_step(step: float | str, traits: tuple[str, ...] = GD, horizon: int = 10, **more: Any) -> Setting:
    value = None if isinstance(step, str) else step
    setting = setting_of(horizon, traits, **KNOWN)
    return replace(setting, hyper={"step_size": Hyper(str(step), value)}, **more)


def least(setting: Setting, **changes: Any) -> tuple[float, str]:
    log_value, words = log_trivial(theorem_of(**changes), setting)
    return round(math.exp(log_value), 9) if log_value < math.inf else math.inf, words


ON_A_SET = {"options": {"project": True}}
CASES: dict[str, tuple[Setting, dict[str, Any], tuple[float, str]]] = {
    "descent": (with_step(0.5), {}, (7.0, "initial_gap")),
    "a schedule of short steps": (with_step("1/(t+2)"), {}, (7.0, "initial_gap")),
    "steps beyond 2/L": (with_step(0.51), {}, (math.inf, "")),
    "a schedule with a long step": (with_step("1/(t+1)"), {}, (math.inf, "")),
    "steps backwards": (with_step(-0.1), {}, (math.inf, "")),
    "noise": (with_step(0.5, ("convex", "smooth", "gradient step", "unbiased")), {}, (math.inf, "")),
    "momentum": (with_step(0.5, ("convex", "smooth", "heavy-ball step", "exact oracle")), {}, (math.inf, "")),
    "distances": (with_step(0.5), {"quantity": "dist2"}, (9.0, "D²")),
    "distances of nonconvex descent": (with_step(0.5, GD[1:]), {"quantity": "dist2"}, (math.inf, "")),
    "gradients": (with_step(0.5), {"quantity": "grad_norm2"}, (56.0, "2·L·initial_gap")),
    "gradients of a Lipschitz risk": (with_step(9.0, ("Lipschitz",)), {"quantity": "grad_norm2"}, (25.0, "G²")),
    "an average": (with_step(0.5), {"output": "average(1..T)"}, (7.0, "initial_gap")),
    "an average, not convex": (with_step(0.5, GD[1:]), {"output": "average"}, (math.inf, "")),
    "the best, θ_0 among them": (with_step(9.0, ("exact oracle",)), {"output": "best"}, (7.0, "initial_gap")),
    "the best of noisy values": (with_step(9.0, ("unbiased",)), {"output": "best"}, (math.inf, "")),
    "Polyak's steps": (with_step(9.0, ("convex", "Lipschitz", "Polyak step", "exact oracle")), {}, (15.0, "G·D")),
    "a set": (with_step(9.0, ("convex", "Lipschitz"), **ON_A_SET), {}, (40.0, "G·diameter")),
    "distances on a set": (with_step(9.0, (), **ON_A_SET), {"quantity": "dist2"}, (64.0, "diameter²")),
    "a lower bound": (with_step(0.5), {"kind": "lower"}, (math.inf, "")),
}


@pytest.mark.parametrize("case", CASES)
def test_the_least_trivial_bound_that_is_proved(case: str) -> None:
    setting, changes, expected = CASES[case]
    assert least(setting, **changes) == expected


def test_the_distance_bounds_the_gap_where_the_start_is_not_known() -> None:
    setting = with_step(0.5)
    known = {name: value for name, value in setting.known.items() if name != "initial_gap"}
    assert least(replace(setting, known=known)) == (18.0, "L·D²/2")
    guessed = {**known, "L": replace(known["L"], how="estimated")}
    assert least(replace(setting, known=guessed)) == (math.inf, "")


def test_no_run_is_above_its_trivial_bound() -> None:
    """What is called trivial is true of runs: of all that were measured, from the start on."""
    quadratic = {"name": "quadratic", "L": 3.0, "mu": 0.2, "D": 2.0}
    ball = {"name": "quadratic", "L": 3.0, "mu": 0.2, "constraint": "ball", "radius": 1.5}
    noise = {"name": "additive_noise", "sigma": 2.0, "law": "signs"}
    gd = [{"name": "gd", "step_size": "1.9/L"}, {"name": "polyak"}]
    traces = run(quadratic, gd, horizon=40, outputs=("last", "average", "best"), every_step=True)
    steps = [{"name": "subgradient", "step_size": "1/L"}]
    traces += run(ball, steps, oracle=noise, horizon=40, seeds=8, every_step=True)
    found = 0
    for trace in traces:
        for output, quantities in trace.measured.items():
            for quantity in ("gap", "dist2", "grad_norm2"):
                log_value, words = log_trivial(theorem_of(output=output, quantity=quantity), trace.setting)
                if words:
                    found += 1
                    assert np.nanmax(quantities[quantity]) <= math.exp(log_value) * (1 + 1e-12), (
                        output,
                        quantity,
                        words,
                    )
    assert found >= 12


# --- what a verdict says ---


def verdict_of(values: list[float], bound: float) -> Verdict:
    """Of the bound ``bound``/t, on a run of gradient descent whose initial gap is 7."""
    theorem = theorem_of(lambda setting, t: bound / t)
    return ruled(theorem, trace_of([0, 1, 2, 5, 10], values, with_step(0.5)))


def test_a_vacuous_bound_holds_and_says_so() -> None:
    verdict = verdict_of([7, 6, 5, 4, 3], 70.0)
    assert verdict.ruling == "holds"
    assert verdict.all_vacuous
    assert verdict.why.endswith("; vacuous: nowhere is the bound below initial_gap, which every such run obeys")
    partly = verdict_of([7, 6, 5, 4, 3], 69.9)
    assert partly.ruling == "holds"
    assert not partly.all_vacuous
    assert "vacuous" not in partly.why
    assert partly.vacuous is not None
    assert list(partly.vacuous) == [True, True, True, False]
    none = verdict_of([7, 6, 3, 1, 0.5], 6.9)
    assert none.vacuous is not None
    assert not none.vacuous.any()
    broken = verdict_of([70, 80, 75, 74, 73], 70.0)  # it is violated first, and vacuous as well
    assert (broken.ruling, broken.all_vacuous) == ("violated", True)


def test_tables_pages_and_stories_say_where_a_bound_is_vacuous(tmp_path: Path) -> None:
    theorem = theorem_of(lambda setting, t: 70 / t)
    trace = replace(trace_of([0, 1, 2, 5, 10], [7, 6, 5, 4, 3], with_step(0.5)), label="gd")
    partly = replace(theorem, log_bound=lambda setting, t: math.log(69.9 / t))
    for stated, everywhere in ((theorem, True), (partly, False)):
        verdict = ruled(stated, trace)
        results = Results("name", "A title", "trajectory", (trace,), (verdict,))
        told = "\n".join(line for _, lines in story(results, stated, verdict).sections for line in lines)
        where = "4 of 4 points, from t = 1 to 10" if everywhere else "3 of 4 points, from t = 1 to 5"
        assert f"vacuous at {where}: the bound is no less than initial_gap, which every such run obeys" in told
        assert ("vacuous" in ruling_text(verdict).plain) == everywhere
        assert ("**holds**, vacuous" in pages.page(results)) == everywhere
        table, _ = docket.write_tables(results, tmp_path)
        with open(table, newline="", encoding="utf-8") as file:
            (row,) = csv.DictReader(file)
        assert row["vacuous"] == ("4 of 4" if everywhere else "3 of 4")
        assert row["delta"] == ""
