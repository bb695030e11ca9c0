"""Running an experiment from end to end. Judging or drawing its files again needs no jax: see `review`."""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from convlab.core.errors import ConvlabError
from convlab.lab import catalog, docket, environment, folders, interrupts, needs, records, runner, settle, store, tasks
from convlab.lab.config import load_experiment
from convlab.lab.environment import doctor
from convlab.lab.grid import Cell, cells, groups
from convlab.lab.landscape import landscapes
from convlab.lab.review import Outcome, judge, plot, results_of, with_landscapes, write
from convlab.lab.side_by_side import Crew
from convlab.lab.spec import Experiment

__all__ = ["Outcome", "doctor", "judge", "load_experiment", "plot", "run"]

Report = Callable[[runner.Progress], None]


def run(
    experiment: Experiment | str,
    *,
    device: str | None = None,
    force: bool = False,
    out: Path | str | None = None,
    progress: Report | None = None,
    compile_cache: bool = True,
) -> Outcome:
    """Runs what is not on disk yet, judges every claim, writes tables and figures, and returns the outcome.

    Finished tasks are on disk as soon as they are done: after a KeyboardInterrupt the same call goes on from there.
    ``compile_cache``: compiled programs are kept for the next process, in the user's cache folder.
    """
    if isinstance(experiment, str):
        experiment = load_experiment(experiment)
    started = time.perf_counter()
    base = folders.home(experiment, None if out is None else Path(out)).absolute()
    folder = folders.derived(experiment, base)
    store.require_writable(folder)
    store.require_writable(base / "tasks")
    grid = cells(experiment)
    with store.told_in_one_line(base), interrupts.heeded() as ask:
        with environment.numerics(device or experiment.device, compile_cache) as chosen:
            settled = settle_all(grid, experiment)
            plan = tasks.batches(settled, chosen.platform)
            work = _missing_work(plan, experiment.seeds, base / "tasks", force)
            place = environment.place(chosen)
            kept = sum(len(batch.tasks) * (experiment.seeds if batch.random else 1) for batch in plan)
            told, crew = _plan(work, kept, chosen)
            if work and experiment.figures:
                threading.Thread(target=_import_plots, args=(experiment.figures,)).start()
            done, failures = _run_work(
                work, base / "tasks", place, progress or (lambda _: None), ask, told, crew, chosen
            )
        found = _collect(plan, experiment.seeds, base / "tasks")
        index = _index(experiment, grid, found, settled)
        results = results_of(index, base / "tasks", "\n".join(failures), allow_code=True)
        with environment.numerics(device or experiment.device, compile_cache):
            there = [settled[cell].problem for cell in sorted(found)]
            index["landscapes"] = landscapes(there, results.traces)
        results = with_landscapes(results, index)
        with store.alone(folder):
            folders.make_room(folder, index["spec"], index["data"])
            files = write(results, index, folder)
    reused = sum(task.index in found and task.name not in done for batch in plan for task in batch.tasks)
    seconds = time.perf_counter() - started
    return Outcome(results, folder, files, failures, reused, len(done), seconds, experiment.notes)


def _import_plots(kinds: Sequence[str]) -> None:
    """Imports what draws, which takes a second with matplotlib: in a thread of its own, while XLA compiles and runs."""
    with contextlib.suppress(Exception):  # the drawing will tell
        for kind in kinds:
            catalog.load("plots", kind)


def settle_all(grid: Sequence[Cell], experiment: Experiment) -> list[settle.Settled]:
    """Every cell settled; all mistakes at once."""
    settled, mistakes = [], []
    for cell in grid:
        try:
            settled.append(settle.settle(cell, experiment.files))
        except settle.Misfit as misfit:
            mistakes.append(f"{experiment.at(*misfit.key)}: {misfit}")
    if experiment.x == "epochs":  # told now, not by the figures after the run
        without = sorted({each.problem.name for each in settled if not each.problem.rows})
        told = 'epochs count passes over data, and problem \'{}\' has none; write "steps" or "row gradients"'
        mistakes += [f"{experiment.at('figures', 'x')}: {told.format(name)}" for name in without]
    if mistakes:
        raise ConvlabError("\n".join(dict.fromkeys(mistakes)))
    return settled


Work = list[tuple[tasks.Batch, tuple[int, int], frozenset[str]]]  # a batch, its seeds, the tasks that miss them


def _missing_work(plan: Sequence[tasks.Batch], seeds: int, folder: Path, force: bool) -> Work:
    """Every batch that has a task missing, with the seeds to run.

    A batch is always computed as a whole, since its composition decides last bits; files that are there stay as they
    are.
    """
    work: Work = []
    for batch in plan:
        wanted = seeds if batch.random else 1
        piece = batch.piece(wanted)
        missing = {task.name: _missing(folder, task.name, wanted, force, piece) for task in batch.tasks}
        for first, last in sorted({span for spans in missing.values() for span in spans}):
            for low in range(first, last, batch.most_seeds):
                high = min(low + batch.most_seeds, last)
                names = (name for name, spans in missing.items() if any(a < high and low < b for a, b in spans))
                work.append((batch, (low, high), frozenset(names)))
    return work


