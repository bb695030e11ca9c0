"""The harness of the benchmarks: nothing that disagrees is timed, what fails is told, goals are judged by rounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.benchmarks import harness, pages, table
from tests.benchmarks.harness import Contender, DisagreementError, Goal, NotInstalledError, Work, ratio, spread


def reporting(name: str, values: list[float], check: Callable[[Any], str] = lambda _: "") -> Contender:
    """A contender that reports these numbers; the first call is the one that is compared."""
    each = iter([values[0], *values])
    return Contender(name, lambda: lambda: next(each), check=check, reports=True)


def absent() -> Any:
    raise NotInstalledError("pip install nothing")


def differs(output: Any) -> str:
    return harness.agree_exactly([1.0], [1.0 + 2e-8], "gaps")


def broken() -> float:
    raise ZeroDivisionError("in the loop\nsecond line")


def measured(*contenders: Contender, goals: tuple[Goal, ...] = ()) -> dict[str, Any]:
    work = Work("a work", contenders, goals, scale=1.0, baseline="a")
    return harness.measure(work, 3, lambda line: None)


def test_the_others_go_on_where_one_fails() -> None:
    found = measured(
        reporting("a", [2.0, 4.0, 6.0]),
        Contender("gone", absent),
        reporting("other", [1.0], check=differs),
        Contender("broken", lambda: broken),
        reporting("b", [1.0, 1.0, 2.0]),
        goals=(
            Goal("a / b", 3.5, ratio("a", "b")),
            Goal("b / a", 0.3, ratio("b", "a"), "at least"),
            Goal("a / gone", 1.0, ratio("a", "gone")),
            Goal("spread", 1.0, spread(["a", "b"]), "exactly"),
        ),
    )
    rows = {row["name"]: row for row in found["contenders"]}
    assert rows["a"]["rounds"] == [2.0, 4.0, 6.0]
    assert rows["gone"]["failed"] == "not installed: pip install nothing"
    assert rows["other"]["failed"] == "disagrees: gaps: off by 2.0e-08 relative"
    assert rows["broken"]["failed"] == "ZeroDivisionError: in the loop"
    assert "rounds" not in rows["other"]
    goals = found["goals"]
    assert (goals[0]["value"], goals[0]["verdict"]) == (3.0, "met")  # of 2, 4, 3
    assert (goals[1]["value"], goals[1]["verdict"]) == (pytest.approx(1 / 3), "met")
    assert (goals[2]["verdict"], goals[2]["why"]) == ("not measured", "gone: not installed: pip install nothing")
    assert goals[3]["verdict"] == "missed"


def test_a_contender_that_fails_between_rounds_has_no_numbers() -> None:
    found = measured(reporting("a", [1.0, 1.0, 1.0]), reporting("tired", [1.0, 2.0]))
    assert "rounds" not in found["contenders"][1]
    assert found["contenders"][1]["failed"] == "StopIteration: StopIteration"


def test_means_agree_within_four_standard_errors() -> None:
    draws = np.random.default_rng(0).standard_normal((2, 400, 1))
    assert "standard errors" in harness.agree_in_mean(draws[0], draws[1], "gaps")
    with pytest.raises(DisagreementError, match="means differ by"):
        harness.agree_in_mean(draws[0], draws[1] + 0.5, "gaps")
    with pytest.raises(DisagreementError):
        harness.agree_in_mean(draws[0], draws[1] * np.nan, "gaps")


def test_exact_agreement_is_relative_beyond_the_rounding() -> None:
    assert harness.agree_exactly([1e-3], [1e-3 + 1e-16], "gaps", rounding=1e-15) == "gaps: equal but for rounding"
    with pytest.raises(DisagreementError):
        harness.agree_exactly([1e-3], [1e-3 + 1e-10], "gaps", rounding=1e-15)
    with pytest.raises(DisagreementError):
        harness.agree_exactly([1.0], [np.nan], "gaps")


def test_the_page_says_what_was_not_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    goal = Goal("a / gone", 1.0, ratio("a", "gone"))
    found = measured(reporting("a", [1.0, 1.0, 1.0]), Contender("gone", absent), goals=(goal,))
    about = {"date": "2026-01-01", "threads": 2, "quick": True, "machine": "one", "versions": {}}
    record = {"works": {"w1, 2 cores": {**about, **found}, "w2, 1 core": {**about, "title": "w2", "failed": "killed"}}}
    record["works"]["w2, 1 core"] |= {"contenders": [], "goals": []}
    table.show(record)
    assert "the verdicts say nothing" in capsys.readouterr().out
    pages.write(record, tmp_path, notes=False)
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "not measured: gone: not installed" in page
    assert "| all of w2 | – | – | – |  | not measured: killed |" in page
    assert "| all of w5 | – | – | – |  | not measured: not run |" in page
