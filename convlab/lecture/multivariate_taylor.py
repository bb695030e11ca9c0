"""Taylor expansions of several variables: Σ_k Dᵏf(x0)·δᵏ/k!, as tensors and by directional derivatives.

Written out: k = 0 is f, k = 1 is ∇f δ, k = 2 is ½ δᵀHδ = ½ tr(H δδᵀ), k = 3 sums D³f over three indices and divides by
6. Tensors are formed where they are small; along δ the same terms need none.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from convlab.calculus.derivatives import hessian
from convlab.calculus.taylor import TaylorPolynomial, taylor, taylor_along
from convlab.lecture import figures
from convlab.lecture.shown import Shown, digits

ORDERS = range(7)
_X0, _DELTA = np.array([0.3, -0.4]), np.array([0.3, -0.2])
_U = 2.0**-53


def _f(x: jax.Array) -> jax.Array:
    return jnp.exp(0.5 * x[0]) * jnp.sin(x[1]) + jax.nn.softplus(x[0] * x[1])


def run() -> Shown:
    """Terms in both forms, and the measured order of what each polynomial misses."""
    rows, well = [], True
    along = taylor_along(_f, _X0, _DELTA, max(ORDERS))
    highest = taylor(_f, _X0, max(ORDERS))
    for k in ORDERS:
        T = highest.truncated(k)
        term, order = T.terms(_DELTA)[-1], T.remainder_order(_DELTA)
        difference = abs(float(term - along[k]))
        well &= difference <= 1e-12 and order is not None and abs(order.value - k - 1) < 0.1
        shape = " × ".join(["2"] * k) or "scalar"
        rows.append((str(k), shape, digits(float(term)), digits(float(along[k])), digits(difference), str(order)))
    H = np.asarray(hessian(_f, _X0))
    form, trace = float(_DELTA @ H @ _DELTA), float(np.trace(H @ np.outer(_DELTA, _DELTA)))
    well &= abs(form - trace) <= 8 * _U * abs(form)
    notes = (f"δᵀHδ = {digits(form)}, tr(H δδᵀ) = {digits(trace)}: twice the term of k = 2.",)
    header = ("k", "Dᵏf", "Dᵏf·δᵏ/k! by tensors", "along δ", "difference", "order of the remainder: k + 1")
    return Shown(header, tuple(rows), notes, bool(well))


def draw() -> Figure:
    """A surface with its tangent plane and with its quadratic model, and the errors of both along a line."""
    figure, panels = figures.row(
        3,
        "Linear and quadratic model of a function of two variables",
        "The models touch the surface at the dot; along the line through it their errors shrink as δ² and δ³",
        wide=3.1,
    )
    for place, order in ((0, 1), (1, 2)):
        _surface(figure, panels[place], taylor(_f, _X0, order), ("linear", "quadratic")[place], place)
    errors, radii = panels[2], np.geomspace(1e-3, 1.0, 40)
    unit = _DELTA / np.linalg.norm(_DELTA)
    for place, order in ((0, 1), (1, 2)):
        T = taylor(_f, _X0, order)
        sizes = np.abs(jax.jit(jax.vmap(T.remainder))(jnp.asarray(_X0 + radii[:, None] * unit)))
        label = f"{('linear', 'quadratic')[place]}: slope {T.remainder_order(unit)}"
        errors.loglog(radii, sizes, color=figures.COLOURS[place], linewidth=1.3, label=label)
    errors.set(xlabel="distance $\\|\\delta\\|$", ylabel="error of the model")
    errors.grid(True)
    errors.legend(frameon=False, fontsize=figures.TINY, loc="upper left")
    return figure


def _surface(figure: Figure, flat: Axes, model: TaylorPolynomial, name: str, place: int) -> None:
    """The function in grey with the model, in colour, over a square around x0; it takes the place of flat axes."""
    spot = flat.get_subplotspec()
    flat.remove()
    axes = figure.add_subplot(spot, projection="3d")
    side = np.linspace(-2.0, 2.0, 33)
    grid = np.stack(np.meshgrid(_X0[0] + side, _X0[1] + side), axis=-1)
    true, modelled = (np.asarray(jax.vmap(jax.vmap(g))(jnp.asarray(grid))) for g in (_f, model))
    low, high = float(true.min()) - 0.5, float(true.max()) + 0.5
    modelled = np.where((modelled > low) & (modelled < high), modelled, np.nan)
    x, y = grid[..., 0], grid[..., 1]
    axes.plot_surface(x, y, true, color="#BBBBBB", alpha=0.55, linewidth=0, rstride=2, cstride=2)
    axes.plot_wireframe(x, y, modelled, color=figures.COLOURS[place], linewidth=0.6, rstride=4, cstride=4)
    axes.scatter([_X0[0]], [_X0[1]], [float(_f(jnp.asarray(_X0)))], color="black", s=14, depthshade=False)
    axes.set(xlabel="$x_1$", ylabel="$x_2$", zlim=(low, high))
    axes.set_title(f"$f$ (grey) and its {name} model", fontsize=figures.SMALL, y=0.98)
    axes.set(xticks=[-1, 0, 1, 2], yticks=[-2, -1, 0, 1])
    axes.tick_params(labelsize=figures.TINY, pad=-2)
    axes.view_init(elev=24, azim=-60)
