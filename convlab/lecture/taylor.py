"""Taylor polynomials of one variable, of any degree: the remainder shrinks as the power degree + 1 of the distance.

The order is the slope of ln|f(x) − T(x)| against ln|x − x0|, measured; the remainder's integral form gives the same
number without subtracting.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from convlab.calculus.remainder import taylor_remainders
from convlab.calculus.taylor import TaylorPolynomial, taylor
from convlab.lecture import figures
from convlab.lecture.shown import Shown, digits

DEGREES = range(7)
_FUNCTIONS: tuple[tuple[str, Callable[[jax.Array], jax.Array], float], ...] = (
    ("exp x", jnp.exp, 0.0),
    ("ln(1 + x)", jnp.log1p, 0.0),
    ("softplus(x) = ln(1 + eˣ)", jax.nn.softplus, 0.25),
    ("x / (1 + x²)", lambda x: x / (1.0 + x * x), 0.375),
)
_SERIES = 20  # the degree at which the number e is summed
_AWAY = 0.125


def run() -> Shown:
    """The order of each remainder with the interval that its window leaves, and the remainder in two ways."""
    rows, well = [], True
    for name, f, x0 in _FUNCTIONS:
        integrals = jax.jit(lambda a, e, f=f: taylor_remainders(f, a, e, DEGREES[-1]))(
            jnp.asarray(x0), jnp.asarray(_AWAY)
        )
        highest = taylor(f, x0, DEGREES[-1])
        for degree in DEGREES:
            T = highest.truncated(degree)
            order, x = T.remainder_order(1.0), T.x0 + _AWAY
            by_integral, by_difference = float(integrals[degree]), float(f(x) - T(x))
            summands = [float(f(x)), *(float(term) for term in T.terms(_AWAY))]
            rounding = (degree + 4) * 2.0**-53 * sum(map(abs, summands))
            agrees = abs(by_integral - by_difference) <= rounding
            well &= order is not None and abs(order.value - degree - 1) < 0.1 and agrees
            rows.append((name, f"{x0:g}", str(degree), str(order), digits(by_integral), digits(by_difference)))
    error = abs(float(taylor(jnp.exp, 0.0, _SERIES)(1.0)) - math.e)
    notes = (f"exp at 1 by the polynomial of degree {_SERIES} around 0: off by {error:.1e}.",)
    header = ("f", "x0", "degree n", "order of f − T: n + 1", f"remainder at x0 + {_AWAY}, integral", "f − T")
    return Shown(header, tuple(rows), notes, bool(well))


def draw() -> Figure:
    """Left the polynomials of rising degree, right the sizes of their remainders with the slopes measured."""
    figure, (left, right) = figures.row(
        2,
        "Taylor polynomials of ln(1 + x) around 0",
        "They approximate near 0 and, past the singularity's distance 1, the worse the higher the degree",
    )
    x = np.linspace(-0.97, 2.0, 400)
    left.plot(x, np.log1p(x), color="black", linewidth=1.8, label="ln(1 + x)")
    radii = np.geomspace(1e-3, 0.9, 60)
    highest = taylor(jnp.log1p, 0.0, DEGREES[-1])
    for place, degree in enumerate(DEGREES):
        T, colour = highest.truncated(degree), figures.COLOURS[place if place < 3 else place + 1]
        values = np.polyval([float(c) for c in reversed(T.coefficients)], x)
        left.plot(x, values, color=colour, linewidth=1.0, label=f"degree {degree}")
        sizes = np.abs(jax.jit(jax.vmap(T.remainder))(jnp.asarray(radii)))
        right.loglog(radii, sizes, color=colour, linewidth=1.2, label=f"{degree}: {_slope(T)}")
    left.axvline(0, color=figures.GREY, linewidth=0.6)
    left.set(xlim=(-1, 2), ylim=(-3.2, 2.4), xlabel="$x$", ylabel="$T_n(x)$")
    left.legend(frameon=False, fontsize=figures.TINY, loc="upper left")
    right.set(xlabel="distance $|x - x_0|$", ylabel="remainder $|f(x) - T_n(x)|$", ylim=(1e-22, 10))
    right.grid(True)
    right.legend(
        frameon=False, fontsize=figures.TINY, title="degree: measured slope [interval]", title_fontsize=figures.TINY
    )
    return figure


def _slope(T: TaylorPolynomial) -> str:
    return str(T.remainder_order(1.0))
