"""The lecture's items: each names functions that are public, tests that are there, and a command that runs."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from matplotlib.mathtext import MathTextParser

from convlab import calculus
from convlab.cli import main
from convlab.lecture.contents import ITEMS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.name)
def test_an_item_points_to_functions_tests_and_what_it_shows(item: Any) -> None:
    tests = (ROOT / item.tests).read_text(encoding="utf-8")
    for name in item.functions:
        assert name in calculus.__all__, f"{name} is not public"
        assert name in tests, f"{item.tests} does not test {name}"
        assert (getattr(calculus, name).__doc__ or "").strip(), f"{name} has no docstring"
    assert item.experiment == "" or (ROOT / "experiments" / f"{item.experiment}.toml").is_file()
    MathTextParser("path").parse(
        f"${item.formula}$".replace(r"\text", r"\mathrm").replace(r"\Bigl", "").replace(r"\Bigr", "")
    )
    if item.figure:
        for suffix in ("svg", "png"):
            assert (ROOT / "results" / "calculus" / f"{item.name}.{suffix}").is_file(), "convlab calculus --all"


def test_every_public_function_belongs_to_an_item() -> None:
    shown = {name for item in ITEMS for name in item.functions}
    types = {name for name in calculus.__all__ if isinstance(getattr(calculus, name), type)}
    assert set(calculus.__all__) - types - shown == set()
    assert len(set(calculus.__all__)) == len(calculus.__all__)


def test_the_list_names_every_item_and_an_unknown_one_is_told() -> None:
    found = CliRunner().invoke(main, ["calculus"])
    assert found.exit_code == 0
    for item in ITEMS:
        assert item.name in found.output
    wrong = CliRunner().invoke(main, ["calculus", "jacobain"])
    assert wrong.exit_code == 2
    assert "did you mean 'jacobian'?" in wrong.output


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.name)
def test_an_item_runs_and_holds(item: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """Its table has rows and every check in it held; its figure has axes with labels and something drawn on them."""
    module = importlib.import_module(f"convlab.lecture.{item.name}")
    assert item.figure == hasattr(module, "draw")
    drawn = item.figure and item.name != "modes"  # whose map takes half a minute to measure
    arguments = ["--out", str(tmp_path)] if drawn else ["--table"] if item.figure else []
    arguments = ["--sizes", "3"] if item.name == "identities" else arguments
    found = CliRunner().invoke(main, ["calculus", item.name, *arguments])
    assert found.exit_code == 0, found.output
    assert len(found.output.splitlines()) >= 4
    if drawn:
        assert {path.name for path in tmp_path.iterdir()} == {f"{item.name}.svg", f"{item.name}.png"}
        assert all(path.stat().st_size > 10_000 for path in tmp_path.iterdir())
