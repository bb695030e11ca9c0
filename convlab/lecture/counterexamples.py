"""Where care is needed: a one-sided limit is no derivative; smooth is not analytic; mixed derivatives may differ.

|x| at 0 has a limit of its difference quotients from the right and another from the left, and no derivative.
e^(−1/x²) is infinitely often differentiable, its Taylor series at 0 is 0, and the function is not. The order of two
partial derivatives matters where the second derivatives are not continuous: xy(x² − y²)/(x² + y²) at 0.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from convlab.calculus.counterexamples import flat_function, peano_function
from convlab.calculus.derivatives import gradient
from convlab.calculus.directional import directional_derivatives
from convlab.lecture.shown import Shown, digits

_H = 2.0**-20


def run() -> Shown:
    """One line for each: what a theorem would say, and what is measured."""
    right, left = (float(abs(h) - abs(0.0)) / h for h in (_H, -_H))
    series = directional_derivatives(flat_function, 0.0, 1.0, 4)
    value = float(flat_function(jnp.asarray(0.5)))
    # ∂f/∂x on the y axis and ∂f/∂y on the x axis, whose difference quotients are the mixed second derivatives at 0.
    xy = float(gradient(peano_function, [0.0, _H])[0]) / _H
    yx = float(gradient(peano_function, [_H, 0.0])[1]) / _H
    rows = (
        ("|x| at 0", "(f(h) − f(0))/h, h → 0 from the right and from the left", f"{right:g} and {left:g}"),
        ("e^(−1/x²) at 0", "f, f′, …, f⁗ at 0", ", ".join(digits(float(term)) for term in series)),
        ("e^(−1/x²) at 0.5", "its Taylor polynomial, and f", f"0 and {digits(value)}"),
        ("xy(x²−y²)/(x²+y²) at 0", "∂/∂y ∂f/∂x and ∂/∂x ∂f/∂y", f"{xy:g} and {yx:g}"),
    )
    well = (right, left, xy, yx) == (1.0, -1.0, -1.0, 1.0) and not np.any(series) and abs(value - np.exp(-4.0)) < 1e-17
    notes = (
        "In backward mode the sum runs over the nodes that use v_i, in forward mode over those that v_i uses: see "
        "`convlab calculus backpropagation`.",
        "The price of random gradients is a factor √T in the gap: `convlab run price_of_randomness`.",
    )
    return Shown(("function", "what", "measured"), rows, notes, bool(well))
