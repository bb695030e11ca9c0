"""A disk that fails: at the n-th write, flush or rename of a command, with every error that disks have."""

from __future__ import annotations

import builtins
import errno
import io
import itertools
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from convlab.lab import catalog, runner, store
from tests.faults.tiny import TOML, contents, convlab, one_mistake, told

ERRORS = itertools.cycle([errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT, errno.EROFS])
LAST = 40  # commands fail at the operations 1 … LAST, or at all that they have


class Disk:
    """Counts the writes, flushes and renames of this process, and fails at one of them; `only` counts."""

    def __init__(self, patch: pytest.MonkeyPatch, fail_at: int = 0, error: int = 0) -> None:
        self.count, self.fail_at, self.error = 0, fail_at, error
        for module, name in ((os, "fsync"), (os, "replace"), (Path, "mkdir")):
            patch.setattr(module, name, self.counted(getattr(module, name)))
        patch.setattr(Path, "write_bytes", self.halved(Path.write_bytes))
        patch.setattr(Path, "write_text", self.halved(Path.write_text))
        patch.setattr(builtins, "open", self.opening(builtins.open))
        patch.setattr(os, "fdopen", self.opening(os.fdopen))

    def step(self) -> None:
        self.count += 1
        if self.count == self.fail_at:
            raise OSError(self.error, os.strerror(self.error))

    def counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **options: Any) -> Any:
            self.step()
            return function(*arguments, **options)

        return operation

    def halved(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Half of what is written lies there when it fails."""

        def operation(path: Path, content: Any, *rest: Any, **options: Any) -> Any:
            try:
                self.step()
            except OSError:
                function(path, content[: len(content) // 2], *rest, **options)
                raise
            return function(path, content, *rest, **options)

        return operation

    def opening(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Files opened to be written fail at their first write, half of which then lies there."""

        def open_(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
            opened = function(file, mode, *rest, **options)
            if mode != "wb":
                return opened
            write = opened.write
            raw = io.BufferedWriter(opened.detach()) if isinstance(opened, io.BufferedWriter) else opened

            class Failing(io.BufferedWriter):
                first = True

                def write(inner, content: Any) -> int:  # noqa: N805 - `self` is the disk
                    if inner.first:
                        inner.first = False
                        try:
                            self.step()
                        except OSError:
                            super().write(bytes(content)[: len(content) // 2])
                            super().flush()
                            raise
                    return super().write(content)

            assert write is not None
            return Failing(raw.detach())

        return open_


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "e.toml").write_text(TOML)
    return tmp_path


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are computed once and remembered, figures are blank: what fails here is the disk, nothing else."""
    run_batch, remembered = runner.run_batch, {}

    def replay(batch: Any, seeds: Any, advance: Any) -> Any:
        key = (tuple(task.name for task in batch.tasks), seeds)
        if key not in remembered:
            remembered[key] = run_batch(batch, seeds, advance)
        return remembered[key]

    load = catalog.load

    def blank(kind: str, name: str, *rest: Any, **options: Any) -> Any:
        return (lambda results: Figure((1, 1))) if kind == "plots" else load(kind, name, *rest, **options)

    monkeypatch.setattr(runner, "run_batch", replay)
    monkeypatch.setattr(catalog, "load", blank)


@pytest.mark.usefixtures("instant")
def test_a_run_fails_at_any_operation_in_one_line_and_the_next_one_completes(work: Path) -> None:
    """Old files stay intact, finished tasks are kept, the error is one line, the same command goes on."""
    assert convlab("run", "e.toml", "--out", "old").exit_code == 0
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch)
        assert convlab("run", "e.toml", "--out", "new").exit_code == 0
    operations = disk.count
    assert operations > 25, "the disk counts what a run does"
    truth = contents(work / "new")
    assert truth == contents(work / "old")
    for fail_at in range(1, min(operations, LAST) + 1):
        out = f"out{fail_at}"
        with pytest.MonkeyPatch.context() as patch:
            Disk(patch, fail_at, error := next(ERRORS))
            line = one_mistake(convlab("run", "e.toml", "--out", out))
        assert os.strerror(error) in line, f"operation {fail_at}"
        assert str(work / out) in line, f"operation {fail_at}: it names the place"
        for path in (work / out).rglob("*.npz"):
            store.load_task(path)
        before = {path: path.stat().st_mtime_ns for path in (work / out).rglob("*.npz")}
        assert not list((work / out).rglob("*.part")), "no litter"
        assert convlab("run", "e.toml", "--out", out).exit_code == 0
        assert contents(work / out) == truth, f"operation {fail_at}"
        assert {path: path.stat().st_mtime_ns for path in before} == before, "nothing finished was done again"


@pytest.mark.usefixtures("instant")
def test_what_is_there_survives_every_failure(work: Path) -> None:
    """A run of more seeds, judgements and plots over results that exist: each file is the old one or the new one."""
    assert convlab("run", "e.toml").exit_code == 0
    old = contents(work / "results")
    for command in (["judge", "e"], ["plot", "e"], ["run", "e.toml", "--force"]):
        for fail_at in range(1, LAST + 1):
            with pytest.MonkeyPatch.context() as patch:
                disk = Disk(patch, fail_at, errno.ENOSPC)
                result = convlab(*command)
            if disk.count < fail_at:  # it has fewer operations
                told(result, 0)
                break
            assert "No space left on device" in one_mistake(result)
            assert contents(work / "results") == old, f"{command} at operation {fail_at}"
        else:
            assert command[0] == "run"


@pytest.mark.usefixtures("instant")
def test_an_edited_file_whose_results_cannot_be_moved_aside(work: Path) -> None:
    """The earlier verdicts are found again after a failure at any operation, and moved whole by the next run."""
    assert convlab("run", "e.toml").exit_code == 0
    before = contents(work / "results")
    old = {name: content for name, content in contents(work / "results/e").items() if not name.startswith("tasks")}
    (work / "e.toml").write_text(TOML.replace("horizon = 12", "horizon = 11"))
    assert convlab("run", "e.toml", "--out", "other").exit_code == 0
    new = contents(work / "other")
    for fail_at in range(20, LAST + 1):  # from the last tasks on
        shutil.rmtree(work / "results")
        for name, content in before.items():
            (work / "results" / name).parent.mkdir(parents=True, exist_ok=True)
            (work / "results" / name).write_bytes(content)
        with pytest.MonkeyPatch.context() as patch:
            Disk(patch, fail_at, errno.EIO)
            one_mistake(convlab("run", "e.toml"))
        told(convlab("run", "e.toml"), 0)
        (earlier,) = (work / "results/e/earlier").iterdir()
        assert contents(earlier) == old, f"operation {fail_at}"
        assert {name: (work / "results/e" / name).read_bytes() for name in new} == new, f"operation {fail_at}"


def test_a_folder_below_a_file_is_told_before_anything_is_computed(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "run_batch", None)
    (work / "plain").write_text("kept")
    for out in ("plain/below", "plain/below/it", "/dev/null/x", "x" * 300):
        line = one_mistake(convlab("run", "e.toml", "--out", out))
        assert "cannot be written" in line
        assert "--out" in line
    assert (work / "plain").read_text() == "kept"


def test_one_failing_task_is_told_and_the_rest_is_kept(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of memory in one batch: exit code 1, one line for each of its cells, the others judged; then it goes on."""
    run_batch = runner.run_batch

    def exhausted(batch: Any, *rest: Any) -> Any:
        if batch.random:
            raise MemoryError
        return run_batch(batch, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(runner, "run_batch", exhausted)
        lines = told(convlab("run", "e.toml"), 1)
    assert lines == ["error: sgd (T = 12): failed: MemoryError"]
    before = {path: path.stat().st_mtime_ns for path in work.rglob("*.npz")}
    assert len(before) == 2
    with monkeypatch.context() as patch:
        patch.setattr(runner, "run_batch", lambda *_: bytearray(1 << 62))  # a MemoryError of Python's own
        lines = told(convlab("run", "e.toml", "--out", "other"), 1)
    assert len(lines) == 3, "every task failed: a line for each"
    assert "1 task run, 2 reused" in convlab("run", "e.toml").stdout
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_one_at_a_time_moves_results_aside_and_writes_new_ones(work: Path) -> None:
    entered = threading.Event()

    def second() -> None:
        with store.alone(work):
            entered.set()

    thread = threading.Thread(target=second)
    with store.alone(work):
        thread.start()
        assert not entered.wait(0.2)
    assert entered.wait(10.0)
    thread.join()
    assert [path.name for path in work.iterdir()] == ["e.toml"], "the lock leaves nothing behind"


def test_a_real_limit_of_the_kernel(work: Path) -> None:
    """Not a stand-in: files may not grow beyond 2 kB here, as on a disk that is full after that."""
    resource = pytest.importorskip("resource", reason="limits of a process are set by POSIX")
    assert convlab("run", "e.toml", "--out", "truth").exit_code == 0
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    generator = np.random.default_rng(1)
    for limit in sorted(generator.integers(1, 4000, 4), reverse=True):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), hard))
        try:
            line = one_mistake(convlab("run", "e.toml", "--out", "limited"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert os.strerror(errno.EFBIG) in line
        assert "limited" in line
        assert not list(Path("limited").rglob("*.part"))
    assert convlab("run", "e.toml", "--out", "limited").exit_code == 0
    assert contents(work / "limited") == contents(work / "truth")
