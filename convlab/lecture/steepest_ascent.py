"""The gradient is the direction of steepest ascent: among unit directions u, ∇f/‖∇f‖ increases f most.

The best direction is searched for with values of f alone. The table has a line for each function: the angle between
what was found and the gradient, for radii h that shrink. The curvature turns the best direction by an angle of order h;
below h = 1e-5 rounding hides it. The figure shows where the best directions of three radii lie, and how the increase
depends on the direction: a cosine, the more the smaller the radius.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from convlab.calculus.derivatives import hessian_vector_product, value_and_gradient
from convlab.calculus.random_functions import random_smooth_function
from convlab.calculus.steepest import SteepestAscent, steepest_ascent
from convlab.lecture import figures
from convlab.lecture.shown import Shown

RADII = (1e-1, 1e-2, 1e-3, 1e-4, 1e-6)
DIRECTIONS = 10_000
DRAWN = (0.8, 0.4, 0.1)
AT = (1.2, 0.5)


@dataclass(frozen=True)
class _Case:
    name: str
    f: Callable[[Any], Any]
    x: Any


def _bowl(x: Any) -> Any:
    return x[0] ** 2 + 3.0 * x[1] ** 2


def _cases() -> tuple[_Case, ...]:
    rng = np.random.default_rng(0)
    example = lambda x: x[0] ** 2 * x[1] + x[0] * x[1] ** 3  # noqa: E731 - the lecture's
    valley = lambda x: (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2  # noqa: E731 - Rosenbrock's
    return (
        _Case("x1² + 3 x2²", _bowl, jnp.asarray(AT)),
        _Case("x1² x2 + x1 x2³", example, jnp.asarray([2.0, 1.0])),
        _Case("Rosenbrock's valley", valley, jnp.asarray([-1.2, 1.0])),
        _Case("log Σ exp x", jax.nn.logsumexp, jnp.asarray([1.0, 0.0, -2.0])),
        *(_Case("random waves", random_smooth_function(rng, n, ()), jnp.asarray(rng.normal(size=n))) for n in (5, 10)),
    )


def run() -> Shown:
    cases = _cases()
    found = [[steepest_ascent(case.f, case.x, h) for h in RADII] for case in cases]
    turns = [_turn(case) for case in cases]
    rows = tuple(
        (case.name, str(case.x.size), *(f"{math.degrees(each.angle):.2g}°" for each in of_case), f"{turn:.2g}° h")
        for case, of_case, turn in zip(cases, found, map(math.degrees, turns), strict=True)
    )
    well = all(_fits(each, turn) for of_case, turn in zip(found, turns, strict=True) for each in of_case[1:])
    share = _best_of_random(cases[-1], RADII[2])
    coarse = max(math.degrees(each[-1].resolution) for each in found)
    return Shown(
        ("function", "dimensions", *(f"h = {h:g}" for h in RADII), "by curvature"),
        rows,
        (
            "Angle between the unit direction of the largest f(x + h u) − f(x) and ∇f/‖∇f‖. By curvature: H turns it "
            "by h ‖(I − g gᵀ)H g‖/‖∇f‖, g = ∇f/‖∇f‖, to first order in h.",
            f"At h = {RADII[-1]:g} rounding takes over: within {coarse:.2g}° of the best all increases look alike.",
            f"In {cases[-1].x.size} dimensions the best of {DIRECTIONS:,} random directions reaches {share:.3f} of the "
            f"gradient's increase at h = {RADII[2]:g}.",
        ),
        well=well and share <= 1.0,
    )


def _turn(case: _Case) -> float:
    """‖(I − g gᵀ)H g‖/‖∇f‖: the angle per radius, in radians."""
    gradient = value_and_gradient(case.f, case.x)[1]
    slope = jnp.linalg.norm(gradient)
    g = gradient / slope
    curved = hessian_vector_product(case.f, case.x, g)
    return float(jnp.linalg.norm(curved - (g @ curved) * g) / slope)


def _fits(found: SteepestAscent, turn: float) -> bool:
    """The angle is no larger than twice the curvature's, and what rounding adds in each plane."""
    planes = max(1, found.measured.size - 1)
    return found.angle <= 2.0 * found.radius * turn + 3.0 * math.sqrt(planes) * found.resolution


