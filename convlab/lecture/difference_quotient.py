"""The derivative is the limit of difference quotients, from both sides; d/dx xⁿ = n xⁿ⁻¹; and where there is none.

In floating point h cannot go to 0: as it falls the truncation error falls, as h for the one-sided and as h² for the
central quotient, and the rounding error rises as u|f|/h. Between them lies the best h, near √u and ∛u of the scale of
x. At a kink both one-sided limits exist and differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from convlab.calculus.check import check_derivative
from convlab.calculus.differences import (
    backward_quotient,
    difference_errors,
    forward_quotient,
    truncation_slope,
)
from convlab.calculus.slopes import Slope
from convlab.lecture import figures
from convlab.lecture.shown import Shown, digits

POWERS = (1, 2, 3, 5, 10)
_X = 1.5
_U = 2.0**-53
_KINKS: tuple[tuple[str, Callable[[jax.Array], jax.Array], float], ...] = (
    ("|x|", jnp.abs, 0.0),
    ("relu x", jax.nn.relu, 0.0),
    ("x |x|", lambda x: x * jnp.abs(x), 0.0),
    ("|x|", jnp.abs, 1e-3),
    ("∛x", jnp.cbrt, 0.0),
)


def run() -> Shown:
    """xⁿ for several n: derivative, best step and error, measured orders; then kinks, and what is none."""
    rows, well = [], True
    for n in POWERS:
        found, truth = check_derivative(_power(n), _X), n * _X ** (n - 1)
        well &= found.verdict == "correct" and abs(found.autodiff - truth) <= 16 * _U * truth
        rows.append(
            (
                f"x^{n}" if n > 1 else "x",
                f"{_X:g}",
                found.verdict,
                f"{digits(found.autodiff)} (n xⁿ⁻¹ = {digits(truth)})",
                f"{found.best_h:.0e}",
                digits(found.best_error),
                _orders(found.one_sided_order, found.central_order),
            )
        )
    notes = []
    for name, f, x in _KINKS:
        found = check_derivative(f, x)
        expected = "correct" if name == "x |x|" or x else "not differentiable"
        well &= found.verdict == expected
        orders = _orders(found.one_sided_order, found.central_order)
        said = "–" if found.verdict != "correct" else digits(found.autodiff)
        rows.append((name, f"{x:g}", found.verdict, said, "", "", orders if said != "–" else ""))
        if found.verdict != "correct":
            notes.append(f"{name} at {x:g}: {found.why}.")
    header = ("f", "x", "verdict", "derivative", "best h", "its error", "orders, one-sided and central")
    return Shown(header, tuple(rows), tuple(notes), bool(well))


def _power(n: int) -> Callable[[jax.Array], jax.Array]:
    return lambda x: x**n


def _orders(one_sided: Slope | None, central: Slope | None) -> str:
    return ", ".join("–" if slope is None else f"{slope.value:.2f}" for slope in (one_sided, central))


def draw() -> Figure:
    """Left the V of the error over h, right the one-sided quotients of |x| and x² at 0."""
    figure, (left, right) = figures.row(
        2,
        "The difference quotient: how small a step, and from which side",
        "Left: truncation falls with h, rounding rises as u|f|/h. "
        "Right: the limits of |x| from left and right differ, those of x² agree",
    )
    _vee(left)
    _sides(right)
    return figure


def _vee(axes: Axes) -> None:
    h = np.geomspace(1.0, 1e-16, 81)
    errors = difference_errors(jnp.sin, 1.0, 1.0, h, math.cos(1.0))
    rounding = _U * math.sin(1.0) / h
    axes.loglog(h, rounding, color=figures.GREY, linewidth=1.0, linestyle="--")
    _beside(axes, 3e-16, 2e-10, "rounding\n$u\\,|f|/h$,\nslope −1", figures.GREY, "left")
    curves = (
        ("one-sided", errors.one_sided, _U**0.5, "$h=\\sqrt{u}$", (4e-2, 3.0), "right"),
        ("central", errors.central, _U ** (1 / 3), "$h=u^{1/3}$", (1.5, 3e-10), "right"),
    )
    for place, (name, error, best, told, (x, y), side) in enumerate(curves):
        colour = figures.COLOURS[place]
        axes.loglog(h, np.where(error > 0, error, np.nan), color=colour, linewidth=1.2)
        _beside(axes, x, y, f"{name}\n{_in_two_lines(truncation_slope(h, error, rounding))}", colour, side)
        axes.axvline(best, ymin=0.1, color=colour, linewidth=0.8, linestyle=":")
        axes.text(best, 2e-19, told, fontsize=figures.TINY, color=colour, ha="center", va="top")
    if errors.complex_step is not None:
        error, colour = errors.complex_step, figures.COLOURS[2]
        axes.loglog(h, np.where(error > 2 * _U, error, np.nan), color=colour, linewidth=1.2, linestyle=(0, (3, 3)))
        told = _in_two_lines(truncation_slope(h, error, np.full(h.shape, _U)))
        _beside(axes, 9e-6, 1e-16, f"complex step\n{told}", colour, "left")
    axes.set(xlabel="step $h$", ylabel="error of the quotient", ylim=(1e-20, 1e2))
    axes.set_title("$\\sin$ at $1$", fontsize=figures.SMALL)
    axes.grid(True)


def _beside(axes: Axes, x: float, y: float, told: str, colour: str, side: str) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
    axes.text(x, y, told, fontsize=figures.TINY, color=colour, ha=side, va="center", bbox=box)


def _in_two_lines(slope: Slope | None) -> str:
    return "no slope" if slope is None else f"slope {str(slope).replace(' ', chr(10), 1)}"


def _sides(axes: Axes) -> None:
    h = np.geomspace(1e-8, 1.0, 60)
    for place, (name, f) in enumerate((("$|x|$", jnp.abs), ("$x^2$", jnp.square))):
        for dashes, side, quotient in (("-", "right", forward_quotient), ("--", "left", backward_quotient)):
            values = np.asarray(quotient(f, 0.0, 1.0, jnp.asarray(h)))
            axes.semilogx(h, values, color=figures.COLOURS[place], linestyle=dashes, label=f"{name}, from the {side}")
    axes.set(xlabel="step $h$", ylabel="quotient at $0$", ylim=(-1.3, 1.7))
    axes.set_title("one-sided quotients at $0$", fontsize=figures.SMALL)
    axes.grid(True)
    axes.legend(frameon=False, fontsize=figures.TINY, ncols=2, loc="upper center")
