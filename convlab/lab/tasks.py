"""Tasks: which cells run together, what a task is called, and which seeds of it are already on disk."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from convlab.lab import catalog, environment, needs, store
from convlab.lab.grid import Cell
from convlab.lab.settle import Settled
from convlab.lab.spec import EXACT, output_parts

# Runs of one batch: on a CPU the time per run is flat from 16 to 4096; on an H200 it falls up to 10⁵ and more.
_MOST_RUNS = {"cpu": 4096, "gpu": 1 << 17}
LONG = 10**7  # steps × runs × weight from which on the other cores are worth a start
_SHORT = LONG // 8  # below that a piece is not worth a start of its own
_LIGHT = 128  # numbers of rows that cost a step as much as all the rest of it
_SEEDS = 16  # seeds that a full batch has room for, at least
_CACHE = {"cpu": 1 << 19}  # bytes that a step should touch: beyond the cache it takes up to 3.5 times as long
_MEMORY = {"cpu": 1 << 29, "gpu": 1 << 31}  # bytes that a batch may take for its points and states


@dataclass(frozen=True)
class Task:
    """One cell within its batch. ``name`` is a hash of all that decides its numbers, seeds apart."""

    index: int  # among the experiment's cells
    settled: Settled
    name: str


@dataclass(frozen=True)
class Batch:
    """Cells that run as one compiled program: they differ in real hyperparameters only."""

    tasks: tuple[Task, ...]
    most_seeds: int  # seeds at once, by memory
    cores: int = 1  # batches that run side by side, which a long one is cut for
    near_seeds: int | None = None  # seeds of which a step stays in the processor's cache; None where that is no matter

    @property
    def first(self) -> Settled:
        return self.tasks[0].settled

    @property
    def random(self) -> bool:
        return self.first.random

    @property
    def weight(self) -> float:
        """What a step of a run costs, in steps that look at a row of a few numbers."""
        problem = self.first.problem
        rows = self.first.oracle.rows_per_step(problem) if self.random else 0.0
        return 1.0 + rows * sum(np.size(leaf) for leaf in jax.tree.leaves(problem.theta0)) / _LIGHT

    def piece(self, seeds: int) -> int:
        """How many of ``seeds`` run as one program: all that memory allows, and of a long run a share for each core, or
        what stays in the cache, if each is worth a start of its own.

        The shares are equal where that can be, so that they are one program.
        """
        if not self.random:
            return self.most_seeds
        effort = len(self.tasks) * seeds * self.first.cell.horizon * self.weight
        cores = self.cores if effort >= LONG else 1
        near = min(self.most_seeds, self.near_seeds or self.most_seeds)
        worth = int(effort / _SHORT)  # pieces, at most
        least = min(-(-seeds // near), worth)
        if near < self.most_seeds and least > cores:
            equal = [k for k in range(least, min(2 * least - 1, worth) + 1) if seeds % k == 0 and k % cores == 0]
            count = equal[0] if equal else min(worth, least + -least % cores)  # each core as many, else
            return min(self.most_seeds, -(-seeds // count))
        shares = [k for k in range(2, cores + 1) if seeds % k == 0 and seeds >= k * _SEEDS]
        return min(self.most_seeds, seeds // shares[-1]) if shares else self.most_seeds


def batches(settled: Sequence[Settled], device: str) -> list[Batch]:
    """The batches of an experiment, cut by a rule that the experiment alone decides."""
    together: dict[Any, list[int]] = {}
    for index, each in enumerate(settled):
        cell = each.cell
        same = (cell.horizon, cell.checkpoints, cell.dtype, cell.models, cell.noise, cell.expectation)
        key = (id(each.problem), repr(cell.oracle), each.program, *same)
        together.setdefault(key, []).append(index)
    found = []
    for indices in together.values():
        exact = not settled[indices[0]].random
        runs = _most_runs(settled[indices[0]], device)
        wide = max(1, runs // (1 if exact else _SEEDS))  # not by the seeds asked for: more of them extend a run
        for low in range(0, len(indices), wide):
            chunk = indices[low : low + wide]
            made_of = [settled[index].cell.to_json() for index in chunk]
            names = {index: _name(settled[index], made_of, device) for index in chunk}
            tasks = tuple(Task(index, settled[index], names[index]) for index in chunk)
            cores = environment.threads() if device == "cpu" else 1
            near = _near(settled[chunk[0]], len(chunk), device)
            found.append(Batch(tasks, max(1, runs // len(chunk)), cores, near))
    return found


def _near(settled: Settled, hyperparameters: int, device: str) -> int | None:
    """How many seeds a step may have before it leaves the cache: the rows that each gathers, and two vectors a run."""
    rows = settled.oracle.rows_per_step(settled.problem)
    if not settled.random or device not in _CACHE or rows >= max(settled.problem.rows, 1):  # all rows: none is gathered
        return None
    d = sum(int(np.size(leaf)) for leaf in jax.tree.leaves(settled.problem.theta0))
    numbers = d * (rows + 2 * hyperparameters)
    return max(_SEEDS, int(_CACHE[device] / (8 * numbers)))


def _most_runs(settled: Settled, device: str) -> int:
    kind = device if device in _MEMORY else "cpu"
    return max(1, min(_MOST_RUNS[kind], _MEMORY[kind] // (8 * sum(needs.of_run(settled)))))


def _name(settled: Settled, made_of: list[dict[str, Any]], device: str) -> str:
    cell = settled.cell
    names = {"problems": cell.problem.name, "oracles": cell.oracle.name, "optimizers": cell.optimizer.name}
    return store.digest(
        {
            "schema": store.SCHEMA,
            "cell": cell.to_json(),
            "batch": made_of,
            "data": settled.problem.digest,
            "device": device,
            "threads": environment.threads(),
            "versions": environment.versions(),
            "sources": _sources(names, cell),
        }
    )


def _sources(names: Mapping[str, str], cell: Cell) -> str:
    """A hash of the source of what computes: the loop, the measuring, the plug-ins and what their folders share."""
    root = catalog.PACKAGE
    lab = ["loop", "program", "measure", "runner", "settle", "building", "grid"]
    lab += ["floors", "final_floors", "rounding", "uncertainty"]
    paths = {root / "lab" / f"{name}.py" for name in lab}
    paths |= {root / "lab" / "quadratic_model.py"} if cell.models else set()
    paths |= {root / "lab" / "noise.py"} if cell.noise else set()
    paths |= {root / "lab" / "moments.py"} if cell.expectation == EXACT else set()
    calculus = ("inputs", "derivatives", "directional", "remainder", "linear_part", "_weighted_gram", "_programs")
    paths |= {root / "calculus" / f"{name}.py" for name in calculus}
    paths |= {root / "core" / f"{name}.py" for name in ("expression", "optimizer", "oracle", "output", "problem")}
    paths |= {root / "outputs" / f"{output_parts(name)[0]}.py" for name in cell.outputs}
    paths |= set((root / "outputs").glob("_*.py"))
    for kind, name in names.items():
        paths |= {root / kind / f"{name}.py", *(root / kind).glob("_*.py")}
        if ":" in name:
            paths.add(Path(str(catalog.CATALOG.load_module(kind, name, allow_code=True).__file__)))
    sha = hashlib.sha256()
    for path in sorted(paths):
        if path.is_file():
            sha.update(f"{path.name}:{_source(path)};".encode())
    return sha.hexdigest()


@functools.cache
def _source(path: Path) -> str:
    """A hash of a file as this process first saw it: a file that is edited after its import computes as it was."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def span_of(path: Path) -> tuple[int, int]:
    """The seeds [first, last) of a task file, from its name."""
    first, _, last = path.stem.rpartition("-s")[2].partition("-")
    return int(first), int(last)


def cover(folder: Path, name: str, seeds: int) -> tuple[list[Path], list[tuple[int, int]]]:
    """The intact files that hold the seeds 0 … seeds − 1 of a task, and the ranges [first, last) still missing."""
    found = store.finished(folder, name)
    used: list[Path] = []
    missing: list[tuple[int, int]] = []
    at = 0
    while at < seeds:
        around = [span for span in found if span[0] <= at < span[1]]
        if around:
            span = max(around, key=lambda each: each[1])
            used.append(found[span])
            at = span[1]
            continue
        following = min((span[0] for span in found if span[0] > at), default=seeds)
        missing.append((at, min(following, seeds)))
        at = missing[-1][1]
    return used, missing
