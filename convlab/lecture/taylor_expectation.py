"""E f(x) for Gaussian x, where the integral is hard: by Taylor expansion around the mean, held against quadrature.

The expansion to order 2m is off by the first moment that it leaves out, a power 2m + 2 of the spread; of a polynomial
it is exact. It is a local method: with a large spread more terms need not help.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from convlab.calculus.expectation import expansion, gauss_hermite_expectation
from convlab.calculus.slopes import Slope, log_slope
from convlab.lecture import figures
from convlab.lecture.shown import Shown, digits

ORDERS = (0, 2, 4, 6)
_SHAPE = np.array([[1.0, 0.6], [0.6, 0.8]])  # of the covariance in two dimensions, times the square of the spread
_MEAN = np.array([0.5, -0.25])
_CLEAR = 1e-13  # of the value: errors below are rounding


def _one(x: jax.Array) -> jax.Array:
    return jax.nn.softplus(x)


def _two(x: jax.Array) -> jax.Array:
    return jnp.exp(0.5 * x[0]) * jnp.cos(x[1])


def _exact_two(spread: float) -> float:
    """E exp(x1/2) cos x2 = Re E exp(aᵀx), a = (1/2, i): exp(aᵀμ + ½ aᵀΣa)."""
    a = np.array([0.5, 1j])
    return float(np.exp(a @ _MEAN + 0.5 * spread**2 * (a @ _SHAPE @ a)).real)


_CASES: tuple[tuple[str, Callable[[jax.Array], jax.Array], np.ndarray, np.ndarray], ...] = (
    ("softplus(x), x ~ N(1/2, σ²)", _one, np.array(0.5), np.array(1.0)),
    ("exp(x1/2) cos x2, in two dimensions", _two, _MEAN, _SHAPE),
)


def errors(case: int, spreads: np.ndarray) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Quadrature's E f at each spread, and the error of each order against it."""
    _, f, mean, shape = _CASES[case]
    truth = np.array([float(gauss_hermite_expectation(f, mean, s**2 * shape, 60)) for s in spreads])
    root = np.linalg.cholesky(np.atleast_2d(shape)).reshape(shape.shape)
    columns = jnp.asarray(root.T if root.ndim else root[None])

    def of_order(order: int) -> np.ndarray:
        """`taylor_expectation` at every spread, compiled once."""
        each = jax.jit(jax.vmap(lambda s: expansion(f, order, jnp.asarray(mean), s * columns)))
        return np.asarray(each(jnp.asarray(spreads)))

    found = {order: of_order(order) for order in ORDERS}
    return truth, {order: np.abs(values - truth) for order, values in found.items()}


def order_of(spreads: np.ndarray, truth: np.ndarray, error: np.ndarray) -> Slope | None:
    """The slope of the error over spreads up to 1/2, rounding left out."""
    here = (error > _CLEAR * np.abs(truth)) & (spreads <= 0.5)
    return log_slope(spreads[here], error[here])


def run() -> Shown:
    """Errors at three spreads, and the measured power of the spread."""
    rows, well = [], True
    spreads = np.geomspace(0.1, 0.8, 13)
    for case, (name, *_) in enumerate(_CASES):
        truth, found = errors(case, spreads)
        for order, error in found.items():
            slope = order_of(spreads, truth, error)
            well &= slope is not None and abs(slope.value - order - 2) < 0.2
            rows.append((name, str(order), *(digits(float(error[k])) for k in (0, 6, 12)), str(slope)))
    quadrature = abs(float(gauss_hermite_expectation(_two, _MEAN, _SHAPE, 60)) - _exact_two(1.0))
    well &= quadrature < 1e-13
    notes = (f"quadrature itself, against the closed form in two dimensions at spread 1: off by {digits(quadrature)}.",)
    header = ("E f(x)", "order", *(f"error at σ = {spreads[k]:.3g}" for k in (0, 6, 12)), "power of σ: order + 2")
    return Shown(header, tuple(rows), notes, bool(well))


def draw() -> Figure:
    """Error against spread for each order, log-log, with the measured power."""
    figure, panels = figures.row(
        2,
        "Taylor expansion of an expectation, against Gauss–Hermite quadrature",
        "More terms help while the spread is small; where it is large they need not",
    )
    spreads = np.geomspace(0.05, 4.0, 33)
    for case, panel in enumerate(panels):
        truth, found = errors(case, spreads)
        for place, (order, error) in enumerate(found.items()):
            seen = np.where(error > 0, error, np.nan)
            label = f"order {order}: {order_of(spreads, truth, error)}"
            panel.loglog(spreads, seen, color=figures.COLOURS[place], linewidth=1.3, label=label)
        panel.loglog(
            spreads, 2.0**-53 * np.abs(truth), color=figures.GREY, linewidth=0.9, linestyle=":", label="unit roundoff"
        )
        panel.set(xlabel="spread $\\sigma$", ylabel="error of $E\\,f(x)$", ylim=(1e-17, None))
        panel.set_title(_CASES[case][0].replace("x1", "$x_1$").replace("x2", "$x_2$"), fontsize=figures.SMALL)
        panel.grid(True)
        panel.legend(
            frameon=False,
            fontsize=figures.TINY,
            title="measured power of σ, σ ≤ 1/2",
            title_fontsize=figures.TINY,
            loc="lower right",
            bbox_to_anchor=(1.02, 0.07),
        )
    return figure