def _best_of_random(case: _Case, h: float) -> float:
    u = np.random.default_rng(1).normal(size=(DIRECTIONS, case.x.size))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    value, gradient = value_and_gradient(case.f, case.x)
    increases = jax.vmap(lambda u: case.f(case.x + h * u) - value)(jnp.asarray(u))
    along = case.f(case.x + h * gradient / jnp.linalg.norm(gradient)) - value
    return float(jnp.max(increases) / along)


def draw() -> Figure:
    x = jnp.asarray(AT)
    found = [steepest_ascent(_bowl, x, h) for h in DRAWN]
    figure, (plane, around) = figures.row(
        2,
        "The gradient is the direction of steepest ascent",
        "The best direction on a circle, found from values of f alone, turns to the gradient's as the circle shrinks",
    )
    _draw_plane(plane, found)
    _draw_around(around, found)
    return figure


def _draw_plane(axes: Axes, found: list[SteepestAscent]) -> None:
    a, b = np.meshgrid(np.linspace(-0.4, 2.6, 121), np.linspace(-1.15, 1.55, 121))
    axes.contour(a, b, _bowl((a, b)), levels=np.arange(0.5, 14.0), colors=figures.GREY, linewidths=0.5)
    along = found[0].gradient
    axes.annotate(
        "", xy=(AT[0] + along[0], AT[1] + along[1]), xytext=AT,
        arrowprops={"arrowstyle": "-|>", "color": figures.COLOURS[3], "shrinkA": 0, "shrinkB": 0, "linewidth": 1.4},
    )  # fmt: skip
    axes.plot([], [], color=figures.COLOURS[3], linewidth=1.4, label=r"$\nabla f/\|\nabla f\|$")
    angles = np.linspace(0.0, 2.0 * math.pi, 181)
    for each, colour in zip(found, figures.COLOURS, strict=False):
        h = each.radius
        axes.plot(AT[0] + h * np.cos(angles), AT[1] + h * np.sin(angles), color=colour, linewidth=0.9)
        axes.plot(
            AT[0] + h * each.measured[0], AT[1] + h * each.measured[1], "o", color=colour, markersize=5,
            label=f"best on h = {h:g}: {math.degrees(each.angle):.1f}° off",
        )  # fmt: skip
    axes.set(xlabel=r"$x_1$", ylabel=r"$x_2$", aspect="equal")
    axes.set_title(r"contour lines of $f(x)=x_1^2+3x_2^2$", fontsize=figures.SMALL)
    axes.legend(loc="lower left", fontsize=figures.TINY, framealpha=1.0)


def _draw_around(axes: Axes, found: list[SteepestAscent]) -> None:
    phi = np.linspace(-180.0, 180.0, 361)
    toward = math.atan2(found[0].gradient[1], found[0].gradient[0])
    angles = np.radians(phi) + toward
    for each, colour in zip(found, figures.COLOURS, strict=False):
        h = each.radius
        at = (AT[0] + h * np.cos(angles), AT[1] + h * np.sin(angles))
        share = (_bowl(at) - _bowl(AT)) / (h * each.slope)
        axes.plot(phi, share, color=colour, linewidth=1.2, label=f"measured, h = {h:g}")
        axes.plot(phi[np.argmax(share)], np.max(share), "o", color=colour, markersize=5)
    axes.plot(phi, np.cos(np.radians(phi)), color=figures.COLOURS[3], linestyle=(0, (4, 1.6)), label=r"$\cos\varphi$")
    axes.set(
        xlabel=r"angle $\varphi$ from the gradient, in degrees",
        ylabel=r"$(f(x+hu)-f(x))\,/\,(h\|\nabla f(x)\|)$",
        xticks=[-180, -90, 0, 90, 180],
    )
    axes.grid(True)
    axes.set_title("increase over the direction", fontsize=figures.SMALL)
    axes.legend(fontsize=figures.TINY)
