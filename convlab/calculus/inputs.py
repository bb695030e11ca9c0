"""What the functions of this package take, checked: one line names the argument, the shape it had, what it should have.

Checks look at shapes and dtypes, so that they cost nothing under `jit`; that f(x) is a number is looked at where x is
one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Function = Callable[[Any], Any]


class CalculusError(ValueError):
    """An argument that does not fit, told in one line: which, what it is, and what it should be."""


def point(where: str, x: Any, name: str = "x") -> Any:
    """x as a pytree of real floating-point arrays; a list or tuple of numbers is an array."""
    if isinstance(x, list | tuple) and x and all(_is_number(leaf) for leaf in jax.tree.leaves(x)):
        x = _array(where, name, x)
    leaves, structure = jax.tree_util.tree_flatten_with_path(x)
    if not leaves:
        raise CalculusError(f"{where}: {name} holds no array; an array of floating-point numbers is needed")
    arrays = [_leaf(where, name + jax.tree_util.keystr(path), leaf) for path, leaf in leaves]
    return jax.tree.unflatten(structure, arrays)


def array(
    where: str, value: Any, name: str, shape: tuple[int | None, ...] | None = None, some: bool = False
) -> jax.Array:
    """One real floating-point array, of the shape that is asked for (None: any length along that axis), which holds at
    least one number where ``some``."""
    found = _leaf(where, name, value)
    if some and not found.size:
        raise CalculusError(f"{where}: {name} of shape {found.shape} holds no number")
    if shape is not None and not _fits(found.shape, shape):
        raise CalculusError(f"{where}: {name} has shape {found.shape}; it should have {_written(shape)}")
    return found


def lengths(where: str, value: Any, name: str) -> tuple[int, ...]:
    """A shape: a tuple of whole numbers from 0 up."""
    if not isinstance(value, tuple | list) or not all(isinstance(n, int) and n >= 0 for n in value):
        raise CalculusError(f"{where}: {name} is {value!r}; it should be a shape, such as (3, 2)")
    return tuple(value)


def differentiated(where: str, derivative: Callable[..., Any], *arguments: Any) -> Any:
    """What a derivative of a user's function gives, or one line where jax has none: a custom_vjp has no forward mode, a
    loop of unknown length no reverse mode."""
    try:
        return derivative(*arguments)
    except CalculusError:
        raise
    except (TypeError, NotImplementedError, ValueError) as error:
        raise CalculusError(f"{where}: jax cannot differentiate f like that: {_told(error)}") from error


def whole(where: str, value: Any, name: str, least: int, most: int) -> int:
    """A whole number from ``least`` to ``most``."""
    try:
        number = least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        raise CalculusError(f"{where}: {name} is {kind(value)}; a whole number is needed") from None
    if not least <= number <= most:
        raise CalculusError(f"{where}: {name} = {value}; it should be a whole number from {least} to {most}")
    return number


def alike(where: str, value: Any, name: str, like: Any, of: str) -> Any:
    """``value`` as a pytree of the structure, shapes and dtypes of ``like``, which the line calls ``of``."""
    value = point(where, value, name)
    if str(jax.tree.structure(value)) != str(jax.tree.structure(like)):
        raise CalculusError(f"{where}: {name} is {shapes(value)}; it should be like {of}, {shapes(like)}")
    for (path, leaf), other in zip(jax.tree_util.tree_leaves_with_path(value), jax.tree.leaves(like), strict=True):
        if leaf.shape != other.shape:
            at = jax.tree_util.keystr(path)
            raise CalculusError(f"{where}: {name}{at} has shape {leaf.shape}; it should have {of}'s, {other.shape}")
    return jax.tree.map(lambda leaf, other: leaf.astype(other.dtype), value, like)


def output(where: str, f: Any, x: Any, *, scalar: str = "", single: bool = False, name: str = "f") -> Any:
    """The shapes of f(x), which are real floating-point arrays: one alone where ``single``, a number where ``scalar``.

    ``scalar`` says what to take of an array instead. Raises CalculusError where f fails, returns something else, or is
    NaN at x.
    """
    if not callable(f):
        raise CalculusError(f"{where}: {name} is {kind(f)}, not a function")
    raw: list[Any] = []

    def seen(point: Any) -> Any:
        raw.append(f(point))
        return raw[-1]

    try:
        out = jax.eval_shape(seen, x)
    except CalculusError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's function raises
        raise CalculusError(f"{where}: {name} fails at x, {shapes(x)}: {_told(error)}") from error
    paths = jax.tree_util.tree_leaves_with_path(raw[-1], is_leaf=lambda leaf: leaf is None)
    for path, leaf in paths:
        at = name + "(x)" + jax.tree_util.keystr(path)
        if isinstance(leaf, bool | int | float | complex) or leaf is None:
            what = "nothing, None" if leaf is None else f"a Python {type(leaf).__name__}"
            raise CalculusError(f"{where}: {at} is {what}; it should be a JAX array, computed from x with jax.numpy")
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            raise CalculusError(f"{where}: {at} is {leaf.dtype} of shape {leaf.shape}; it should be real numbers")
    if not paths or ((single or scalar) and (len(paths) > 1 or paths[0][0])):
        raise CalculusError(f"{where}: {name}(x) is {shapes(out)}; it should be one array")
    if scalar and out.shape != ():
        raise CalculusError(f"{where}: {name}(x) has shape {out.shape}; it should be a scalar, shape (): {scalar}")
    _refuse_nan(where, f, x, name)
    return out


def shapes(tree: Any) -> str:
    """A pytree in words: "of shape (3,)", or the shape of each of its arrays.

    >>> shapes(np.zeros(3)), shapes({"a": np.zeros(3), "b": np.zeros((2, 2))})
    ('of shape (3,)', "a tree of ['a'] (3,), ['b'] (2, 2)")
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    if len(leaves) == 1 and not leaves[0][0]:
        return f"of shape {np.shape(leaves[0][1])}"
    told = [f"{jax.tree_util.keystr(path)} {np.shape(leaf)}" for path, leaf in leaves[:6]]
    return "a tree of " + ", ".join(told) + (f" and {len(leaves) - 6} more" if len(leaves) > 6 else "")


