"""E f(x) for Gaussian x, by Taylor expansion and by quadrature."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.calculus import inputs
from convlab.calculus.directional import directional_derivative
from convlab.calculus.inputs import CalculusError, Function

MOST_ORDER = 8
MOST_POINTS = 10**6  # of a quadrature rule


def taylor_expectation(f: Function, mean: Any, covariance: Any, order: int) -> jax.Array:
    """E f(x), x ~ N(μ, Σ), of the Taylor polynomial of f around μ; exact where f is a polynomial of degree ≤ order.

    With δ = x − μ the odd moments vanish and the even ones are sums over pairings (Isserlis 1918; Wick 1950): all
    (2m−1)!! of them contract D²ᵐf, which is symmetric, in the same way, so that

        E f(x) ≈ Σ_{2m ≤ order} (2m−1)!!/(2m)! · D²ᵐf(μ)·Σᵐ = Σ_m 1/(2ᵐ m!) · (Σ_ij Σ_ij ∂_i∂_j)ᵐ f(μ).

    With Σ = AAᵀ the operator in brackets is a sum of second derivatives along the columns of A, nested m times: no
    tensor is formed. The result has f's shape, which may be any; an odd order adds nothing to the even one below it.
    The series need not converge as the order grows.

    ``mean`` has shape (n,), or () for one variable, ``covariance`` (n, n), or () for a variance; ``order`` is at
    most 8. CalculusError where an argument does not fit, and where the covariance is not symmetric or not positive
    semidefinite, with its least eigenvalue.

    >>> round(float(taylor_expectation(lambda x: x**4, 0.0, 2.0, 4)), 12)  # 3 sigma^4
    12.0
    """
    where = "taylor_expectation"
    mu, root = _gaussian(where, mean, covariance)
    inputs.output(where, f, mu, single=True)
    order = inputs.whole(where, order, "order", 0, MOST_ORDER)
    program = jax.jit(lambda columns: expansion(f, order, mu, columns))
    found: jax.Array = inputs.differentiated(where, program, root.T if root.ndim else root[None])
    return found


def expansion(f: Function, order: int, mu: jax.Array, columns: jax.Array) -> jax.Array:
    """`taylor_expectation` of Σ = AAᵀ, whose ``columns`` are the rows of Aᵀ; unchecked, for use inside programs."""

    def spread(g: Function) -> Function:
        """x ↦ Σ_j D²g(x)[a_j, a_j] over the columns a_j."""

        def along_all(x: jax.Array) -> jax.Array:
            each: jax.Array = jax.vmap(lambda a: directional_derivative(g, x, a, 2))(columns)
            return jnp.sum(each, axis=0)

        return along_all

    total, g = jnp.asarray(f(mu)), f
    for m in range(1, order // 2 + 1):
        g = spread(g)
        total = total + g(mu) / float(2**m * math.factorial(m))
    return total


def gauss_hermite_expectation(f: Function, mean: Any, covariance: Any, nodes: int = 20) -> jax.Array:
    """E f(x), x ~ N(μ, Σ), by the product of n Gauss–Hermite rules in the eigenbasis of Σ.

    Exact for polynomials of degree up to 2·nodes − 1 in each coordinate; nodesⁿ evaluations of f, at most a million.
    Arguments, shapes and errors as in `taylor_expectation`.

    >>> round(float(gauss_hermite_expectation(jnp.cos, 0.0, 1.0)), 12) == round(math.exp(-0.5), 12)
    True
    """
    where = "gauss_hermite_expectation"
    mu, root = _gaussian(where, mean, covariance)
    inputs.output(where, f, mu, single=True)
    nodes = inputs.whole(where, nodes, "nodes", 1, 200)
    dimension = max(1, mu.size)
    if nodes**dimension > MOST_POINTS:
        raise CalculusError(
            f"{where}: nodes = {nodes} in {dimension} dimensions are {nodes**dimension:,} points, "
            f"more than {MOST_POINTS:,}; nodes = {int(MOST_POINTS ** (1 / dimension))} would do"
        )
    at, weights = np.polynomial.hermite_e.hermegauss(nodes)
    grid = np.stack(np.meshgrid(*[at] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension)
    product = np.stack(np.meshgrid(*[weights] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension).prod(axis=1)
    product = jnp.asarray(product / product.sum(), mu.dtype)
    z = jnp.asarray(grid, mu.dtype)
    points = mu[None] + (z @ root.T if mu.ndim else z[:, 0] * root)
    found: jax.Array = jax.jit(lambda points: jnp.tensordot(product, jax.vmap(f)(points), 1))(points)
    return found


def _gaussian(where: str, mean: Any, covariance: Any) -> tuple[jax.Array, jax.Array]:
    """μ, and A with Σ = AAᵀ: a number of one variable, else V·diag(√λ), the columns being scaled eigenvectors."""
    mu = inputs.array(where, mean, "mean", some=True)
    if mu.ndim > 1:
        raise CalculusError(f"{where}: mean has shape {mu.shape}; it should have () or (n,)")
    sigma = inputs.array(where, covariance, "covariance", mu.shape * 2).astype(mu.dtype)
    if not inputs.is_concrete(sigma):
        raise CalculusError(f"{where}: covariance is traced; it is looked at, so it should be an array of numbers")
    matrix = np.asarray(sigma, float).reshape(max(1, mu.size), -1)
    if not np.isfinite(matrix).all():
        raise CalculusError(f"{where}: covariance of shape {sigma.shape} holds numbers that are not finite")
    slack = 4 * max(1, mu.size) * float(np.finfo(mu.dtype).eps)  # what rounding makes of a zero eigenvalue
    asymmetry = float(np.abs(matrix - matrix.T).max())
    if asymmetry > slack * float(np.abs(matrix).max()):
        raise CalculusError(f"{where}: covariance is not symmetric: it differs from its transpose by {asymmetry:.3g}")
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    if values[0] < -slack * max(float(values[-1]), 0.0) or values[-1] < 0:
        raise CalculusError(
            f"{where}: covariance is not positive semidefinite: its least eigenvalue is {float(values[0]):.6g}"
        )
    return mu, jnp.asarray((vectors * np.sqrt(np.maximum(values, 0.0))).reshape(sigma.shape), mu.dtype)
