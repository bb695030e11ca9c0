"""An experiment from end to end: what is reused, extended, kept apart, and ruled again from files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from convlab.core.errors import ConvlabError
from convlab.lab import api, runner, store
from convlab.lab.api import Outcome
from convlab.lab.config import load_experiment

TEXT = """
title = "Two step sizes"
[problem]
name = "least_squares"
data = "synthetic"
n = 30
dimension = 3
condition = 5.0
noise = 0.1
[[optimizer]]
name = "sgd"
step_size = ["1/(4*L_max)", "1/(8*L_max)"]
[[optimizer]]
name = "gd"
step_size = "1/L"
[run]
horizon = 60
seeds = 32
outputs = ["last", "average"]
[[claim]]
theorem = "gd_smooth_convex"
where = { optimizer = "gd" }
[[claim]]
theorem = "sgd_smooth_convex_average"
where = { optimizer = "sgd" }
[quick]
run.horizon = 20
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "two.toml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*overrides: str, quick: bool = False, **options: object) -> Outcome:
    return api.run(load_experiment("two.toml", overrides=overrides, quick=quick), **options)  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_the_same_spec_is_not_run_again_and_writes_the_same(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run()
    assert (first.ran, first.reused, first.failures) == (3, 0, ())
    assert first.well
    assert [verdict.ruling for verdict in first.results.verdicts] == ["holds", "holds", "holds"]
    before = contents(work / "results" / "two")
    assert set(before) == {
        *("README.md", "index.json", "summary.csv", "verdicts.csv"),
        *("gap_curves.svg", "gap_curves.png", "bound_ratio.svg", "bound_ratio.png"),
    }
    assert len(list((work / "results" / "two" / "tasks").glob("*.npz"))) == 3

    def never(*args: object) -> None:
        raise AssertionError("ran again")

    monkeypatch.setattr(runner, "run_batch", never)
    again = run()
    assert (again.ran, again.reused) == (0, 3)
    assert contents(work / "results" / "two") == before


@pytest.mark.usefixtures("unrendered")
def test_forced_runs_and_fresh_folders_give_equal_bytes(work: Path) -> None:
    run()
    tasks = work / "results" / "two" / "tasks"
    first = {path.name: path.read_bytes() for path in tasks.glob("*.npz")}
    assert run(force=True).ran == 3
    assert {path.name: path.read_bytes() for path in tasks.glob("*.npz")} == first
    elsewhere = run(out=work / "elsewhere")
    assert elsewhere.folder == work / "elsewhere"
    assert {path.name: path.read_bytes() for path in (work / "elsewhere" / "tasks").glob("*.npz")} == first


@pytest.mark.usefixtures("unrendered")
def test_more_seeds_extend_a_run(work: Path) -> None:
    run()
    more = run("run.seeds=40")
    spans = sorted(path.stem.partition("-s")[2] for path in (work / "results/two/tasks").glob("*.npz"))
    assert spans == ["0-1", "0-32", "0-32", "32-40", "32-40"]
    assert more.results.traces[0].measured["last"]["gap"].shape[0] == 40
    assert run("run.seeds=4").ran == 0


@pytest.mark.usefixtures("unrendered")
def test_force_runs_again_what_is_read(work: Path) -> None:
    """Also where the file holds more seeds than are asked for now: nothing is discarded, nothing is lost."""
    run()
    (path,) = [p for p in (work / "results/two/tasks").glob("*-s0-32.npz") if b"average" in p.read_bytes()][:1]
    truth = path.read_bytes()
    record, arrays = store.load_task(path)
    wrong = {**arrays, "last.gap": arrays["last.gap"] * 2}
    plain = {key: value for key, value in record.items() if key not in ("schema", "sha256")}
    store.save_task(path.parent, path.stem, plain, wrong, {})
    assert run("run.seeds=4", force=True).ran == 3
    assert path.read_bytes() == truth


@pytest.mark.usefixtures("unrendered")
def test_other_specs_overwrite_nothing(work: Path) -> None:
    run()
    before = contents(work / "results" / "two")
    changed = run("optimizer.1.step_size=0.01")
    quick = run(quick=True)
    assert changed.folder != quick.folder
    assert changed.folder.parent == quick.folder.parent == work / "results" / "two" / "variants"
    assert changed.ran == 1, "the other cells are shared"
    assert contents(work / "results" / "two") == before


@pytest.mark.usefixtures("unrendered")
def test_an_edited_file_moves_the_earlier_results_aside(work: Path) -> None:
    before = contents(run().folder)
    (work / "two.toml").write_text(TEXT.replace("horizon = 60", "horizon = 40"))
    run()
    (earlier,) = (work / "results" / "two" / "earlier").iterdir()
    assert contents(earlier) == before
    assert api.judge("two").results.traces[0].setting.horizon == 40


def test_judge_and_plot_need_files_alone(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run()
    before = contents(first.folder)
    (work / "two.toml").unlink()
    monkeypatch.setattr(api.settle, "settle", None)
    ruled = api.judge("two")
    assert [verdict.why for verdict in ruled.results.verdicts] == [each.why for each in first.results.verdicts]
    assert {path.suffix for path in api.plot("two")} == {".svg", ".png"}
    assert contents(first.folder) == before


@pytest.mark.usefixtures("unrendered")
def test_an_interrupt_keeps_what_is_done_and_the_same_call_goes_on(work: Path) -> None:
    def stop(progress: runner.Progress) -> None:
        if progress.label.startswith("gd"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(progress=stop)
    assert len(list((work / "results/two/tasks").glob("*.npz"))) == 2
    assert (run().ran, run().ran) == (1, 0)


@pytest.mark.usefixtures("unrendered")
def test_one_bad_task_does_not_take_the_rest_along(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_batch = runner.run_batch

    def fails_on_gd(batch, *rest):  # type: ignore[no-untyped-def]
        if batch.first.cell.optimizer.name == "gd":
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory\nmore")
        return run_batch(batch, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(runner, "run_batch", fails_on_gd)
        outcome = run()
    assert outcome.failures == ("gd (T = 60): failed: RESOURCE_EXHAUSTED: out of memory",)
    assert not outcome.well
    assert len(outcome.results.traces) == 2
    assert run().ran == 1, "a failure is not a result"


@pytest.mark.usefixtures("unrendered")
def test_a_damaged_task_is_run_again(work: Path) -> None:
    run()
    (broken, *_) = sorted((work / "results/two/tasks").glob("*.npz"))
    content = broken.read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    assert run().ran >= 1
    assert broken.read_bytes() == content


@pytest.mark.usefixtures("unrendered")
def test_results_that_are_not_there_are_one_line(work: Path) -> None:
    with pytest.raises(ConvlabError, match="convlab run two"):
        api.judge("two")
    run()
    shutil.rmtree(work / "results/two/tasks")
    with pytest.raises(ConvlabError, match="no such task file"):
        api.judge("two")
    (work / "results/two/index.json").write_text('{"cells": 3}')
    with pytest.raises(ConvlabError, match="not an index"):
        api.judge("two")


def test_divergence_is_ruled_and_drawn(work: Path) -> None:
    outcome = run("optimizer.1.step_size=1e308", "claim.0.expect=not applicable")
    trace = outcome.results.traces[-1]
    assert trace.status == ("diverged",)
    assert outcome.well
    assert "exceeds 2/L" in outcome.results.verdicts[0].why


@pytest.mark.usefixtures("unrendered")
def test_without_claims_every_theorem_is_tried(work: Path) -> None:
    text = TEXT[: TEXT.index("[[claim]]")]
    (work / "two.toml").write_text(text)
    outcome = run()
    rulings = {verdict.theorem: verdict.ruling for verdict in outcome.results.verdicts if verdict.cells == (2,)}
    assert rulings["gd_strongly_convex_gap"] == "holds"
    assert rulings["newton_local_quadratic"] == "not applicable"
    assert outcome.well
