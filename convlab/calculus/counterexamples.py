"""Functions on which the calculus is less simple than it looks."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from convlab.calculus import inputs


def flat_function(x: jax.Array) -> jax.Array:
    """e^(−1/x²), and 0 at x = 0: smooth everywhere, every derivative at 0 is 0, and its Taylor series there is 0.

    So a C^∞ function need not equal its Taylor series (Cauchy). The argument of the exponential is kept away from
    1/0 also in the branch that is not taken: else its derivative, 0·∞, would be NaN.

    >>> float(flat_function(jnp.array(0.5))) == float(jnp.exp(-4.0)), float(jax.grad(flat_function)(0.0))
    (True, 0.0)
    """
    here = jnp.abs(x) > 1e-3  # below it the value underflows, e^(−10⁶)
    safe = jnp.where(here, x, jnp.ones_like(x))
    return jnp.where(here, jnp.exp(-1.0 / jnp.square(safe)), jnp.zeros_like(x))


def peano_function(x: jax.Array) -> jax.Array:
    """xy(x² − y²)/(x² + y²), and 0 at 0: ∂²f/∂y∂x = −1 and ∂²f/∂x∂y = +1 at 0, for x of shape (2,).

    Its second derivatives exist everywhere and are not continuous at 0, where Schwarz's theorem does not apply (Peano
    1884). Along the axes the first derivatives are ∂f/∂x(0, y) = −y and ∂f/∂y(x, 0) = x.

    >>> float(peano_function(jnp.array([2.0, 1.0])))
    1.2
    """
    point = inputs.array("peano_function", x, "x", (2,))
    a, b = point
    square = a * a + b * b
    at_zero = square == 0
    quotient = (a * a - b * b) / jnp.where(at_zero, jnp.ones_like(square), square)
    return jnp.where(at_zero, jnp.zeros_like(a), a * b * quotient)
