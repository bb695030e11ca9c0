"""What is wrong with a derivative, found by comparing it with the true one: A = c·J, A = Jᵀ, permuted, in part, …"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

Shape = tuple[int, ...]
_MOST = 64  # rows or columns that are looked through for a permutation
_LISTED = 3


class Side(NamedTuple):
    """The outputs or the inputs: the names of their entries, and their shape; ``what`` is "output" or "input"."""

    what: str
    names: Sequence[str]
    shape: Shape


class Compared(NamedTuple):
    """A = ``wrong`` against J = ``true``, m × n, with what they may differ by: rows are outputs, columns inputs."""

    wrong: np.ndarray
    true: np.ndarray
    tolerance: np.ndarray

    def turned(self) -> Compared:
        return Compared(self.wrong.T, self.true.T, self.tolerance.T)

    def like(self, rows: np.ndarray | slice, columns: np.ndarray | slice, factor: float = 1.0) -> bool:
        """Whether A is J with these rows and columns, times a factor."""
        true, tolerance = self.true[rows][:, columns], self.tolerance[rows][:, columns]
        return bool(
            np.all(np.abs(self.wrong - factor * true) <= abs(factor) * tolerance + 1e-9 * np.abs(factor * true))
        )


def explain(found: Compared, outputs: Side, inputs: Side | None) -> str:
    """A sentence's end on A, given J; "" where nothing simple is found. ``inputs`` is None where the columns are
    directions that were looked along, and not the inputs."""
    if not np.isfinite(found.wrong).all():
        return _of_infinities(found.wrong)
    if not found.wrong.any():
        return "it is zero although f changes (a stop_gradient, or a part that is detached?)"
    told = _factor(found)
    if not told and inputs is not None:
        told = _transposed(found, outputs, inputs)
    told = told or _permuted(found, outputs)
    if not told and inputs is not None:
        told = _permuted(found.turned(), inputs)
    return told or _in_part(found, outputs, inputs) or _factors(found, outputs, inputs)


def _of_infinities(wrong: np.ndarray) -> str:
    what = "NaN" if np.isnan(wrong).any() else "infinite"
    return (
        f"it is {what} where f is smooth (does a rule overflow, or a branch of `where` that is not taken send back "
        "0·∞? give that branch a harmless argument)"
    )


def _factor(found: Compared) -> str:
    """One factor for all entries; named only where several entries share it, or where it is a plain fraction."""
    size = np.abs(found.true).max()
    if size == 0 or not math.isfinite(size):
        return ""
    J = found.true / size
    c = float(np.sum(found.wrong / size * J) / np.sum(J * J))
    if abs(c) < 1e-3 or not found.like(slice(None), slice(None), c):
        return ""
    if abs(c + 1) < 1e-6:
        return "it has the wrong sign"
    if abs(c - 1) < 1e-3:
        return f"it is off by a relative {c - 1:.1e}, everywhere"
    near = Fraction(c).limit_denominator(8)
    if abs(float(near) - c) <= 1e-6 * abs(c):
        return "it is half the true one" if near == Fraction(1, 2) else f"it is {near} times the true one"
    several = np.sum(np.abs(found.true) > 100 * found.tolerance) > 1
    return f"it is {c:.9g} times the true one, in every entry" if several else ""


def _transposed(found: Compared, outputs: Side, inputs: Side) -> str:
    m, n = found.true.shape
    if m == n > 1 and Compared(found.wrong, found.true.T, found.tolerance.T).like(slice(None), slice(None)):
        return "it is the transpose of the true Jacobian (outputs come first: J[i, j] = ∂f_i/∂x_j)"
    if _square(inputs.shape) and found.like(slice(None), np.arange(n).reshape(inputs.shape).T.reshape(-1)):
        return "the axes of x are swapped in it: it is the derivative with respect to xᵀ"
    if _square(outputs.shape) and found.like(np.arange(m).reshape(outputs.shape).T.reshape(-1), slice(None)):
        return "the axes of f(x) are swapped in it: it is the derivative of f(x)ᵀ"
    return ""


def _square(shape: Shape) -> bool:
    return len(shape) == 2 and shape[0] == shape[1] > 1


def _permuted(found: Compared, side: Side) -> str:
    """Whether the rows of A are those of J in another order."""
    if not 1 < len(found.true) <= _MOST:
        return ""
    free, order = list(range(len(found.true))), []
    for i, row in enumerate(found.wrong):
        one = Compared(row[None], found.true, found.tolerance)
        fits = [j for j in free if one.like(np.array([j]), slice(None))]
        if not fits:
            return ""
        order.append(i if i in fits else fits[0])
        free.remove(order[-1])
    moved = [i for i, j in enumerate(order) if i != j]
    if len(moved) == 2:
        return f"the {side.what}s {side.names[moved[0]]} and {side.names[moved[1]]} are swapped in it"
    first = moved[0]
    return f"its {side.what}s are permuted: in place of {side.names[first]} stands {side.names[order[first]]}"


def _in_part(found: Compared, outputs: Side, inputs: Side | None) -> str:
    """Which outputs, or inputs, are wrong where others are right; those of which there are fewer."""
    right = np.abs(found.wrong - found.true) <= found.tolerance
    sides = [(outputs, right.all(axis=1), found.wrong)]
    if inputs is not None:
        sides.append((inputs, right.all(axis=0), found.wrong.T))
    side, good, wrong = min(sides, key=lambda each: float(np.mean(~each[1])))
    bad = np.flatnonzero(~good)
    if bad.size == good.size:
        return ""
    if good.sum() == 1 and good.size > 2:
        at = int(np.flatnonzero(good)[0])
        return f"it is right at {f'the first {side.what}' if at == 0 else side.names[at]} only"
    zero = "" if wrong[bad].any() else ", and zero there"
    return f"it is wrong at {_listed(side, bad)} alone{zero}"


def _listed(side: Side, bad: np.ndarray) -> str:
    """The names of the entries, those of a whole array of a tree as that array's."""
    arrays = [name.rpartition("[")[0] or name for name in side.names]
    whole = {array for array in arrays if all(i in bad for i, other in enumerate(arrays) if other == array)}
    names = list(dict.fromkeys(arrays[i] if arrays[i] in whole else side.names[i] for i in bad))
    more = f" and {len(names) - _LISTED} more {side.what}s" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def _factors(found: Compared, outputs: Side, inputs: Side | None) -> str:
    """A factor for each output, or each input."""
    for side, part in ((outputs, found), (inputs, found.turned())):
        if side is None or min(part.true.shape) < 2:
            continue
        c = [float(a @ j / (j @ j)) if j.any() else 1.0 for a, j in zip(part.wrong, part.true, strict=True)]
        rows = [Compared(part.wrong[i : i + 1], part.true, part.tolerance) for i in range(len(c))]
        if all(row.like(np.array([i]), slice(None), c[i]) for i, row in enumerate(rows)):
            told = ", ".join(f"{each:.4g}" for each in c[:4]) + (", …" if len(c) > 4 else "")
            return f"each {side.what} has a factor of its own: {told}"
    return ""
