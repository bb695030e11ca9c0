"""What a batch takes of memory, told before its first step: the data once, and for each run its states and its points.

The same numbers cut an experiment into batches, by a rule that the experiment alone decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from convlab.core import memory
from convlab.core.errors import ConvlabError
from convlab.core.problem import Problem
from convlab.lab.measure import CHUNK
from convlab.lab.settle import Settled

_STATES = 8  # vectors like θ that a run may hold: θ, its update, the optimizer's, the outputs' and the oracle's
_MEASURED = 4  # quantities of a point that are kept
_TEMPORARIES = 6  # arrays of the size of a chunk that live at once while points are measured
_SHARED = ("data", "measurements")  # by all batches
_SHOWN = 0.01  # shares of less are not worth a word
_INSTEAD = {
    "data": "fewer rows or columns",
    "points": "fewer checkpoints or outputs",
    "states": "a problem of fewer parameters",
    "samples": "a smaller batch of rows",
    "Hessians": "an optimizer that forms no Hessian (newton with solver = 'cg')",
    "measuring": "fewer rows",
    "measurements": "fewer seeds, step sizes or checkpoints",
}


class Run(NamedTuple):
    """How many numbers of 8 bytes one run takes; those drawn, and the rows gathered, belong to its seed."""

    points: int
    states: int
    drawn: int
    rows: int
    hessians: int


class Need(NamedTuple):
    """Bytes, by what they are for: of a batch, and of what is held until the experiment ends."""

    parts: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.parts.values())

    def fit(self, there: int | None) -> int:
        """How many batches like this one have room at once, one at least: data and measurements are shared."""
        alone = self.total - self.times(0).total
        return 1 if there is None else max(1, int(0.8 * (there - self.total + alone) / max(1, alone)))

    def times(self, count: int) -> Need:
        """What ``count`` such batches need at once."""
        return Need({name: size * (1 if name in _SHARED else count) for name, size in self.parts.items()})

    def __str__(self) -> str:
        shares = sorted(self.parts.items(), key=lambda part: -part[1])
        told = ", ".join(f"{memory.words(size)} {name}" for name, size in shares if size >= _SHOWN * self.total)
        return f"{memory.words(self.total)}: {told}"


def of_run(settled: Settled) -> Run:
    """What one run of a cell takes, its rows counted as if they were its own."""
    problem, cell = settled.problem, settled.cell
    dimension = _dimension(problem)
    key = jax.eval_shape(lambda: jax.random.key(0, impl="threefry2x32"))  # a shape is enough: nothing is compiled
    drawn = jax.eval_shape(settled.oracle.draw, problem, settled.oracle.constants, key, np.int64(0))
    exact = "exact oracle" in settled.setting.traits
    newton, by_products = (name in settled.setting.traits for name in ("Newton step", "inexact Newton step"))
    vectors = 4 * (max(problem.rows, 1) + dimension) if by_products else 0  # of a search that forms no matrix
    return Run(
        points=dimension * len(cell.checkpoints) * len(cell.outputs),
        states=dimension * _STATES,
        drawn=sum(int(leaf.size) * leaf.dtype.itemsize // 8 for leaf in jax.tree.leaves(drawn)),
        rows=int(settled.oracle.rows_per_step(problem)) * (1 if exact else dimension),
        hessians=max(problem.rows, 1) * dimension + 3 * dimension**2 if newton else vectors,
    )


def of_batch(settled: Settled, hyperparameters: int, seeds: int, kept: int) -> Need:
    """What a batch of seeds × hyperparameters takes at once, while the measurements of ``kept`` runs are held."""
    run, cell, problem = of_run(settled), settled.cell, settled.problem
    runs, whose = hyperparameters * seeds, seeds if settled.random else hyperparameters
    points = run.points * runs
    each = max(problem.rows, _dimension(problem), 1)
    numbers = {
        "points": points * (3 if cell.models else 1),  # a quadratic model is of two points, which are gathered
        "states": run.states * runs,
        "samples": (run.drawn + run.rows) * whose,
        "Hessians": run.hessians * runs,
        "measuring": _TEMPORARIES * min(max(CHUNK, 4 * each), each * len(cell.checkpoints) * runs),
        "measurements": _MEASURED * kept * len(cell.checkpoints) * len(cell.outputs),
    }
    return Need({"data": _of_data(problem, cell.dtype), **{name: 8 * size for name, size in numbers.items()}})


def _dimension(problem: Problem) -> int:
    return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(problem.theta0))


def _held(problem: Problem) -> int:
    return sum(int(np.asarray(leaf).nbytes) for leaf in jax.tree.leaves((problem.data, problem.constants)))


def _of_data(problem: Problem, dtype: str) -> int:
    """The data's bytes, one copy for all, and another one in single precision where that is run."""
    return _held(problem) + (_held(problem) // 2 if dtype == "float32" else 0)


def room(problem: Problem, device: jax.Device) -> int | None:
    """Bytes for a batch where it runs, None if unknown: on the machine, where the data are in place already, or on a
    device with a memory of its own."""
    if device.platform == "cpu":
        free = memory.free()
        return None if free is None else free + _held(problem)
    stats: dict[str, Any] = device.memory_stats() or {}
    if not {"bytes_limit", "bytes_in_use"} <= stats.keys():
        return None
    return int(stats["bytes_limit"]) - int(stats["bytes_in_use"])


def require_room(need: Need, there: int | None, label: str) -> None:
    """Raise before the first step where a batch would not fit, with the figures and what to change."""
    if there is not None and need.total > there:
        worst = max(need.parts, key=lambda name: need.parts[name])
        raise ConvlabError(
            f"{label}: does not fit into memory. It needs {need}; "
            f"{memory.words(there)} are there for it. Choose {_INSTEAD[worst]}"
        )
