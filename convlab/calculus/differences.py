"""Difference quotients along a direction v, the limits of which are derivatives: Df(x)[v] = lim_{h→0} (f(x + h v) −
f(x))/h, from both sides.

Outputs first: for steps h of shape (K,) a quotient has shape (K, …), the rest as f(x). Truncation falls with h, like h
for a one-sided quotient and h² for the central one; rounding grows like u|f|/h: the total error has the shape of a V,
with its least at h ~ u^(1/2) and u^(1/3) times the scale of x, of u^(1/2) and u^(2/3). Only the complex step subtracts
nothing, and so has no rounding branch.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.calculus import _check_limits, inputs
from convlab.calculus.inputs import CalculusError, Function
from convlab.calculus.slopes import Slope, log_slope

_TINY = 2.0**-66  # its square is far below rounding
_ASYMPTOTIC = 10  # halvings of h, next to the bottom of the V, that an order is measured over


def forward_quotient(f: Function, x: Any, v: Any, h: Any) -> jax.Array:
    """(f(x + h v) − f(x))/h, outputs first: Df(x)[v] + (h/2) D²f(x)[v, v] + O(h²), the limit from the right for h > 0.

    x and v are pytrees of the same structure, h a number or a vector of them, K; f returns an array. Shape: that of h,
    then that of f(x). CalculusError where an argument does not fit.

    >>> float(forward_quotient(jnp.square, 3.0, 1.0, 0.25))  # 2 x + h
    6.25
    """
    x, v, h = _arguments("forward_quotient", f, x, v, h)
    here = f(x)
    return _over_steps(lambda t: (f(_moved(x, v, t)) - here) / _like(t, here), h)


def backward_quotient(f: Function, x: Any, v: Any, h: Any) -> jax.Array:
    """(f(x) − f(x − h v))/h, outputs first, the limit from the left for h > 0; arguments as in `forward_quotient`.

    >>> float(backward_quotient(jnp.abs, 0.0, 1.0, 1e-3)), float(forward_quotient(jnp.abs, 0.0, 1.0, 1e-3))
    (-1.0, 1.0)
    """
    x, v, h = _arguments("backward_quotient", f, x, v, h)
    here = f(x)
    return _over_steps(lambda t: (here - f(_moved(x, v, -t))) / _like(t, here), h)


def central_quotient(f: Function, x: Any, v: Any, h: Any) -> jax.Array:
    """(f(x + h v) − f(x − h v))/2h, outputs first: Df(x)[v] + (h²/6) D³f(x)[v, v, v] + O(h⁴).

    Arguments as in `forward_quotient`. That it converges does not make f differentiable: for |x| at 0 it is 0.

    >>> float(central_quotient(lambda x: x**3, 2.0, 1.0, 0.5))  # 3 x² + h²
    12.25
    """
    x, v, h = _arguments("central_quotient", f, x, v, h)

    def quotient(t: jax.Array) -> jax.Array:
        rise: jax.Array = f(_moved(x, v, t)) - f(_moved(x, v, -t))
        return rise / _like(2 * t, rise)

    return _over_steps(quotient, h)


def ridders_quotient(f: Function, x: Any, v: Any, h: float = 0.125, halvings: int = 10) -> tuple[jax.Array, jax.Array]:
    """Df(x)[v] with an estimate of its error: central quotients at h, h/2, h/4, …, extrapolated to h = 0 (Richardson).

    Column p of the table, A^p_k = (4ᵖ A^{p−1}_{k+1} − A^{p−1}_k)/(4ᵖ − 1), has an error of order h^{2p+2}; the entry is
    taken that differs least from its two neighbours of the column before (Ridders 1982). Each of f's outputs, which
    come first, has its own. The estimate is no bound: `check_derivative` asks for more.

    >>> value, error = ridders_quotient(jnp.sin, 1.0, 1.0)
    >>> bool(abs(value - jnp.cos(1.0)) < 1e-12), bool(error < 1e-11)
    (True, True)
    """
    halvings = inputs.whole("ridders_quotient", halvings, "halvings", 2, 60)
    steps = jnp.asarray(float(h) * 2.0 ** -np.arange(halvings + 1))
    first = central_quotient(f, x, v, steps)
    columns = _check_limits.richardson(np.asarray(first, np.float64).reshape(halvings + 1, -1), 4)
    errors, values = [], []
    for before, column in itertools.pairwise(columns):
        error = np.maximum(np.abs(column[:-1] - before[:-1]), np.abs(column[:-1] - before[1:]))
        errors.append(np.where(np.isfinite(error), error, np.inf))
        values.append(column[:-1])
    all_errors, all_values = np.concatenate(errors), np.concatenate(values)
    best = all_errors.argmin(axis=0)
    chosen = np.arange(best.size)
    shape = first.shape[1:]
    value, error = all_values[best, chosen].reshape(shape), all_errors[best, chosen].reshape(shape)
    return jnp.asarray(value, first.dtype), jnp.asarray(error, first.dtype)


def complex_step(f: Function, x: Any, v: Any, h: Any = _TINY) -> jax.Array:
    """Im f(x + i h v)/h, outputs first: Df(x)[v] + O(h²) for a real analytic f, with no difference and so no rounding.

    Arguments as in `forward_quotient`. f has to take complex numbers and be analytic (no |x|, no complex conjugate);
    CalculusError where it does not take them, or returns real ones. Squire and Trapp (1998).

    >>> float(complex_step(jnp.exp, 0.0, 1.0, 1e-30))
    1.0
    """
    x, v, h = _arguments("complex_step", f, x, v, h)

    def quotient(t: jax.Array) -> jax.Array:
        value = f(jax.tree.map(lambda a, b: jax.lax.complex(a, t.astype(a.dtype) * b), x, v))
        if not jnp.iscomplexobj(value):
            raise CalculusError("complex_step: f returns real numbers for complex x, so it is not analytic")
        return jnp.imag(value) / _like(t, jnp.imag(value))

    try:
        return _over_steps(quotient, h)
    except CalculusError:
        raise
    except Exception as error:  # whatever f raises when it is given complex numbers
        raise CalculusError(f"complex_step: f takes no complex x: {first_line(error)}") from error


@dataclass(frozen=True)
class DifferenceErrors:
    """Errors of the quotients at the steps ``h``, K each: the largest over f's outputs; ``complex_step`` is None where
    f takes no complex numbers."""

    h: np.ndarray
    one_sided: np.ndarray
    central: np.ndarray
    complex_step: np.ndarray | None


def difference_errors(f: Function, x: Any, v: Any, h: Any, derivative: Any) -> DifferenceErrors:
    """|quotient − Df(x)[v]| of one-sided (forward), central and complex-step quotients at each of the steps h, K.

    ``derivative`` is the true Df(x)[v], of the shape of f(x), from a closed form. The V is the sum of truncation,
    ½|f''|h and ⅙|f'''|h², and rounding, u|f|/h. CalculusError where an argument does not fit.

    >>> found = difference_errors(jnp.square, 3.0, 1.0, [0.5, 0.25], 6.0)
    >>> found.one_sided.tolist(), found.central.tolist()
    ([0.5, 0.25], [0.0, 0.0])
    """
    x, v, h = _arguments("difference_errors", f, x, v, h, steps=True)
    if not h.size or not jax.tree.leaves(x)[0].size:
        raise CalculusError("difference_errors: x or h holds no number")
    truth = np.asarray(inputs.array("difference_errors", derivative, "derivative", jax.eval_shape(f, x).shape))

    def error(quotients: jax.Array) -> np.ndarray:
        off = np.abs(np.asarray(quotients, np.float64) - truth)
        largest: np.ndarray = off.reshape(len(off), -1).max(axis=1)
        return largest

    try:
        stepped = error(complex_step(f, x, v, h))
    except CalculusError:
        stepped = None
    plain = [error(quotient(f, x, v, h)) for quotient in (forward_quotient, central_quotient)]
    return DifferenceErrors(np.asarray(h, np.float64), plain[0], plain[1], stepped)


def truncation_slope(h: np.ndarray, error: np.ndarray, rounding: np.ndarray) -> Slope | None:
    """The order of a quotient: the slope of its error where truncation is most of it, just above the bottom of the V.

    ``h`` falls, ``rounding`` is what rounding may make of each error. None where fewer than four errors in a row stand
    out of rounding 30-fold: a polynomial of low degree has no truncation error.

    >>> h = 0.1 * 2.0 ** -np.arange(20)
    >>> print(truncation_slope(h, 3 * h**2, 1e-12 / h))
    2.000 [2.000, 2.000]
    """
    clear = np.isfinite(error) & (error > 30 * rounding)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], clear, [False]]).astype(int)))
    runs = edges.reshape(-1, 2)
    long = runs[runs[:, 1] - runs[:, 0] >= 4]
    if not long.size:
        return None
    first, last = long[-1]  # the finest: coarser ones may be too coarse for f
    first = max(first, last - _ASYMPTOTIC)
    return log_slope(h[first:last], error[first:last])


def first_line(error: Exception) -> str:
    """What was raised, in one line."""
    text = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def _arguments(where: str, f: Function, x: Any, v: Any, h: Any, steps: bool = False) -> tuple[Any, Any, jax.Array]:
    x = inputs.point(where, x)
    inputs.output(where, f, x, single=True)
    h = inputs.array(where, h, "h", (None,) if steps else None)
    if h.ndim > 1:
        raise CalculusError(f"{where}: h has shape {h.shape}; it should be a number, or have shape (K,)")
    if inputs.is_concrete(h) and not bool(jnp.all(jnp.isfinite(h) & (h != 0))):
        raise CalculusError(f"{where}: h holds 0 or no finite number; steps are positive")
    return x, inputs.alike(where, v, "v", x, "x"), h


def _over_steps(quotient: Any, h: jax.Array) -> jax.Array:
    found: jax.Array = quotient(h) if h.ndim == 0 else jax.vmap(quotient)(h)
    return found


def _moved(x: Any, v: Any, t: jax.Array) -> Any:
    return jax.tree.map(lambda a, b: a + t.astype(a.dtype) * b, x, v)


def _like(t: jax.Array, value: jax.Array) -> jax.Array:
    return t.astype(value.dtype)
