"""Whole processes: killed, interrupted, started side by side, started afresh. Nothing is lost, nothing done twice.

``CONVLAB_FAULTS=full`` takes the full count of kills and interrupts (an hour); the suite takes a few.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from convlab.lab import store
from tests.faults.tiny import TOML, contents, convlab, start

FULL = os.environ.get("CONVLAB_FAULTS") == "full"
KILLS = 200 if FULL else 3
WRITERS_KILLED = 300 if FULL else 10
INTERRUPTS = 30 if FULL else 1
ROUNDS = 20 if FULL else 1
SIDE_BY_SIDE = 8 if FULL else 3
# Six batches, so that task files appear one after another.
SPREAD = TOML.replace("horizon = 12", "horizon = [3, 5, 7]")
TASKS = 9
WAIT = 120  # seconds after which a process that should have ended has hung


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every file that a run leaves behind which nothing disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "e.toml").write_text(SPREAD)
    process = start(["run", "e.toml"], folder)
    _, errors = process.communicate(timeout=WAIT)
    assert (process.returncode, errors) == (0, "")
    found = contents(folder / "results")
    assert len([name for name in found if name.endswith(".npz")]) == TASKS
    return found


def finished(folder: Path) -> dict[str, tuple[int, int]]:
    """The task files that are there, and what tells whether one was written again."""
    found = {}
    for path in (folder / "results").rglob("tasks/*.npz"):
        status = path.stat()
        found[path.name] = (status.st_ino, status.st_mtime_ns)
    return found


def wait_for_tasks(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    """Returns when ``count`` task files are there, or the process has ended."""
    deadline = time.monotonic() + WAIT
    while len(finished(folder)) < count and process.poll() is None:
        assert time.monotonic() < deadline, "the run has hung"
        time.sleep(0.001)


def test_killed_at_any_moment(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    """kill -9 of the process group, again and again: the next run goes on, and in the end all is as if undisturbed."""
    generator = np.random.default_rng(9)
    kills = lost = again = completed = litter = 0
    while kills < KILLS:
        folder = tmp_path / f"{completed}"
        folder.mkdir()
        (folder / "e.toml").write_text(SPREAD)
        ended = False
        while not ended:
            before = finished(folder)
            process = start(["run", "e.toml"], folder)
            if kills < KILLS and len(before) < TASKS:
                # Half of the kills fall anywhere, from the start of Python on; half soon after a task was finished.
                if generator.integers(2):
                    time.sleep(float(generator.uniform(0.0, 5.0)))
                else:
                    wait_for_tasks(process, folder, len(before) + int(generator.integers(1, 5)))
                    time.sleep(float(generator.uniform(0.0, 0.3)))
                ended = process.poll() is not None
                if not ended:
                    os.killpg(process.pid, signal.SIGKILL)
                    kills += 1
            _, errors = process.communicate(timeout=WAIT)
            after = finished(folder)
            lost += len(before.keys() - after.keys())
            again += sum(after.get(name, mark) != mark for name, mark in before.items())
            litter += len(list(folder.rglob("*.part")))
            for name in after:  # whole, or not there at all
                store.load_task(folder / "results" / "e" / "tasks" / name)
            if process.returncode == 0:
                ended = True
                assert errors == ""
        completed += 1
        found = contents(folder / "results")
        whole = {name: content for name, content in found.items() if not Path(name).name.startswith(".")}
        assert whole == undisturbed, "the final files differ from those of an undisturbed run"
        assert (lost, again) == (0, 0)
        print(f"{kills} kills in {completed} experiments: {lost} tasks lost, {again} done again, {litter} parts seen")


WRITER = """
import sys, itertools, pathlib, numpy as np
from convlab.lab import store
for number in itertools.count():
    values = np.random.default_rng(number % 7).standard_normal((3, 4000))
    last = number % 3 + 1
    store.save_task(pathlib.Path("tasks"), f"cell-s0-{last}", {"seeds": [0, last]}, {"a": values}, {})
    print(number, flush=True)
