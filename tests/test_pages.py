"""The generated lists are up to date: `python -m tests.test_pages` writes them anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.mathtext import MathTextParser

from convlab.lab import catalog, lists
from tests.experiments.committed import ruled

ROOT = Path(__file__).resolve().parents[1]
THEOREMS = ROOT / "convlab" / "theorems" / "CATALOGUE.md"
EXPERIMENTS = ROOT / "results" / "README.md"


def theorem_list() -> str:
    return lists.theorem_list((name, catalog.load("theorems", name)) for name in catalog.names("theorems"))


def experiment_list() -> str:
    folders = sorted(path.parent for path in (ROOT / "results").glob("*/index.json"))
    return lists.experiment_list(ruled(folder) for folder in folders)


def test_the_list_of_theorems_is_up_to_date() -> None:
    assert THEOREMS.read_text(encoding="utf-8") == theorem_list(), "run `python -m tests.test_pages`"


def test_the_list_of_experiments_is_up_to_date() -> None:
    assert EXPERIMENTS.read_text(encoding="utf-8") == experiment_list(), "run `python -m tests.test_pages`"
    shipped = {path.stem for path in (ROOT / "experiments").glob("*.toml")}
    assert {path.parent.name for path in (ROOT / "results").glob("*/index.json")} == shipped


@pytest.mark.parametrize("name", catalog.names("theorems"))
def test_a_statement_is_mathematics(name: str) -> None:
    """Balanced braces, no dollar signs, and every formula drawn by matplotlib."""
    theorem = catalog.load("theorems", name)
    assert theorem.statement.count("{") == theorem.statement.count("}")
    assert "$" not in theorem.statement
    MathTextParser("path").parse(theorem.formula)


if __name__ == "__main__":
    THEOREMS.write_text(theorem_list(), encoding="utf-8")
    EXPERIMENTS.write_text(experiment_list(), encoding="utf-8")
