"""The Hessian of f(x) = Σ_i φ_i(a_i·x) + ψ(x) through its linear part, found in the program of f.

∇²f = Aᵀ diag(φ_i''(a_i·x)) A + ∇²ψ: one product of matrices and the second derivatives of functions of one variable,
instead of a Hessian-vector product for each of the d inputs. The structure is proven, not guessed: every equation of
the program must keep to the rules below, else there is no linear part and the general way serves. All derivatives are
jax's own.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

from convlab.calculus import _programs as programs
from convlab.calculus._weighted_gram import weighted_gram
from convlab.calculus.derivatives import unchecked_hessian


class _Kind(enum.Enum):
    """How a value depends on x."""

    FREE = "not at all"
    ITSELF = "it is x"
    ASIDE = "in any way, but not through z = Ax"
    ROWWISE = "its i-th entry through z_i alone"
    TOTAL = "a scalar, Σ_i φ_i(z_i) + ψ(x)"


FREE, ITSELF, ASIDE, ROWWISE, TOTAL = _Kind
Value = tuple[_Kind, Any]

_UNCHANGED = frozenset({"convert_element_type", "reshape", "copy", "split"})  # where they change nothing
_NAMES = (  # of primitives that are functions of entries
    "abs add add_any asin asinh atan atan2 atanh cbrt ceil clamp convert_element_type copy cos cosh div eq erf "
    "erf_inv erfc exp exp2 expm1 floor ge gt integer_pow is_finite le lgamma log log1p logistic lt max min mul ne "
    "neg pow round rsqrt select_n sign sin sinh sqrt square sub tan tanh"
)
_OF_ENTRIES = frozenset(_NAMES.split(" "))
_SCALES = frozenset({"mul", "div", "neg", "convert_element_type", "copy", "reshape", "squeeze"})


class _NoLinearPartError(Exception):
    """The program does not keep to the rules."""


@dataclass
class _Linear:
    """z = Ax where the program computes it; ``given`` stands in its place where it is set."""

    x: Any
    given: Any = None
    matrix: Any = None
    image: Any = None


def hessian_through_linear_part(f: Callable[[jax.Array], jax.Array], x: jax.Array) -> jax.Array | None:
    """∇²f(x) [d, d] of a scalar f of a vector x [d] as Aᵀ diag(φ'') A + ∇²ψ; None where f has no such form.

    Equal to ``jax.hessian(f)(x)`` up to rounding: means of losses of linear models, with penalties of x beside them.
    """
    if x.ndim != 1:
        return None
    closed = jax.make_jaxpr(f)(x)
    found = _Linear(x)
    try:
        kind, _ = _walk(closed.jaxpr, closed.consts, [(ITSELF, x)], found)[0]
    except _NoLinearPartError:
        return None
    if kind is not TOTAL or found.matrix is None:
        return None

    def outer(z: jax.Array, point: jax.Array) -> jax.Array:
        value: jax.Array = _walk(closed.jaxpr, closed.consts, [(ITSELF, point)], _Linear(point, given=z))[0][1]
        return value

    z, A = found.image, found.matrix
    slopes = jax.grad(outer)
    _, curvature = jax.jvp(lambda z: slopes(z, x), (z,), (jnp.ones_like(z),))
    beside: jax.Array = jax.jacfwd(jax.jacrev(lambda point: outer(z, point)))(x)
    hessian: jax.Array = weighted_gram(A, curvature) + beside
    return hessian


def hessian_of_vector(f: Callable[[jax.Array], jax.Array], x: jax.Array) -> jax.Array:
    """∇²f(x) [d, d] of a scalar f of a vector, unchecked: through its linear part where it has one, else in general."""
    found = hessian_through_linear_part(f, x)
    general: jax.Array = unchecked_hessian(f, x) if found is None else found
    return general


def _walk(program: Any, constants: Sequence[Any], arguments: Sequence[Value], linear: _Linear) -> list[Value]:
    known: dict[Any, Value] = dict(zip(program.invars, arguments, strict=True))
    known |= {name: (FREE, value) for name, value in zip(program.constvars, constants, strict=True)}

    def read(name: Any) -> Value:
        return (FREE, name.val) if isinstance(name, core.Literal) else known[name]

    for equation in program.eqns:
        found = _apply(equation, [read(name) for name in equation.invars], linear)
        known |= dict(zip(equation.outvars, found, strict=True))
    return [read(name) for name in program.outvars]


def _apply(equation: Any, inputs: Sequence[Value], linear: _Linear) -> list[Value]:
    inner = programs.body(equation)
    if inner is not None and programs.is_inlined(equation):
        return _walk(inner.jaxpr, inner.consts, inputs, linear)
    kinds = {kind for kind, _ in inputs}
    values = [value for _, value in inputs]
    if kinds == {FREE, ITSELF} and _is_image(equation, inputs):
        return [(ROWWISE, _image(equation, inputs, linear))]
    results = programs.listed(programs.bound(equation)(*values))
    if programs.is_custom(equation) and ROWWISE in kinds and inner is not None:
        _walk(inner.jaxpr, inner.consts, inputs, linear)  # raises where it is no function of entries
        return [(_of_entries(kinds, result, values), result) for result in results]
    return [(_kind(equation, inputs, result, linear), result) for result in results]


def _is_image(equation: Any, inputs: Sequence[Value]) -> bool:
    """Whether the equation is a product of a matrix and x."""
    if equation.primitive.name != "dot_general":
        return False
    _, batched = equation.params["dimension_numbers"]
    return not any(batched) and sorted(jnp.ndim(value) for _, value in inputs) == [1, 2]


def _image(equation: Any, inputs: Sequence[Value], linear: _Linear) -> Any:
    if linear.matrix is not None:
        raise _NoLinearPartError("two linear parts")
    contracted, _ = equation.params["dimension_numbers"]
    place = 0 if inputs[0][0] is FREE else 1
    matrix = inputs[place][1]
    linear.matrix = matrix if contracted[place][0] == 1 else matrix.T
    linear.image = programs.bound(equation)(*[value for _, value in inputs])
    return linear.image if linear.given is None else linear.given


def _kind(equation: Any, inputs: Sequence[Value], result: Any, linear: _Linear) -> _Kind:
    name, kinds = equation.primitive.name, {kind for kind, _ in inputs}
    if kinds <= {FREE}:
        return FREE
    if kinds == {ITSELF} and name in _UNCHANGED:
        same = jnp.shape(result) == jnp.shape(linear.x) and result.dtype == linear.x.dtype
        return ITSELF if same else ASIDE
    if kinds <= {FREE, ITSELF, ASIDE}:
        return ASIDE
    if kinds <= {FREE, ROWWISE}:
        if name == "reduce_sum" and jnp.ndim(result) == 0:
            return TOTAL
        if name == "dot_general" and jnp.ndim(result) == 0:
            return TOTAL
        if name in _OF_ENTRIES:
            return _of_entries(kinds, result, [value for _, value in inputs])
    if TOTAL in kinds and kinds <= {FREE, ITSELF, ASIDE, TOTAL} and jnp.ndim(result) == 0:
        totals = [kind is TOTAL for kind, _ in inputs]
        scaled = kinds <= {FREE, TOTAL} and name in _SCALES and sum(totals) == 1 and (totals[0] or name == "mul")
        if scaled or name in ("add", "sub", "add_any"):
            return TOTAL
    raise _NoLinearPartError(name)


def _of_entries(kinds: set[_Kind], result: Any, values: Sequence[Any]) -> _Kind:
    """A function of entries, of vectors of one length and numbers."""
    if kinds <= {FREE, ROWWISE} and all(jnp.shape(value) in ((), jnp.shape(result)) for value in values):
        return ROWWISE
    raise _NoLinearPartError("entries that meet")
