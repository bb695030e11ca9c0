"""Results that were cut, edited or taken away, and names that point elsewhere: one line, and nothing outside."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.tiny import TOML, contents, convlab, one_mistake, told

ROOT = Path("results/e")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ran")
    (folder / "e.toml").write_text(TOML)
    here = Path.cwd()
    os.chdir(folder)
    try:
        told(convlab("run", "e.toml"), 0)
    finally:
        os.chdir(here)
    return folder


@pytest.fixture(autouse=True)
def work(ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the results of a run, two folders below one that is watched."""
    inner = tmp_path / "watched" / "inner"
    for name, content in contents(ran).items():
        (inner / name).parent.mkdir(parents=True, exist_ok=True)
        (inner / name).write_bytes(content)
    monkeypatch.chdir(inner)
    return inner


def edit(change: Callable[[Any], Any]) -> None:
    path = ROOT / "index.json"
    index = json.loads(path.read_text())
    changed = change(index)
    path.write_text(json.dumps(index if changed is None else changed))


@pytest.mark.parametrize("command", ["judge", "plot"])
def test_an_index_that_is_cut_or_gone(command: str) -> None:
    path = ROOT / "index.json"
    content = path.read_bytes()
    before = contents(ROOT)
    for length in range(0, len(content) - 2, len(content) // 250):
        path.write_bytes(content[:length])
        assert "index.json: damaged" in one_mistake(convlab(command, "e"))
    path.write_bytes(b"\xff\xfe" + content)
    assert "index.json: damaged" in one_mistake(convlab(command, "e"))
    path.write_bytes(b"[" * 100_000)
    assert "index.json: damaged" in one_mistake(convlab(command, "e"))
    path.unlink()
    assert "run `convlab run e` first" in one_mistake(convlab(command, "e"))
    path.write_bytes(content)
    assert contents(ROOT) == before
    told(convlab(command, "e"), 0)
    assert contents(ROOT) == before


EDITS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a list": lambda index: [],
    "a text": lambda index: "index",
    "nothing": lambda index: {},
    "null": lambda index: {"schema": None},
    "no cells": lambda index: index.update(cells=[]),
    "cells as a number": lambda index: index.update(cells=3),
    "no tasks": lambda index: [cell.update(tasks=[]) for cell in index["cells"]] and None,
    "tasks as a text": lambda index: index["cells"][0].update(tasks="task"),
    "a task that is not there": lambda index: index["cells"][0].update(tasks=["0" * 20 + "-s0-1.npz"]),
    "a task with a NUL": lambda index: index["cells"][0].update(tasks=["a\0b"]),
    "a task of numbers": lambda index: index["cells"][0].update(tasks=[1, 2]),
    "a task elsewhere": lambda index: index["cells"][0].update(tasks=["../../../../../../../etc/passwd"]),
    "seeds as a text": lambda index: index["cells"][0].update(seeds="3"),
    "no seeds": lambda index: index["cells"][0].update(seeds=0),
    "a label that is a number": lambda index: index["cells"][0].update(label=5),
    "facts that are a list": lambda index: index["cells"][0].update(facts=[]),
    "a group out of range": lambda index: index.update(groups=[[0], [99]]),
    "a negative group": lambda index: index.update(groups=[[-1]]),
    "an empty group of texts": lambda index: index.update(groups=["ab"]),
    "an unknown kind": lambda index: index.update(kind="dance"),
    "a title that is a table": lambda index: index["experiment"].update(title={}),
    "an unknown theorem": lambda index: index["experiment"]["claims"][0].update(theorem="gd_smoth_convex"),
    "a theorem elsewhere": lambda index: index["experiment"]["claims"][0].update(theorem="../../x"),
    "code as a theorem": lambda index: index["experiment"]["claims"][0].update(theorem="evil:THEOREM"),
    "an unknown ruling": lambda index: index["experiment"]["claims"][0].update(expect="perhaps"),
    "claims as a table": lambda index: index["experiment"].update(claims={}),
    "a newer schema": lambda index: index.update(schema=99),
}


@pytest.mark.parametrize("case", EDITS)
def test_an_edited_index(case: str) -> None:
    """One line, nothing written, and no code of others imported: a folder of results may come from anywhere."""
    Path("evil.py").write_text("open('executed', 'w').close()")
    edit(EDITS[case])
    before = contents(ROOT)
    for command in ("judge", "plot"):
        line = one_mistake(convlab(command, "e"))
        assert str(Path.cwd()) in line, "it names the file"
    assert contents(ROOT) == before
    assert not Path("executed").exists()