def _plan(work: Work, kept: int, device: Any) -> tuple[str, Crew]:
    """How many runs and batches there are, and what the largest takes of memory, in words; and who runs them, as many
    at once as have room. Raises where one would not fit.

    ``kept`` are the runs of the whole experiment, whose measurements are held together in the end.
    """
    if not work:
        return "", Crew(1)
    widest: dict[int, tuple[tasks.Batch, int]] = {}
    for batch, (low, high), _ in work:
        seeds = max(2, high - low) if batch.random else 1
        widest[id(batch)] = batch, max(seeds, widest.get(id(batch), (batch, 0))[1])
    needed = []
    at_once = max(batch.cores for batch, _ in widest.values()) if _effort(work) >= tasks.LONG else 1
    for batch, seeds in widest.values():
        needed.append(needs.of_batch(batch.first, len(batch.tasks), seeds, kept))
        there = needs.room(batch.first.problem, device)
        needs.require_room(needed[-1], there, batch.first.cell.label)
        at_once = min(at_once, needed[-1].fit(there))
    at_once = min(at_once, len(work))
    count = sum(len(batch.tasks) * (high - low) for batch, (low, high), _ in work)
    batches = "one batch" if len(work) == 1 else f"{len(work)} batches, {at_once} at a time"
    largest = max((need.times(at_once) for need in needed), key=lambda need: need.total)
    return f"{count} run{'' if count == 1 else 's'} in {batches}; memory at most {largest}", Crew(at_once)


def _steps(work: Work) -> int:
    """Steps × runs."""
    return sum(_steps_of(batch, span) for batch, span, _ in work)


def _effort(work: Work) -> float:
    """Steps × runs, each as heavy as it is."""
    return sum(_steps_of(batch, span) * batch.weight for batch, span, _ in work)


def _steps_of(batch: tasks.Batch, span: tuple[int, int]) -> int:
    return len(batch.tasks) * max(2 if batch.random else 1, span[1] - span[0]) * batch.first.cell.horizon


def _run_work(
    work: Work,
    folder: Path,
    place: Mapping[str, Any],
    report: Report,
    ask: Callable[[], None],
    plan: str,
    crew: Crew,
    device: Any,
) -> tuple[set[str], tuple[str, ...]]:
    """Runs and saves; returns which tasks ran, and what failed. One failure does not take the rest along."""
    if not work:
        return set(), ()
    environment.require_sound_jax()
    state = runner.Progress(_steps(work), plan=plan)
    report(state)

    def advance(steps: int, label: str) -> None:
        crew.heed()
        ask()
        with crew.lock:
            state.done, state.label = state.done + steps, label
            report(state)

    done: set[str] = set()
    failures: dict[str, None] = {}

    def one(item: tuple[tasks.Batch, tuple[int, int], frozenset[str]]) -> None:
        batch, span, names = item
        try:
            with environment.precise(device):
                _run_and_save(batch, span, names, folder, place, advance)
            done.update(names)
        except (MemoryError, RuntimeError, ValueError, TypeError, ArithmeticError) as error:
            ask()  # what an interrupt turned into is no failure
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            for task in batch.tasks:
                failures[f"{task.settled.cell.label} (T = {task.settled.cell.horizon}): failed: {reason}"] = None

    crew.do(one, work)
    return done, tuple(failures)


def _missing(folder: Path, name: str, seeds: int, force: bool, piece: int) -> list[tuple[int, int]]:
    """The seed ranges to run: those that no file holds, in pieces that begin at the multiples of one, whatever is there
    already; with force those of the files as well, each in its place."""
    used, missing = tasks.cover(folder, name, seeds)
    pieces = [
        (max(first, low), min(last, low + piece))
        for first, last in missing
        for low in range(first - first % piece, last, piece)
    ]
    return sorted([*pieces, *(tasks.span_of(path) for path in used)]) if force else pieces


def _run_and_save(
    batch: tasks.Batch,
    span: tuple[int, int],
    names: frozenset[str],
    folder: Path,
    place: Mapping[str, Any],
    advance: Callable[[int, str], None],
) -> None:
    began = datetime.datetime.now(datetime.UTC)
    clock = time.perf_counter()
    traces = runner.run_batch(batch, span, advance)
    origin: dict[str, Any] = {
        **place,
        "began": began.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock, 3),
        "cells in this batch": len(batch.tasks),
    }
    for task, trace in zip(batch.tasks, traces, strict=True):
        if task.name not in names:
            continue
        data = task.settled.problem.digest
        certificate = task.settled.problem.certificate
        records.save_trace(folder, task.name, trace, {**origin, "data": data, "certificate": certificate})


def _collect(plan: Sequence[tasks.Batch], seeds: int, folder: Path) -> dict[int, list[Path]]:
    """For each cell that is complete, its task files."""
    found: dict[int, list[Path]] = {}
    for batch in plan:
        for task in batch.tasks:
            used, missing = tasks.cover(folder, task.name, seeds if batch.random else 1)
            if not missing:
                found[task.index] = used
    return found


def _index(
    experiment: Experiment,
    grid: Sequence[Cell],
    found: Mapping[int, Sequence[Path]],
    settled: Sequence[settle.Settled],
) -> dict[str, Any]:
    """What `judge` and `plot` need besides the task files: the spec, and which files belong to which cell."""
    together = [[index for index in group if index in found] for group in groups(grid)]
    return {
        "schema": store.SCHEMA,
        "spec": store.digest(experiment.to_json()),
        "data": store.digest(sorted({each.problem.digest for each in settled})),
        "experiment": experiment.to_json(),
        "kind": docket.kind_of(experiment),
        "figures": {"kinds": list(experiment.figures), "x": experiment.x},
        "about": {"hypothesis": experiment.hypothesis, "lesson": experiment.lesson},
        "cells": [
            {
                "label": cell.label,
                "facts": dict(cell.facts),
                "seeds": experiment.seeds if each.random else 1,
                "tasks": [path.name for path in found.get(index, ())],
            }
            for index, (cell, each) in enumerate(zip(grid, settled, strict=True))
        ],
        "groups": [group for group in together if group],
        "files": [],
    }