def kind(value: Any) -> str:
    """What a value is, for an error line."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return f"the text '{value[:40]}'"
    if (name := getattr(value, "__name__", "")) and callable(value):
        return f"the function {name[:40]}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype} of shape {value.shape}"
    return f"a {type(value).__name__}"


def is_concrete(tree: Any) -> bool:
    """True where every leaf is a number, and none is traced."""
    return not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def _refuse_nan(where: str, f: Function, x: Any, name: str) -> None:
    if not is_concrete(x):
        return
    value = f(x)
    for path, leaf in jax.tree_util.tree_leaves_with_path(value):
        if is_concrete(leaf) and bool(jnp.isnan(leaf).any()):
            at = jax.tree_util.keystr(path)
            which = "" if leaf.shape == () else f" (in {int(jnp.isnan(leaf).sum())} of {leaf.size} entries)"
            raise CalculusError(f"{where}: {name}(x){at} is NaN{which}; x should lie where {name} is defined")


def _leaf(where: str, name: str, leaf: Any) -> jax.Array:
    found = _array(where, name, leaf)
    if not jnp.issubdtype(found.dtype, jnp.floating):
        hint = "write 1.0 for 1" if found.dtype.kind in "iub" else "split it into real and imaginary part"
        raise CalculusError(
            f"{where}: {name} is {found.dtype} of shape {found.shape}; it should be real floating point: {hint}"
        )
    return jnp.asarray(found, found.dtype)  # without a weak type


def _array(where: str, name: str, value: Any) -> jax.Array:
    try:
        return jnp.asarray(value)
    except (TypeError, ValueError):
        raise CalculusError(f"{where}: {name} is {kind(value)}; it should be an array of numbers") from None


def _is_number(leaf: Any) -> bool:
    return isinstance(leaf, int | float | np.floating | np.integer)


def _fits(shape: Sequence[int], wanted: Sequence[int | None]) -> bool:
    return len(shape) == len(wanted) and all(b in (None, a) for a, b in zip(shape, wanted, strict=True))


def _written(shape: tuple[int | None, ...]) -> str:
    """A shape in which a letter stands for any length."""
    letters = iter("nmpq")
    inside = ", ".join(next(letters) if length is None else str(length) for length in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"


def _told(error: BaseException) -> str:
    """The first line of what a function raised, with what to do where jax's own words are long."""
    if isinstance(error, jax.errors.ConcretizationTypeError | jax.errors.TracerArrayConversionError):
        return "it asks for the value of x, as float(x), math.sin(x), numpy.sin(x) or `if x > 0` do; use jax.numpy"
    first = next(iter(str(error).strip().splitlines()), "")
    if "custom_vjp" in first or "custom_lin" in first:
        return "it has a custom_vjp, a rule for reverse mode alone"
    return f"{type(error).__name__}: {first[:200]}"
