"""Random smooth functions Rⁿ → Rᵐ, outputs first (f has m entries, its Jacobian is m×n): what rules are checked on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.calculus import inputs
from convlab.calculus.inputs import CalculusError

Shape = int | tuple[int, ...]
WAVES = 8  # in every function: each output has its own sum of them
BOUND = 2.0  # |f_i(x)| never exceeds it


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class SmoothFunction:
    """f_i(x) = Σ_k w_ik sin(a_k·x + b_k), or ±exp(f_i(x)/2) where ``nonzero``.

    ``directions`` holds the a_k (8 × inputs), ``shifts`` the b_k, ``weights`` the w_ik (outputs × 8). A pytree, so that
    it can be an argument of a compiled function, and many of one shape can be mapped over.
    """

    directions: Any
    shifts: Any
    weights: Any
    signs: Any
    input_shape: tuple[int, ...] = field(metadata={"static": True})
    output_shape: tuple[int, ...] = field(metadata={"static": True})
    nonzero: bool = field(default=False, metadata={"static": True})

    def __call__(self, x: Any) -> jax.Array:
        if jnp.shape(x) != self.input_shape:
            raise CalculusError(f"SmoothFunction: x has shape {jnp.shape(x)}; it should have {self.input_shape}")
        x = jnp.asarray(x)
        directions, shifts, weights, signs = (
            jnp.asarray(each, x.dtype) for each in (self.directions, self.shifts, self.weights, self.signs)
        )
        found = weights @ jnp.sin(directions @ jnp.reshape(x, (-1,)) + shifts)
        if self.nonzero:
            found = signs * jnp.exp(found / BOUND)
        return jnp.reshape(found, self.output_shape)


def random_smooth_function(rng: np.random.Generator, inputs: Shape, outputs: Shape) -> SmoothFunction:
    """A random function of class C^∞ whose values and derivatives are of order 1, with m×n Jacobian (outputs first).

    f_i(x) = Σ_k w_ik sin(a_k·x + b_k), eight waves. The law: the entries of a_k are normal with variance 1/n, b_k is
    uniform in [0, 2π), and the weights of each output are normal, scaled so that Σ_k |w_ik| = 2. Hence |f_i| ≤ 2
    everywhere, and |∂f_i/∂x_j| ≤ 2 max_k |a_kj|. ``inputs`` and ``outputs`` are numbers n and m (f takes shape (n,) and
    gives (m,)) or shapes, () for a number. CalculusError where an argument does not fit.

    >>> f = random_smooth_function(np.random.default_rng(0), 3, 2)
    >>> f(jnp.zeros(3)).shape, jax.jacobian(f)(jnp.zeros(3)).shape
    ((2,), (2, 3))
    """
    return _draw("random_smooth_function", rng, inputs, outputs, nonzero=False)


def random_nonzero_function(rng: np.random.Generator, inputs: Shape, outputs: Shape) -> SmoothFunction:
    """A random function as a denominator: each output is ±exp(f_i/2), f of `random_smooth_function`'s law, the sign of
    each output drawn once. So 1/e ≤ |g_i(x)| ≤ e everywhere.

    >>> g = random_nonzero_function(np.random.default_rng(0), (), 5)
    >>> bool(jnp.all(jnp.abs(g(jnp.array(0.3))) >= jnp.exp(-1.0)))
    True
    """
    return _draw("random_nonzero_function", rng, inputs, outputs, nonzero=True)


def _draw(where: str, rng: np.random.Generator, into: Shape, out: Shape, nonzero: bool) -> SmoothFunction:
    if not isinstance(rng, np.random.Generator):
        raise CalculusError(f"{where}: rng is {inputs.kind(rng)}; it should be a numpy Generator, as default_rng(0) is")
    input_shape, output_shape = _shape(where, into, "inputs"), _shape(where, out, "outputs")
    n, m = math.prod(input_shape), math.prod(output_shape)
    weights = rng.normal(size=(m, WAVES))
    return SmoothFunction(
        directions=rng.normal(size=(WAVES, n)) / math.sqrt(n),
        shifts=rng.uniform(0.0, 2.0 * math.pi, size=WAVES),
        weights=BOUND * weights / np.abs(weights).sum(axis=1, keepdims=True),
        signs=rng.choice([-1.0, 1.0], size=m),
        input_shape=input_shape,
        output_shape=output_shape,
        nonzero=nonzero,
    )


def _shape(where: str, given: Shape, name: str) -> tuple[int, ...]:
    lengths = given if isinstance(given, tuple) else (given,)
    return tuple(inputs.whole(where, length, name, 1, 4096) for length in lengths)