@pytest.mark.parametrize("case", ["a list", "null", "tasks as a text"])
def test_a_run_goes_on_after_an_edited_index(ran: Path, case: str) -> None:
    edit(EDITS[case])
    assert "0 tasks run, 3 reused" in convlab("run", "e.toml").stdout
    truth = contents(ran / ROOT)
    assert {name: (ROOT / name).read_bytes() for name in truth} == truth


def test_a_task_that_is_cut_or_gone(ran: Path) -> None:
    truth = contents(ran / ROOT)
    path = sorted(ROOT.glob("tasks/*.npz"))[0]
    content = path.read_bytes()
    for length in range(0, len(content) - 1, 50):
        path.write_bytes(content[:length])
        line = one_mistake(convlab("judge", "e"))
        assert f"{path.name}: damaged" in line
        assert line.endswith("delete it and run again")
    assert path.name in one_mistake(convlab("plot", "e"))
    path.unlink()
    assert "no such task file" in one_mistake(convlab("judge", "e"))
    path.mkdir()
    assert f"{path.name}: damaged" in one_mistake(convlab("judge", "e"))
    path.rmdir()
    told(convlab("run", "e.toml"), 0)
    assert contents(ROOT) == truth


def test_a_task_under_another_name_is_not_taken_for_it(ran: Path) -> None:
    """A file of three seeds that calls itself one of five holds no five."""
    (path,) = ROOT.glob("tasks/*-s0-3.npz")
    path.rename(path.with_name(path.name.replace("s0-3", "s0-5")))
    path.with_name(path.name.replace("s0-3", "s²-3")).write_bytes(b"")
    assert "1 task run, 2 reused" in convlab("run", "e.toml").stdout


def outside(work: Path) -> set[str]:
    """All that lies around the folder of work, and beside the results in it."""
    around = {str(path) for path in work.parent.parent.rglob("*") if work not in path.parents}
    return around | {str(path) for path in work.iterdir()}


HOSTILE = ["../x", "../../x", "/tmp/convlab-x", "a/b", "..", ".", "", "$(touch x)", "a\nb", "é☃", "\x1b[31m", "x" * 301]
LABELS = [text for text in HOSTILE if text.isprintable() and 0 < len(text) <= 300]
LABELS += ["$\\frac{", "<script>alert(1)</script>", '"><img src=x>', "%s%n{}", "=1+1", "x" * 300]


def test_labels_stay_inside_the_results_folder(work: Path) -> None:
    """Hostile titles and labels are drawn and tabled; none of them becomes a path, an element or a line of its own."""
    before = outside(work)
    optimizers = "".join(
        f'[[optimizer]]\nname = "gd"\nlabel = {json.dumps(text)}\nstep_size = {number}e-2\n'
        for number, text in enumerate(LABELS, start=1)
    )
    toml = TOML[: TOML.index("[[optimizer]]")] + optimizers + TOML[TOML.index("[run]") :]
    Path("e.toml").write_text(toml.replace('"Small"', json.dumps(LABELS[-5])))
    result = convlab("run", "e.toml", "--set", "run.outputs=last")
    told(result, 0)
    assert outside(work) == before
    for path in ROOT.rglob("*.svg"):
        assert "<script" not in path.read_text()
        assert "<img" not in path.read_text()


def test_titles_and_labels_that_are_no_line_are_refused(work: Path) -> None:
    for text in HOSTILE:
        if text in LABELS:
            continue
        quoted = json.dumps(text)
        Path("e.toml").write_text(
            TOML.replace('name = "gd"', f'name = "gd"\nlabel = {quoted}').replace('"Small"', quoted)
        )
        result = convlab("run", "e.toml")
        assert [line.split(": ")[2] for line in told(result)] == ["title", "optimizer.0.label"]
        assert "\x1b" not in result.output


def test_names_of_experiments_cannot_leave_the_results_folder(work: Path) -> None:
    before = outside(work)
    for name in (*HOSTILE, "../../../../etc/passwd", "e.toml/../../x", "con", "a\0b"):
        for command in ("run", "judge", "plot", "check"):
            line = one_mistake(convlab(command, "--", name))
            assert "\x1b" not in line
    for name in ("a b.toml", "é.toml", "x" * 101 + ".toml", "..toml", ".toml", "con.toml", "$(x).toml", "-.-..toml"):
        Path(name).write_text(TOML)
        assert "cannot name an experiment" in one_mistake(convlab("run", "--", name))
        Path(name).unlink()
    for kind in ("../../x", "os:path", "gap_curve", "_style", "x" * 300):
        assert "plot" in one_mistake(convlab("plot", "e", "--kind", kind))
    assert outside(work) == before
