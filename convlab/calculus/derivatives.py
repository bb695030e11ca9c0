"""Gradient, Jacobian and Hessian of any JAX function. Outputs first, everywhere: an entry is named by which output,
then by which input it is differentiated along.

A gradient is a row. Of x it has the shape; the Jacobian of f: Rⁿ → Rᵐ is m×n, the Hessian n×n, or m×n×n for m outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp

from convlab.calculus import inputs
from convlab.calculus.inputs import CalculusError, Function

Mode = Literal["auto", "forward", "reverse"]
_TAKE = "jacobian(f, x) differentiates every output"


def gradient(f: Function, x: Any) -> Any:
    """∇f(x) = (∂f/∂x_1, …, ∂f/∂x_n): a row, its one output first, so that it has the shape of x, pytrees included.

    A partial derivative is the two-sided limit of (f(x + h e_j) − f(x))/h as h → 0; here reverse mode computes all at
    once, at a few times the cost of f. f is a scalar function of x. CalculusError where an argument does not fit.

    >>> f = lambda x: x[0] ** 2 * x[1] + x[0] * x[1] ** 3
    >>> gradient(f, [2.0, 1.0]).tolist()  # 2 x1 x2 + x2^3, x1^2 + 3 x1 x2^2
    [5.0, 10.0]
    """
    return value_and_gradient(f, x, "gradient")[1]


def value_and_gradient(f: Function, x: Any, where: str = "value_and_gradient") -> tuple[jax.Array, Any]:
    """f(x) and ∇f(x), the gradient as in `gradient`, from one sweep. ``where`` names the caller in errors."""
    x = inputs.point(where, x)
    inputs.output(where, f, x, scalar=_TAKE)
    found: tuple[jax.Array, Any] = inputs.differentiated(where, jax.value_and_grad(f), x)
    return found


def jacobian(f: Function, x: Any, mode: Mode = "auto") -> Any:
    """J[i, j] = ∂f_i/∂x_j, outputs first: f: Rⁿ → Rᵐ gives m×n; arrays of shape p×q of m×n give p×q×m×n.

    ``mode`` is "forward" (a column per sweep, one for each input), "reverse" (a row per sweep, one for each output), or
    "auto": forward where there are no more inputs than outputs, and the other one where f has but that. For pytrees the
    output's tree holds the input's, each pair of leaves its block. CalculusError where an argument does not fit.

    >>> jacobian(lambda x: jnp.stack([x[0] * x[1], x[0] + x[1], x[1] ** 2]), [2.0, 3.0]).tolist()
    [[3.0, 2.0], [1.0, 1.0], [0.0, 6.0]]
    """
    if mode not in ("auto", "forward", "reverse"):
        raise CalculusError(f"jacobian: mode is {inputs.kind(mode)}; it should be 'auto', 'forward' or 'reverse'")
    x = inputs.point("jacobian", x)
    out = inputs.output("jacobian", f, x)
    modes = {"forward": jax.jacfwd(f), "reverse": jax.jacrev(f)}
    if mode != "auto":
        return inputs.differentiated("jacobian", modes[mode], x)
    cheap, other = ("forward", "reverse") if count(x) <= count(out) else ("reverse", "forward")
    try:
        return inputs.differentiated("jacobian", modes[cheap], x)
    except CalculusError:  # a custom_vjp has no forward mode, a loop of unknown length no reverse mode
        return inputs.differentiated("jacobian", modes[other], x)


def hessian(f: Function, x: Any) -> Any:
    """H[i, j, k] = ∂²f_i/∂x_j∂x_k, outputs first: M×N×N for f: Rᴺ → Rᴹ, N×N for a scalar f; symmetric in j and k.

    Symmetric where the second derivatives are continuous (Schwarz 1873). Forward over reverse mode: a Hessian-vector
    product for each input. For pytrees two levels of x's tree stand inside the output's. CalculusError where an
    argument does not fit.

    >>> hessian(lambda x: x[0] ** 2 * x[1] + x[0] * x[1] ** 3, [2.0, 1.0]).tolist()
    [[2.0, 7.0], [7.0, 12.0]]
    """
    x = inputs.point("hessian", x)
    inputs.output("hessian", f, x)
    return inputs.differentiated("hessian", lambda x: unchecked_hessian(f, x), x)


def unchecked_hessian(f: Function, x: Any) -> Any:
    """`hessian`, outputs first, of arrays that are known to fit, for use inside programs: where f is NaN, so is it."""
    return jax.jacfwd(jax.jacrev(f))(x)


def tensor_jacobian(f: Function, x: Any, mode: Mode = "auto") -> jax.Array:
    """J[i, j, k, l] = ∂A_ij/∂B_kl of A = f(B), outputs first: A p×q and B m×n give p×q×m×n; likewise of any rank.

    `flatten_jacobian` makes the pq × mn matrix of it, row-major, and `unflatten_jacobian` leads back. CalculusError
    where an argument does not fit.

    >>> tensor_jacobian(lambda B: B.T, jnp.ones((2, 3))).shape
    (3, 2, 2, 3)
    """
    x = inputs.array("tensor_jacobian", x, "x")
    inputs.output("tensor_jacobian", f, x, single=True)
    found: jax.Array = jacobian(f, x, mode)
    return found


def flatten_jacobian(J: Any, output_shape: tuple[int, ...]) -> jax.Array:
    """The matrix of a tensor Jacobian, outputs first: row i is the i-th output in row-major order, column j the j-th
    input.

    ``output_shape`` is the shape of f(x), with which the shape of J begins. A chain of tensor functions is then a
    product of matrices. CalculusError where J does not begin so.

    >>> flatten_jacobian(tensor_jacobian(lambda B: 2.0 * B, jnp.ones((2, 3))), (2, 3)).shape
    (6, 6)
    """
    J = inputs.array("flatten_jacobian", J, "J")
    output_shape = inputs.lengths("flatten_jacobian", output_shape, "output_shape")
    if J.shape[: len(output_shape)] != tuple(output_shape):
        raise CalculusError(
            f"flatten_jacobian: J has shape {J.shape}; it should begin with the output's, {tuple(output_shape)}"
        )
    return jnp.reshape(J, (math.prod(output_shape), math.prod(J.shape[len(output_shape) :])))


def unflatten_jacobian(matrix: Any, output_shape: tuple[int, ...], input_shape: tuple[int, ...]) -> jax.Array:
    """The tensor of shape output_shape + input_shape, outputs first, of a matrix from `flatten_jacobian`.

    >>> unflatten_jacobian(jnp.eye(6), (3, 2), (2, 3)).shape
    (3, 2, 2, 3)
    """
    where = "unflatten_jacobian"
    output_shape = inputs.lengths(where, output_shape, "output_shape")
    input_shape = inputs.lengths(where, input_shape, "input_shape")
    wanted = (math.prod(output_shape), math.prod(input_shape))
    return jnp.reshape(inputs.array(where, matrix, "matrix", wanted), (*output_shape, *input_shape))


def jacobian_vector_product(f: Function, x: Any, v: Any) -> Any:
    """J v = Σ_j ∂f/∂x_j v_j, with f's shapes (outputs first, inputs summed): forward mode, the matrix is never formed.

    With x = x(t) and v = dx/dt it is df/dt. v is like x. CalculusError where an argument does not fit.

    >>> jacobian_vector_product(lambda x: jnp.stack([x[0] * x[1], x[1]]), [2.0, 3.0], [1.0, 10.0]).tolist()
    [23.0, 10.0]
    """
    x = inputs.point("jacobian_vector_product", x)
    inputs.output("jacobian_vector_product", f, x)
    v = inputs.alike("jacobian_vector_product", v, "v", x, "x")
    return inputs.differentiated("jacobian_vector_product", lambda x, v: jax.jvp(f, (x,), (v,))[1], x, v)


def vector_jacobian_product(f: Function, x: Any, u: Any) -> Any:
    """uᵀJ = Σ_i u_i ∂f_i/∂x, a row like x (outputs, which come first, are summed): reverse mode, without the matrix.

    u is like f(x). CalculusError where an argument does not fit.

    >>> vector_jacobian_product(lambda x: jnp.stack([x[0] * x[1], x[1]]), [2.0, 3.0], [1.0, 10.0]).tolist()
    [3.0, 12.0]
    """
    where = "vector_jacobian_product"
    x = inputs.point(where, x)
    out = inputs.output(where, f, x)
    u = inputs.alike(where, u, "u", out, "f(x)")
    return inputs.differentiated(where, lambda x, u: jax.vjp(f, x)[1](u)[0], x, u)


def hessian_vector_product(f: Function, x: Any, v: Any) -> Any:
    """H v of a scalar f, like x: the derivative of ∇f along v, forward over reverse; the matrix is never formed.

    v is like x. CalculusError where an argument does not fit.

    >>> hessian_vector_product(lambda x: x[0] ** 2 * x[1] + x[0] * x[1] ** 3, [2.0, 1.0], [1.0, 0.0]).tolist()
    [2.0, 7.0]
    """
    where = "hessian_vector_product"
    x = inputs.point(where, x)
    inputs.output(where, f, x, scalar=_TAKE)
    v = inputs.alike(where, v, "v", x, "x")
    return inputs.differentiated(where, lambda x, v: jax.jvp(jax.grad(f), (x,), (v,))[1], x, v)


def unchecked_hessian_products(f: Function, x: Any) -> Callable[[Any], Any]:
    """v ↦ ∇²f(x)v of a scalar f, for many v: what depends on x alone is computed once, the matrix is never formed.

    Of arrays that are known to fit, for use inside programs.
    """
    products: Callable[[Any], Any] = jax.linearize(jax.grad(f), x)[1]
    return products


def count(tree: Any) -> int:
    """How many numbers a pytree of arrays, or of their shapes, holds."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))
