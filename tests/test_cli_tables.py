"""The tables of a run: what the runs were, which rulings are shown, and how slopes are written."""

from __future__ import annotations

import dataclasses
import math

import pytest
from rich.console import Console

from convlab.cli.runs import MOST_ROWS, show_runs, status_text
from convlab.cli.tables import claimed_text, ruling_text, show_outcome, slope_text, slope_words
from convlab.core.results import Kind, Results
from convlab.core.trace import Trace
from convlab.core.verdict import Slope, Verdict
from tests.fake_api import FakeOutcome, results, trace

NAN = math.nan


def shown(kind: Kind, *traces: Trace, width: int = 120) -> list[str]:
    screen = Console(width=width, color_system=None)
    with screen.capture() as captured:
        show_runs(Results("x", "A title", kind, traces, ()), screen)
    return [" ".join(line.split()) for line in captured.get().splitlines()]


def test_a_row_for_each_run() -> None:
    lines = shown("trajectory", trace("1/L", 100, [[1, 0.012345]] * 2 + [[1, 0.0]]), trace("2/L", 50, [[1.0, NAN]]))
    assert lines[0] == "run steps seeds final gap status"
    assert lines[2] == "gd, step_size = 1/L 100 3 0.00823 done"
    assert lines[3] == "gd, step_size = 2/L 50 1 – diverged by t = 50"


def test_a_sweep_is_one_row() -> None:
    runs = [trace(step, horizon, [[1, 1 / horizon]]) for step in ("1/L", "2/L") for horizon in (10, 100, 1000)]
    lines = shown("horizon sweep", *runs)
    assert lines[2:4] == [f"gd, step_size = {step} T = 10 … 1000 1 0.1 … 0.001 done" for step in ("1/L", "2/L")]


@pytest.mark.parametrize(
    ("gaps", "status"),
    [
        ([[1, 1, 1]], "done"),
        ([[1, NAN, NAN]], "diverged by t = 50"),
        ([[1, NAN, NAN], [1, 1, NAN]], "diverged by t = 50 … 100"),
        ([[1, NAN, NAN], [1, 1, 1], [1, 1, 1]], "1 of 3 seeds diverged"),
    ],
)
def test_status(gaps: list[list[float]], status: str) -> None:
    assert status_text([trace("1/L", 100, gaps)]) == status


def test_a_run_that_grew_beyond_all_measure_diverged_by_its_end() -> None:
    grown = dataclasses.replace(trace("1/L", 100, [[1, 1e50]]), status=("diverged",))
    assert status_text([grown]) == "diverged by t = 100"
    assert status_text([trace("1/L", 10), grown]) == "1 of 2 runs diverged"


def test_a_run_without_a_gap() -> None:
    unknown = dataclasses.replace(trace("1/L", 100), measured={"last": {"grad_norm2": trace("1/L", 9).t[None] * 1.0}})
    assert shown("trajectory", unknown)[2] == "gd, step_size = 1/L 100 1 – done"


@pytest.mark.parametrize("width", [80, 120])
def test_many_runs_are_cut(width: int) -> None:
    lines = shown("trajectory", *(trace(f"{i}/L", 10) for i in range(20)), width=width)
    assert len([line for line in lines if line.startswith("gd")]) == MOST_ROWS
    assert f"… and {20 - MOST_ROWS} more (summary.csv has all)" in lines


def test_without_claims_only_what_applies_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    rulings = [("holds", None), *[("not applicable", None)] * 5, ("violated", None), ("inconclusive", None)]
    assert show_outcome(FakeOutcome(results(*rulings))) == 1
    text = capsys.readouterr().out
    assert "not applicable: 5 theorem/run pairs" in text
    assert text.count("not applicable") == 1
    assert "✓" not in text
    assert "✗ violated" in text
    assert text.splitlines()[-1].startswith("3 rulings, no claims: 1 violated;")


def test_a_claim_is_listed_whatever_it_expects(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_outcome(FakeOutcome(results(("not applicable", "not applicable")))) == 0
    assert "✓ not" in capsys.readouterr().out


def test_nothing_applies(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_outcome(FakeOutcome(results(("not applicable", None)))) == 0
    text = capsys.readouterr().out
    assert "not applicable: 1 theorem/run pair" in text
    assert "ruling " not in text


def verdict(slope: Slope, claimed: float | None = -1.0) -> Verdict:
    return Verdict("a", (0,), "holds", "why", 1.0, 1, slope, claimed)


@pytest.mark.parametrize(
    ("slope", "measured", "claimed"),
    [
        (Slope(-0.0063149, -0.00642, -0.006281, (1, 9), "linear"), "-0.00631 [-0.00642, -0.00628]", "(per step)"),
        (Slope(-1.0, -1.0041, -0.99912, (1, 9)), "-1.00 [-1.00, -0.999]", "(in log t)"),
        (Slope(-1.0, -1.0, 0.0, (1, 9)), "-1.00 [-1.00, 0.00]", "(in log t)"),
        (Slope(-9.843, -20.0, -5.0, (1, 9), steady=False), "-9.84 (no power law)", "(in log t)"),
        (Slope(2.0, 1.0, 2.5, (1, 9), "order"), "2.00 [1.00, 2.50]", "(order)"),
        (Slope(1.0, 0.0, 2.0, (1, 9), "power", "bound"), "1.00 [0.00, 2.00]", "(against the bound)"),
    ],
)
def test_slopes_have_three_digits_and_a_unit(slope: Slope, measured: str, claimed: str) -> None:
    assert slope_text(verdict(slope)) == measured
    assert claimed_text(verdict(slope), with_unit=True) == f"-1.00 {claimed}"
    assert claimed_text(verdict(slope, None), with_unit=True) == claimed
    assert claimed_text(verdict(slope), with_unit=False) == "-1.00"


def test_a_slope_is_told_with_its_experiment_its_window_and_its_law() -> None:
    told = Slope(-1.0, -1.1, -0.9, (40, 3_000), model="power law", begins="transient", ends="plateau")
    assert slope_words(told) == "trajectory: t = 40 (before: transient) to 3,000 (then: plateau): power law"
    demanded = Slope(1.0, 1.0, 1.0, (10, 100), against="bound", sweep="worst-case sweep")
    words = "worst-case sweep, where the theorem's rate may be demanded: T = 10 to 100"
    assert slope_words(demanded) == words
    peaks = dataclasses.replace(told, envelope=True, candidates=("power law with a log factor",))
    assert slope_words(peaks).endswith(
        "upper envelope of an oscillation: not distinguishable: power law, power law with a log factor"
    )
    assert "no power law: geometric" in slope_words(dataclasses.replace(told, model="geometric"))


def test_the_interval_and_its_unit_stand_in_the_header(capsys: pytest.CaptureFixture[str]) -> None:
    show_outcome(FakeOutcome(results(("holds", "holds"))))
    text = capsys.readouterr().out
    assert "slope [interval]" in text
    assert "against the bound" in text


def test_marks_answer_claims() -> None:
    asked = [("holds", "holds"), ("holds", None), ("violated", None), ("holds", "violated")]
    marks = [str(ruling_text(one)).split("\n")[0] for one in results(*asked).verdicts]
    assert marks == ["✓ holds", "holds", "✗ violated", "✗ holds"]
