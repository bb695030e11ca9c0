"""`convlab judge` and `convlab plot` with --out: they write there, and leave the results that they read as they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from convlab.cli import main

KEPT = Path(__file__).parents[1] / "results" / "small_network"


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(KEPT, tmp_path / "results" / "small_network")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_judge_writes_tables_page_and_the_figures_on_it_to_another_folder(work: Path) -> None:
    before = contents(work / "results")
    assert invoke("judge", "small_network", "--out", "new/there").exit_code == 0
    written = contents(work / "new" / "there")
    assert set(written) == {"verdicts.csv", "summary.csv", "README.md", "gap_curves.svg", "gap_curves.png"}
    assert written["verdicts.csv"] == before["small_network/verdicts.csv"]
    assert contents(work / "results") == before


def test_plot_writes_to_another_folder(work: Path) -> None:
    before = contents(work / "results")
    told = invoke("plot", "small_network", "--out", "there")
    assert told.exit_code == 0
    assert set(contents(work / "there")) == {"gap_curves.svg", "gap_curves.png"}
    assert all(str(work / "there") in line for line in told.stdout.splitlines())
    assert contents(work / "results") == before


def test_where_run_has_written_to_is_judged_in_place(work: Path) -> None:
    (work / "results" / "small_network").rename(work / "there")
    (work / "there" / "verdicts.csv").unlink()
    assert invoke("judge", "small_network", "--out", "there").exit_code == 0
    assert (work / "there" / "verdicts.csv").is_file()


def test_results_of_another_experiment_are_not_overwritten(work: Path) -> None:
    shutil.copytree(work / "results" / "small_network", work / "there")
    index = work / "there" / "index.json"
    index.write_text(index.read_text().replace('"name": "small_network"', '"name": "other"', 1))
    before = contents(work)
    for command in ("judge", "plot"):
        told = invoke(command, "small_network", "--out", "there")
        assert told.exit_code == 2
        wanted = "error: there holds the results of 'other', not of 'small_network'; name another folder with --out\n"
        assert told.stderr == wanted
    assert contents(work) == before
