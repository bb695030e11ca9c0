"""What is asked of a function: its values at x ± h v for directions v, and what autodiff says of it along them.

Everything is flattened: x to n numbers, f(x) to m. Steps and directions have few digits, so that x + h v is computed
exactly but for the smallest steps: a rounded point would be a rounded h. Yet steps are no powers of 2: a sum such as
1e8 + x in f would round them all in the same way, and hide how f rounds.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from convlab.calculus.inputs import Function

OUTPUTS = 256  # more outputs than that are looked at in so many sums of them, with random signs
_ROOM = 2**22  # numbers that one call of f's program may hold
_ROWS = 8  # random rows of the Jacobian, where all of them would not fit


class Layout(NamedTuple):
    """How a flat vector becomes f's argument, and how many numbers f returns."""

    structure: Any
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    outputs: int

    @property
    def folded(self) -> int:
        return min(self.outputs, OUTPUTS)


@dataclass(frozen=True)
class Samples:
    """f at x, m, and at x ± h v, d × K × m; ``unit`` is the unit roundoff of f's arithmetic."""

    h: np.ndarray
    directions: np.ndarray
    middle: np.ndarray
    right: np.ndarray
    left: np.ndarray
    unit: float


@dataclass(frozen=True)
class Claims:
    """The Jacobian as autodiff has it: J v by forward mode, d × m, and the rows uᵀJ of reverse mode, times v, d × r.

    ``rows`` is U, r × m; None where it is the identity. A mode that raised has None and its error.
    """

    forward: np.ndarray | None
    reverse: np.ndarray | None
    rows: np.ndarray | None
    forward_error: Exception | None = None
    reverse_error: Exception | None = None


def flatten(x: Any, outputs: int) -> tuple[np.ndarray, Layout]:
    leaves, structure = jax.tree.flatten(x)
    flat = np.concatenate([np.asarray(leaf, np.float64).reshape(-1) for leaf in leaves])
    return flat, Layout(
        structure, tuple(leaf.shape for leaf in leaves), tuple(str(leaf.dtype) for leaf in leaves), outputs
    )


def unit_roundoff(*trees: Any) -> float:
    """That of the coarsest arithmetic among the arrays."""
    return max(float(np.finfo(leaf.dtype).eps) for leaf in jax.tree.leaves(trees)) / 2


def choose(x: np.ndarray, count: int, seed: int, coordinates: bool) -> tuple[np.ndarray, np.ndarray]:
    """Directions, d × n: the coordinates where ``coordinates``, then ``count`` random ones and the mean of two of them;
    and the relations between them, c × d: those combinations of directions that are 0.

    Each input moves by its own scale, the power of 2 that is nearest to it, or for 0 to the largest input, or 1. The
    entries of a random direction are eighths of that.
    """
    n = x.size
    generator = np.random.default_rng(seed)
    count = count if n > 1 else 0
    free = generator.integers(1, 9, (count, n)) / 8 * generator.choice([-1.0, 1.0], (count, n))
    mean = (free[:1] + free[1:2]) / 2 if count > 1 else free[:0]
    found = np.concatenate([np.eye(n if coordinates else 0, n), free, mean])
    if coordinates:
        relations = np.concatenate([-found[n:], np.eye(len(found) - n)], axis=1)
    else:
        relations = np.concatenate([np.eye(1, len(free)) + np.eye(1, len(free), 1), [[-2.0]]], axis=1)[: len(mean)]
    return found * _power_of_two(x), relations


def steps(unit: float, largest: int = -4, smallest: int = 0) -> np.ndarray:
    """1.6 times powers of 2, from 2^largest down to 2^smallest; by default from 0.1 to 16 times what x still feels."""
    digits = 51 / 32 if unit > 1e-10 else 1657 / 1024
    return digits * 2.0 ** np.arange(largest, (smallest or round(math.log2(unit)) + 5) - 1, -1)


