"""What `minimize` returns: the point, how the run ended, and what was recorded on the way."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from convlab.lab import display

RUNNING, ALL_STEPS, REACHED, VALUE_NOT_FINITE, GRADIENT_NOT_FINITE = range(5)  # how a run ended


@functools.partial(jax.tree_util.register_dataclass, data_fields=["t", "value", "grad_norm", "x"], meta_fields=[])
@dataclass(frozen=True, eq=False)
class History:
    """f(x_t) and ‖∇f(x_t)‖ at the recorded t; with ``keep_points`` the points too, stacked along their first axis.

    Of a run that ended early inside jit or vmap the lengths are those of all steps: NaN where the run had ended.
    """

    t: Any
    value: Any
    grad_norm: Any
    x: Any = None

    def __repr__(self) -> str:
        points = ", x" if self.x is not None else ""
        return f"History of {np.shape(self.t)[-1]} points: t, value, grad_norm{points}"


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["x", "value", "grad_norm", "steps", "code", "tolerance", "history"],
    meta_fields=[],
)
@dataclass(frozen=True, eq=False, repr=False)
class Solution:
    """Where a run ended: a pytree, so that it may leave jit and vmap; its words need concrete arrays.

    ``x`` is the point, ``value`` f(x), ``grad_norm`` ‖∇f(x)‖, ``steps`` how many were taken. ``tolerance`` is negative
    where none was given. Of a batch, as vmap makes it, ``jax.tree.map(lambda leaf: leaf[i], solution)`` is one run.
    """

    x: Any
    value: Any
    grad_norm: Any
    steps: Any
    code: Any
    tolerance: Any
    history: History

    @property
    def converged(self) -> Any:
        """Whether the gradient norm reached the tolerance: a bool, or an array of them for a batch."""
        return bool(self.code == REACHED) if self._is_one else self.code == REACHED

    @property
    def status(self) -> str:
        """How the run ended, in words; of a batch, how many ended in which way."""
        if not self._is_concrete:
            return "traced: known once the result has left jit and vmap"
        if self._is_one:
            return self._words()
        counts = [(int(np.sum(np.asarray(self.code) == code)), words) for code, words in _OF_A_BATCH.items()]
        return f"{np.size(self.code)} runs: " + ", ".join(f"{n} {words}" for n, words in counts if n)

    def _words(self) -> str:
        code, steps, norm = int(self.code), int(self.steps), display.short(float(self.grad_norm))
        after = f"after step {steps}" if steps else "at x0"
        tolerance = float(self.tolerance)
        if code == REACHED:
            taken = f"after {steps} step{'' if steps == 1 else 's'}" if steps else "at x0"
            return f"gradient norm {norm} reached the tolerance {display.short(tolerance)} {taken}"
        if code != ALL_STEPS:
            return f"diverged: the {'value' if code == VALUE_NOT_FINITE else 'gradient'} is not finite {after}"
        missed = f"; gradient norm {norm} is above the tolerance {display.short(tolerance)}" if tolerance >= 0 else ""
        return f"took {f'all {steps} steps' if steps > 1 else 'its one step'}{missed}"

    def to_pandas(self) -> Any:
        """The history as a data frame with the columns t, value, grad_norm. Needs pandas."""
        history = self._trimmed("to_pandas").history
        columns = {name: np.asarray(getattr(history, name)) for name in ("t", "value", "grad_norm")}
        # pandas knows no bfloat16
        return display.frame({name: _wide(array) for name, array in columns.items()})

    def plot(self) -> Any:
        """A matplotlib Figure of value and gradient norm over the steps; nothing of pyplot is touched."""
        from convlab.plots import _history

        history = self._trimmed("plot").history
        tolerance = float(self.tolerance)
        arrays = (np.asarray(history.t), _wide(np.asarray(history.value)), _wide(np.asarray(history.grad_norm)))
        return display.shown(_history.draw(*arrays, self.status, tolerance if tolerance > 0 else None))

    def __repr__(self) -> str:
        if not self._is_one:
            return f"Solution({self.status})"
        return "\n".join([f"Solution: {self.status}", *(f"  {name}: {text}" for name, text in self._rows())])

    def _repr_html_(self) -> str:
        rows = self._rows() if self._is_one else []
        return display.table([], [("status", self.status), *rows])

    def _rows(self) -> list[tuple[str, str]]:
        x = np.array2string(np.asarray(self.x), threshold=8) if hasattr(self.x, "shape") else _shapes(self.x)
        numbers = (("value", self.value), ("gradient norm", self.grad_norm))
        texts = ((name, np.array2string(_wide(np.asarray(value)))) for name, value in numbers)
        return [("x", x), *texts, ("steps", str(int(self.steps)))]

    @property
    def _is_concrete(self) -> bool:
        return not isinstance(self.code, jax.core.Tracer)

    @property
    def _is_one(self) -> bool:
        return self._is_concrete and np.ndim(self.code) == 0

    def _trimmed(self, wanted: str) -> Solution:
        if not self._is_one:
            raise ValueError(f"{wanted} is of one run; of a batch: jax.tree.map(lambda leaf: leaf[i], solution)")
        return trimmed(self)


def trimmed(solution: Solution) -> Solution:
    """The solution of one concrete run, its history without what lies beyond the steps that were taken."""
    history = solution.history
    count = int(np.searchsorted(np.asarray(history.t), int(solution.steps))) + 1
    if count >= history.t.shape[0]:
        return solution
    return replace(solution, history=jax.tree.map(lambda leaf: leaf[:count], history))


def _wide(array: np.ndarray) -> np.ndarray:
    return array if array.dtype.kind in "iuf" and array.dtype.itemsize >= 4 else array.astype(np.float32)


def _shapes(tree: Any) -> str:
    leaves, structure = jax.tree.flatten(tree)
    return str(jax.tree.unflatten(structure, [f"{leaf.dtype}{list(leaf.shape)}" for leaf in leaves]))


_OF_A_BATCH = {
    REACHED: "reached the tolerance",
    ALL_STEPS: "took all steps",
    VALUE_NOT_FINITE: "diverged (the value is not finite)",
    GRADIENT_NOT_FINITE: "diverged (the gradient is not finite)",
}
