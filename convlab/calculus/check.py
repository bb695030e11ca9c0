"""Is the derivative that JAX computes the derivative? Autodiff, forward and reverse mode, against the limits of
difference quotients. J[i, j] = ∂f_i/∂x_j, outputs first."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from convlab.calculus import _check_deep, _check_samples, inputs
from convlab.calculus._check_findings import find
from convlab.calculus._check_judge import Verdict, judge, overrules
from convlab.calculus._check_report import Asked, DerivativeCheck, QuotientTable, report
from convlab.calculus._check_samples import Claims, Samples
from convlab.calculus.derivatives import count
from convlab.calculus.inputs import CalculusError, Function

__all__ = ["DerivativeCheck", "QuotientTable", "Verdict", "check_derivative", "check_values"]

_FEW, _MORE = 16, 256  # inputs up to which every coordinate is looked along: always, and where something is amiss
_FARTHEST = 19  # powers of 2 of the scale of x that steps reach up to where smaller ones do not suffice


def check_derivative(f: Function, x: Any, *, directions: int = 4, seed: int = 0) -> DerivativeCheck:
    """Compare the derivative of f at x by autodiff with difference quotients, and say whether it is the derivative.

    For directions v (the coordinates, up to 16 inputs, and ``directions`` random ones, from ``seed``) and every output,
    first in J[i, j] = ∂f_i/∂x_j, the quotients (f(x + h v) − f(x))/h from both sides and the central ones are taken at
    h = 0.1, 0.05, … of the scale of x, down to its rounding. Their limit as h → 0 comes with a bound, from how
    Richardson's columns still move (truncation) and how f's values scatter (rounding); a claim is wrong where it lies
    outside four times that. The verdict:

    - "correct": both modes agree with the limits, which are known to a thousandth at least, mostly to 1e-10;
    - "wrong": a mode does not, or raises; ``explanation`` says how, where that is simple (sign, factor, transpose, …);
    - "not differentiable": the limits from left and right differ, the quotients grow without bound, f is not defined on
      both sides, or the derivatives along directions are not linear in the direction;
    - "undecided": rounding hides the limit, as for 1e30 + x, or f is a stair.

    What is checked is f as it is computed: where its terms cancel, as in (1 − cos x)/x² near 0, that is another
    function than the formula, and a right derivative may be called undecided or wrong. A kink of less than √u of the
    slope is not seen. f is compiled anew for each call, but for a ``jax.jit`` one, which is compiled once.

    x is an array or a pytree of arrays, f returns one array or a pytree; both real floating point. More than 256
    outputs are looked at in as many sums of them, with random signs. CalculusError where an argument does not fit, or
    f(x) is not finite. Ridders (1982) for the extrapolation, Squire and Trapp (1998) for the complex step.

    >>> import jax.numpy as jnp
    >>> check_derivative(jnp.sin, 1.0).verdict
    'correct'
    >>> print(check_derivative(jnp.abs, 0.0).why)
    one-sided limits differ along e_1: -1 from the left, +1 from the right
    """
    where = "check_derivative"
    x = inputs.point(where, x)
    out = inputs.output(where, f, x)
    if not count(x) or not count(out):
        raise CalculusError(f"{where}: x or f(x) holds no number: x is {inputs.shapes(x)}, f(x) {inputs.shapes(out)}")
    if any(leaf.dtype.itemsize < 4 for leaf in jax.tree.leaves((x, out))):
        raise CalculusError(f"{where}: x or f(x) has fewer than 23 bits; float32 or float64 is needed")
    _refuse_infinite(where, f, x)
    directions = inputs.whole(where, directions, "directions", 1, 1000)
    seed = inputs.whole(where, seed, "seed", 0, 2**63)
    unit = _check_samples.unit_roundoff(x, out)
    f = f if hasattr(f, "lower") else functools.partial(f)  # what f reads may have changed since the last call
    flat, layout = _check_samples.flatten(x, sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(out)))

    def along(coordinates: bool) -> DerivativeCheck:
        V, relations = _check_samples.choose(flat, directions, seed, coordinates)
        claims, asked = _check_samples.claims_of(f, layout, flat, V), Asked(f, layout, flat, V, x, out)
        return _decide(_check_samples.values_of(f, layout), relations, unit, claims, asked)

    found = along(flat.size <= _FEW)
    if found.verdict in ("wrong", "not differentiable") and _FEW < flat.size <= _MORE:
        return along(True)  # to say which input it is
    return found


def check_values(
    values: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    jacobian_vector: Callable[[np.ndarray], np.ndarray],
    *,
    directions: int = 2,
    seed: int = 0,
) -> DerivativeCheck:
    """`check_derivative` for a function that is compiled already: f: Rⁿ → Rᵐ in float64, along random directions alone.

    ``values`` takes points, N × n, and returns f at each, N × m; ``jacobian_vector`` takes directions, d × n, and
    returns J v for each, d × m (outputs first in J). x has shape (n,).

    >>> A = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> check_values(lambda points: points @ A.T, np.ones(2), lambda v: v @ A.T).verdict
    'correct'
    """
    x = np.asarray(inputs.array("check_values", x, "x", (None,)), np.float64)
    unit = float(np.finfo(np.float64).eps) / 2
    V, relations = _check_samples.choose(x, directions, seed, x.size == 1)
    claims = Claims(np.asarray(jacobian_vector(V), np.float64), None, None)
    return _decide(values, relations, unit, claims, Asked(None, None, x, V, x, None))


def _decide(
    values: Callable[[np.ndarray], np.ndarray], relations: np.ndarray, unit: float, claims: Claims, asked: Asked
) -> DerivativeCheck:
    """Steps up to a tenth of the scale of x. Where autodiff disagrees, larger ones as well, as f may be a stair of
    rounding whose steps are wider than that; and far smaller ones around zeros."""
    x, V = asked.flat, asked.directions

    def sampled(which: np.ndarray, h: np.ndarray) -> Samples:
        return _check_samples.sample(values, x, V[which], h, unit)

    everything = np.arange(len(V))
    found = find(sampled(everything, _check_samples.steps(unit)))
    verdict = judge(found, claims, relations)
    if verdict.verdict != "correct":
        wider = find(sampled(everything, _check_samples.steps(unit, _FARTHEST)))
        again = judge(wider, claims, relations)
        if again.verdict != verdict.verdict and overrules(wider, again, found, verdict):
            found, verdict = wider, again
    at_zero = np.flatnonzero(~((V != 0) & (x != 0)).any(axis=1))
    if verdict.verdict != "correct" and at_zero.size:
        deeper = _check_deep.merge(found, at_zero, _check_deep.look(sampled(at_zero, _check_deep.steps(unit))))
        found, verdict = deeper, judge(deeper, claims, relations)
    return report(asked, found, claims, verdict, relations)


def _refuse_infinite(where: str, f: Function, x: Any) -> None:
    for path, leaf in jax.tree_util.tree_leaves_with_path(f(x)):
        if not bool(np.isfinite(np.asarray(leaf, np.float64)).all()):
            at = jax.tree_util.keystr(path)
            raise CalculusError(f"{where}: f(x){at} is infinite; x should lie where f is finite")
