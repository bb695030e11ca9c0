"""What entries of f(x) and x, and directions, are called in sentences."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

from convlab.calculus._check_samples import OUTPUTS

Shape = tuple[int, ...]


class Names:
    """Names of outputs, inputs and directions; x and out are the trees, or None where only their sizes are known."""

    def __init__(self, x: Any, out: Any, directions: np.ndarray) -> None:
        self.inputs, self._outputs = names_of("x", x), [] if out is None else names_of("f", out)
        self._vector = len(jax.tree.leaves(x)) == 1 and np.ndim(jax.tree.leaves(x)[0]) == 1
        self._directions = directions

    def length(self, d: int) -> float:
        """‖v‖, without overflow."""
        v = self._directions[d]
        largest = float(np.abs(v).max())
        return largest * float(np.linalg.norm(v / largest))

    def output(self, i: int) -> str:
        if len(self._outputs) > OUTPUTS:
            return f"(signed sum {i} of f)"
        return self._outputs[i] if self._outputs else f"f[{i}]"

    def coordinate(self, d: int) -> int | None:
        """Which input alone moves along the d-th direction."""
        moving = np.flatnonzero(self._directions[d])
        return int(moving[0]) if moving.size == 1 else None

    def along(self, d: int) -> str:
        """e_1 of a number, e_2 and x[1] of a vector; a random direction by its unit vector."""
        j = self.coordinate(d)
        if j is None and len(self.inputs) > 4:
            return f"random direction {d + 1}"
        if j is None:
            return "(" + ", ".join(f"{each:.3g}" for each in self._directions[d] / self.length(d)) + ")"
        if self.inputs == ["x"]:
            return "e_1"
        return f"e_{j + 1} (that is {self.inputs[j]})" if self._vector else self.inputs[j]

    def entry(self, at: tuple[int, int]) -> str:
        """∂f[i]/∂x[j], or the derivative of f[i] along a direction."""
        d, i = at
        j = self.coordinate(d)
        if j is None:
            return f"the derivative of {self.output(i)} along {self.along(d)}"
        if self.inputs == ["x"]:
            return f"d{self.output(i)}/dx"
        return f"∂{self.output(i)}/∂{self.inputs[j]}"


def names_of(letter: str, tree: Any) -> list[str]:
    """Every entry of a tree of arrays, in flat order.

    >>> names_of("x", np.zeros(2)), names_of("x", {"a": np.zeros(())})
    (['x[0]', 'x[1]'], ["x['a']"])
    """
    found = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        start, shape = letter + jax.tree_util.keystr(path), np.shape(leaf)
        found += [entry_of(start, i, shape) for i in range(math.prod(shape))]
    return found


def entry_of(letter: str, index: int, shape: Shape) -> str:
    """f, f[2] or f[0, 1]: the index-th entry, in row-major order, of an array of that shape."""
    if shape == ():
        return letter
    return f"{letter}[{', '.join(str(int(i)) for i in np.unravel_index(index, shape))}]"
