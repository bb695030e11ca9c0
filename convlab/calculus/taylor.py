"""Taylor expansions: f(x0 + δ) = Σ_k Dᵏf(x0)·δᵏ/k! + remainder, δᵏ = δ ⊗ … ⊗ δ the k-fold outer product.

Dᵏf holds *derivatives*, outputs first: Dᵏf[i, j1, …, jk] = ∂ᵏf_i/∂x_j1…∂x_jk. The factorial stands in the terms, not in
the tensors: D²f is the Hessian, and the second term is ½ δᵀ∇²f δ = ½ tr(∇²f δδᵀ).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from convlab.calculus import directional, inputs
from convlab.calculus.derivatives import count
from convlab.calculus.inputs import CalculusError, Function
from convlab.calculus.remainder import taylor_remainder
from convlab.calculus.slopes import Slope, log_slope

MOST_NUMBERS = 10**6  # of the largest tensor
_SAMPLES = 33  # of the segment, for Lagrange's form
_WINDOW = 10**0.5
_CLEAR = 1000.0  # roundings of the sum that a remainder must exceed to be measured by subtraction


@dataclass(frozen=True)
class TaylorPolynomial:
    """The Taylor polynomial of f around x0, of degree ``order``, as explicit tensors.

    ``tensors[k]`` is Dᵏf(x0), of f's shape followed by k axes of N numbers, those of x0 laid out flat; of one variable,
    x0 of shape (), it is f⁽ᵏ⁾(x0) without further axes. Called at x it is T(x) = Σ_k Dᵏf(x0)·(x − x0)ᵏ/k!.
    """

    f: Function
    x0: Any
    tensors: tuple[jax.Array, ...]

    @property
    def order(self) -> int:
        return len(self.tensors) - 1

    @property
    def coefficients(self) -> tuple[jax.Array, ...]:
        """Dᵏf(x0)/k!: of one variable the coefficients of (x − x0)ᵏ."""
        return tuple(tensor / float(math.factorial(k)) for k, tensor in enumerate(self.tensors))

    def truncated(self, order: int) -> TaylorPolynomial:
        """The polynomial of a lower degree around the same point."""
        order = inputs.whole("TaylorPolynomial.truncated", order, "order", 0, self.order)
        return TaylorPolynomial(self.f, self.x0, self.tensors[: order + 1])

    def __call__(self, x: Any) -> jax.Array:
        return sum(self.terms(self._away(x))[1:], start=self.tensors[0])

    def terms(self, delta: Any) -> tuple[jax.Array, ...]:
        """Dᵏf(x0)·δᵏ/k! for k = 0, …, order, each of f's shape. δ is like x0."""
        flat = ravel_pytree(inputs.alike("TaylorPolynomial.terms", delta, "delta", self.x0, "x0"))[0]
        found = []
        for k, coefficient in enumerate(self.coefficients):
            term = coefficient
            for _ in range(k):  # the last axis is summed first
                term = term @ flat if term.ndim > self.tensors[0].ndim else term * flat[0]
            found.append(term)
        return tuple(found)

    def remainder(self, x: Any, nodes: int = 20) -> jax.Array:
        """f(x) − T(x) in its integral form, without cancellation; see `taylor_remainder`."""
        nodes = inputs.whole("TaylorPolynomial.remainder", nodes, "nodes", 1, 1000)
        return taylor_remainder(self.f, self.x0, self._away(x), nodes, self.order)

    def remainder_estimate(self, x: Any) -> jax.Array:
        """Lagrange's form with the largest derivative that 33 points of the segment show,
        max_s |Dᵏ⁺¹f(x0 + sδ)[δ, …, δ]|/(k+1)!: what |f(x) − T(x)| does not exceed, as far as these points tell."""
        delta, order = self._away(x), self.order + 1

        def size(s: jax.Array) -> jax.Array:
            point = jax.tree.map(lambda a, b: a + s.astype(a.dtype) * b, self.x0, delta)
            found: jax.Array = jnp.abs(directional.highest_derivative(self.f, point, delta, order))
            return found

        sampled = jax.vmap(size)(jnp.asarray(0.5 - 0.5 * np.cos(np.linspace(0, np.pi, _SAMPLES))))
        return jnp.max(sampled, axis=0) / float(math.factorial(order))

    def remainder_order(self, direction: Any, largest: float = 0.5) -> Slope | None:
        """The slope of ‖f(x0 + δ) − T(x0 + δ)‖ against ‖δ‖ along a direction, which tends to order + 1.

        It is measured by subtraction, over the lowest half decade of ‖δ‖ ≤ largest that lies a thousand roundings of
        the sum clear of them; None where nothing does, as for a polynomial of this degree or less.
        """
        direction = inputs.alike("TaylorPolynomial.remainder_order", direction, "direction", self.x0, "x0")
        norm = jnp.linalg.norm(ravel_pytree(direction)[0])
        unit = jax.tree.map(lambda leaf: leaf / norm.astype(leaf.dtype), direction)
        radii = np.geomspace(1e-12, largest, 300)
        compare = jax.jit(jax.vmap(lambda r: self._compared(jax.tree.map(lambda a: r.astype(a.dtype) * a, unit))))
        errors, floors = (np.asarray(each, float) for each in compare(jnp.asarray(radii)))
        clear = np.flatnonzero(errors > _CLEAR * floors)
        low = next((k for k in clear if np.all(errors[k:] > _CLEAR * floors[k:])), None)
        if low is None:
            return None
        window = slice(int(low), int(np.searchsorted(radii, _WINDOW * radii[low])))
        return log_slope(radii[window], errors[window])

    def _compared(self, delta: Any) -> tuple[jax.Array, jax.Array]:
        """The size of f(x0 + δ) − T(x0 + δ), and the rounding of its terms' sum."""
        value = self.f(jax.tree.map(jnp.add, self.x0, delta))
        terms = self.terms(delta)
        error = value - sum(terms[1:], start=terms[0])
        size = sum(jnp.linalg.norm(jnp.ravel(term)) for term in (value, *terms))
        return jnp.linalg.norm(jnp.ravel(error)), size * (float(np.finfo(value.dtype).eps) / 2)

    def _away(self, x: Any) -> Any:
        return jax.tree.map(jnp.subtract, inputs.alike("TaylorPolynomial", x, "x", self.x0, "x0"), self.x0)