"""


def test_killed_while_writing(tmp_path: Path) -> None:
    """A process that does nothing but write, over files that are there, is killed: each file is an old or a new one."""
    truths = [np.random.default_rng(seed).standard_normal((3, 4000)) for seed in range(7)]
    generator = np.random.default_rng(10)
    parts = 0
    for _ in range(WRITERS_KILLED):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER], cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert process.stdout is not None
        while int(process.stdout.readline()) < 3:  # each file is there
            pass
        time.sleep(float(generator.uniform(0.0, 0.05)))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=WAIT)
        parts += len(list(tmp_path.rglob("*.part")))
        assert set(store.finished(tmp_path / "tasks", "cell")) == {(0, 1), (0, 2), (0, 3)}
        for path in (tmp_path / "tasks").glob("*.npz"):
            _, arrays = store.load_task(path)
            assert any(np.array_equal(arrays["a"], truth) for truth in truths)
        for path in tmp_path.rglob("*.part"):
            path.unlink()
    print(f"{WRITERS_KILLED} writers killed, {parts} of them in the middle of a file")
    if WRITERS_KILLED >= 100:  # of a few kills it may be that none falls into a write
        assert parts > WRITERS_KILLED // 10, "kills that fall into a write are what this is about"


@pytest.mark.parametrize("round_", range(INTERRUPTS))
def test_interrupted(tmp_path: Path, round_: int, undisturbed: dict[str, bytes]) -> None:
    """Ctrl-C: exit code 130 within 5 s and one line, which is the command that goes on and finishes."""
    (tmp_path / "e.toml").write_text(SPREAD)
    arguments = ["run", "e.toml", "--force", "--out", "my results"]
    process = start(arguments, tmp_path)
    generator = np.random.default_rng(round_)
    deadline = time.monotonic() + WAIT
    while not (tmp_path / "my results" / "tasks").is_dir():  # the command has begun its work
        assert time.monotonic() < deadline
        time.sleep(0.001)
    time.sleep(float(generator.uniform(0.0, 2.0)))
    sent = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=WAIT)
    took = time.monotonic() - sent
    assert process.returncode == 130, errors
    assert took < 5.0
    lines = errors.split("\n")
    assert (lines[0], lines[2:]) == ("", [""]), f"a line's end after the terminal's ^C, and one line: {errors}"
    match = re.fullmatch(r"interrupted; finished tasks are kept\. To go on: convlab (.*)", lines[1])
    assert match, errors
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.rglob("tasks/*.npz")}
    process = start(shlex.split(match[1]), tmp_path)
    _, errors = process.communicate(timeout=WAIT)
    assert (process.returncode, errors) == (0, "")
    assert {name: (tmp_path / "my results" / "tasks" / name).stat().st_mtime_ns for name in kept} == kept
    assert contents(tmp_path / "my results") == {
        name.removeprefix("e/"): content for name, content in undisturbed.items()
    }


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_side_by_side(tmp_path: Path, round_: int, undisturbed: dict[str, bytes]) -> None:
    """Several processes start the same experiment at once: all succeed, and the files are those of one."""
    (tmp_path / "e.toml").write_text(SPREAD)
    processes = [start(["run", "e.toml"], tmp_path) for _ in range(SIDE_BY_SIDE)]
    for process in processes:
        output, errors = process.communicate(timeout=WAIT)
        assert (process.returncode, errors) == (0, ""), output
    assert contents(tmp_path / "results") == undisturbed, "and a fresh process writes the same bytes"


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_side_by_side_over_earlier_results(tmp_path: Path, round_: int, undisturbed: dict[str, bytes]) -> None:
    """The file was edited: one of the processes moves the earlier results aside, whole, and the others none of its."""
    (tmp_path / "e.toml").write_text(SPREAD.replace('"Small"', '"Edited"'))
    for name, content in undisturbed.items():
        (tmp_path / "results" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "results" / name).write_bytes(content)
    processes = [start(["run", "e.toml"], tmp_path) for _ in range(SIDE_BY_SIDE)]
    for process in processes:
        output, errors = process.communicate(timeout=WAIT)
        assert (process.returncode, errors) == (0, ""), output
        assert f"0 tasks run, {TASKS} reused" in output
    (earlier,) = (tmp_path / "results/e/earlier").iterdir()
    tables = {name.removeprefix("e/"): text for name, text in undisturbed.items() if "tasks/" not in name}
    assert contents(earlier) == tables
    assert {path.name for path in (tmp_path / "results/e").iterdir() if path.is_file()} == tables.keys()
    assert '"title": "Edited"' in (tmp_path / "results/e/index.json").read_text()


def test_another_place_and_this_process_write_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, bytes]
) -> None:
    """Neither the folder, nor what ran before in the same process, decides a byte of tasks, tables and figures."""
    monkeypatch.chdir(tmp_path)
    Path("e.toml").write_text(SPREAD)
    assert convlab("run", "e.toml", "--horizon", "4").exit_code == 0
    assert convlab("run", "e.toml", "--out", "elsewhere").exit_code == 0
    found = contents(tmp_path / "elsewhere")
    assert {f"e/{name}": content for name, content in found.items()} == undisturbed