def sample(
    values: Callable[[np.ndarray], np.ndarray], x: np.ndarray, directions: np.ndarray, h: np.ndarray, unit: float
) -> Samples:
    """``values`` takes points, N × n, and returns f at them, N × m; it is called with parts that fit into memory."""
    signed = np.concatenate([h, -h])
    count, size = len(directions) * len(signed), max(128, _ROOM // x.size)
    parts = [np.asarray(values(x[None]), np.float64)]
    for first in range(0, count, size):
        which, step = np.divmod(np.arange(first, min(first + size, count)), len(signed))
        parts.append(np.asarray(values(x + signed[step, None] * directions[which]), np.float64))
    found = np.concatenate(parts)
    both = found[1:].reshape(len(directions), len(signed), -1)
    return Samples(h, directions, found[0], both[:, : len(h)], both[:, len(h) :], unit)


def values_of(f: Function, layout: Layout) -> Callable[[np.ndarray], np.ndarray]:
    """f as `sample` asks for it, compiled once for f and called in batches of one size."""

    def values(points: np.ndarray) -> np.ndarray:
        size = max(1, min(128, _ROOM // (points.shape[1] + layout.outputs)))
        count = -(-len(points) // size)
        padded = np.concatenate([points, np.repeat(points[:1], count * size - len(points), axis=0)])
        parts = [_mapped(_values, f, layout, padded[i * size : (i + 1) * size]) for i in range(count)]
        return np.concatenate(parts)[: len(points)]

    return values


def claims_of(f: Function, layout: Layout, x: np.ndarray, directions: np.ndarray) -> Claims:
    """Both modes of autodiff at x; a mode that raises is told, whatever it raises."""
    found: dict[str, Any] = {"forward": None, "reverse": None, "rows": None}
    try:
        found["forward"] = _mapped(_forward, f, layout, directions, x)
    except Exception as error:  # a custom rule may raise anything
        found["forward_error"] = error
    if layout.folded * x.size > _ROOM:
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (_ROWS, layout.folded))
        found["rows"] = signs
    try:
        rows = np.eye(layout.folded) if found["rows"] is None else found["rows"]
        found["reverse"] = directions @ _mapped(_reverse, f, layout, rows, x).T
    except Exception as error:
        found["reverse_error"] = error
    return Claims(**found)


def argument(layout: Layout, flat: Any) -> Any:
    """f's argument, of a flat vector."""
    ends = np.cumsum([math.prod(shape) for shape in layout.shapes])[:-1]
    parts = zip(jnp.split(flat, ends), layout.shapes, layout.dtypes, strict=True)
    leaves = [part.reshape(shape).astype(_like(part, dtype)) for part, shape, dtype in parts]
    return jax.tree.unflatten(layout.structure, leaves)


def flat_values(f: Function, layout: Layout, flat: Any) -> Any:
    """f(x) as one vector of at most OUTPUTS numbers."""
    leaves = [jnp.reshape(leaf, (-1,)) for leaf in jax.tree.leaves(f(argument(layout, flat)))]
    dtype = jnp.result_type(*leaves)
    found = jnp.concatenate([leaf.astype(dtype) for leaf in leaves])
    if layout.outputs == layout.folded:
        return found
    signs = np.random.default_rng(0).choice([-1.0, 1.0], layout.outputs)
    groups = np.arange(layout.outputs) % layout.folded
    return jax.ops.segment_sum(found * jnp.asarray(signs, dtype), groups, layout.folded)


def complex_values(f: Function, layout: Layout, point: np.ndarray) -> np.ndarray:
    """f at a complex point, n; the caller looks at whether the result is complex at all."""
    return np.asarray(_complex_values(f, layout, jnp.asarray(point, _complex(_dtype(layout)))))


def _mapped(program: Any, f: Function, layout: Layout, rows: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    """``program`` on each row, vectorised; one by one where something in f has no rule for that."""
    arguments = [jnp.asarray(each, _dtype(layout)) for each in (rows, *rest)]
    try:
        return np.asarray(program(f, layout, True, *arguments), np.float64)
    except Exception:  # whatever f raises: it raises it again, or maps one by one
        return np.asarray(program(f, layout, False, *arguments), np.float64)


def _each(function: Callable[[Any], Any], rows: Any, together: bool) -> Any:
    return jax.vmap(function)(rows) if together else jax.lax.map(function, rows)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _values(f: Function, layout: Layout, together: bool, points: Any) -> Any:
    return _each(lambda point: flat_values(f, layout, point), points, together)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _complex_values(f: Function, layout: Layout, point: Any) -> Any:
    return flat_values(f, layout, point)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _forward(f: Function, layout: Layout, together: bool, directions: Any, x: Any) -> Any:
    flat = functools.partial(flat_values, f, layout)
    return _each(lambda v: jax.jvp(flat, (x,), (v,))[1], directions, together)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _reverse(f: Function, layout: Layout, together: bool, rows: Any, x: Any) -> Any:
    value, pull = jax.vjp(functools.partial(flat_values, f, layout), x)
    return _each(lambda u: pull(u.astype(value.dtype))[0], rows, together)


def _dtype(layout: Layout) -> Any:
    """The widest of the argument's types."""
    return max((jnp.dtype(dtype) for dtype in layout.dtypes), key=lambda dtype: dtype.itemsize)


def _like(part: Any, dtype: str) -> Any:
    """The leaf's own type; for complex points its complex one."""
    return dtype if not jnp.iscomplexobj(part) else _complex(jnp.dtype(dtype))


def _complex(dtype: Any) -> Any:
    return jnp.complex128 if dtype.itemsize == 8 else jnp.complex64


def _power_of_two(x: np.ndarray) -> np.ndarray:
    largest = float(np.max(np.abs(x), initial=0.0)) or 1.0
    size = np.where(x == 0, largest, np.abs(x))
    return 2.0 ** np.clip(np.round(np.log2(size)), -900, 900)