def taylor(f: Function, x0: Any, order: int) -> TaylorPolynomial:
    """The Taylor polynomial T(x) = Σ_{k ≤ order} Dᵏf(x0)·(x − x0)ᵏ/k! with its tensors, outputs first.

    Of one variable (x0 of shape ()) the order may be up to 64, of several up to 8 and as long as the largest tensor
    holds at most a million numbers: beyond it `taylor_along` forms no tensor. f returns one array; x0 is any pytree.
    CalculusError where an argument does not fit.

    >>> T = taylor(jnp.exp, 0.0, 4)
    >>> [float(c) for c in T.coefficients]
    [1.0, 1.0, 0.5, 0.16666666666666666, 0.041666666666666664]
    >>> f = lambda x: x[0] ** 2 * x[1] + x[0] * x[1] ** 3
    >>> float(taylor(f, [2.0, 1.0], 2)([2.0, 2.0])), f([2.0, 2.0])  # what a quadratic model misses of x1 x2^3
    (22.0, 24.0)
    """
    x0 = inputs.point("taylor", x0)
    out = inputs.output("taylor", f, x0, single=True)
    order = inputs.whole("taylor", order, "order", 0, directional.MOST)
    leaves = jax.tree.leaves(x0)
    if len(leaves) == 1 and leaves[0].shape == ():
        one = jax.tree.map(jnp.ones_like, x0)
        return TaylorPolynomial(f, x0, tuple(directional.directional_derivatives(f, x0, one, order)))
    inputs.whole("taylor", order, "order, of several variables,", 0, directional.MOST_NESTED)
    size = max(1, count(out)) * count(x0) ** order
    if size > MOST_NUMBERS:
        raise CalculusError(
            f"taylor: the tensor of order {order} at x0, {inputs.shapes(x0)}, would hold {size:,} numbers, "
            f"more than {MOST_NUMBERS:,}; taylor_along(f, x0, delta, order) forms none"
        )
    return TaylorPolynomial(f, x0, inputs.differentiated("taylor", lambda x: _tensors(f, x, order), x0))


def taylor_along(f: Function, x0: Any, delta: Any, order: int) -> tuple[Any, ...]:
    """The terms Dᵏf(x0)·δᵏ/k!, k = 0, …, order, by directional derivatives: any size of x0, and no tensor is formed.

    Each has f's shapes; their sum is T(x0 + δ). CalculusError where an argument does not fit.

    >>> [float(term) for term in taylor_along(lambda x: x[0] ** 2 * x[1], [1.0, 3.0], [0.5, -1.0], 3)]
    [3.0, 2.0, -0.25, -0.25]
    """
    found = directional.directional_derivatives(f, x0, delta, order)
    return tuple(jax.tree.map(lambda leaf, k=k: leaf / float(math.factorial(k)), each) for k, each in enumerate(found))


def _tensors(f: Function, x0: Any, order: int) -> tuple[jax.Array, ...]:
    """f, Df, …, Dᵏf over flat inputs, one tower: each level differentiates the one below."""
    flat, unravel = ravel_pytree(x0)

    def lifted(lower: Function) -> Function:
        def with_next(point: Any) -> tuple[Any, ...]:
            def last_of(p: Any) -> tuple[Any, tuple[Any, ...]]:
                values = lower(p)
                return values[-1], values

            highest, values = jax.jacfwd(last_of, has_aux=True)(point)
            return (*values, highest)

        return with_next

    every: Function = lambda point: (f(unravel(point)),)  # noqa: E731 - the first of a tower
    for _ in range(order):
        every = lifted(every)
    found: tuple[jax.Array, ...] = jax.jit(every)(flat)
    return found
