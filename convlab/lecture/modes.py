"""Forward against reverse mode: a Jacobian takes n forward sweeps, one for each input, or m reverse ones.

The function is tanh(A tanh(B x)) with square matrices of one size, x filled up with zeros and all but m outputs
dropped: a sweep costs the same whatever n and m are, so that only their numbers count. Both programs are compiled and
warm, and take turns; times, and ratios of times, are medians over rounds. It is a measurement of one machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from convlab.calculus.derivatives import jacobian
from convlab.lecture import figures
from convlab.lecture.shown import Shown, digits

WIDTH = 512
FEW = (1, 16, 256)
MANY = (1, 3, 8, 23, 64, 181, 512)  # powers of √8
ROUNDS = 15
AT_LEAST = 1e-3  # seconds of calls behind each reading, so that the clock's own time does not count

Sweeping = Literal["forward", "reverse"]
Program = Callable[[], Any]


@dataclass(frozen=True)
class Times:
    """Seconds for a Jacobian, and the ``ratio`` of forward to reverse: [i, j] for sizes[i] inputs, sizes[j] outputs."""

    sizes: tuple[int, ...]
    forward: np.ndarray
    reverse: np.ndarray
    ratio: np.ndarray  # the median over the rounds, in which the two stand side by side: slow disturbances cancel
    apart: float  # largest difference of the two modes' Jacobians


def measure(sizes: Sequence[int], rounds: int = ROUNDS) -> Times:
    """Times of both modes for every pair of sizes; every round goes through all programs, so that none has luck."""
    rng = np.random.default_rng(0)
    A, B = (jnp.asarray(rng.normal(size=(WIDTH, WIDTH)) / WIDTH**0.5) for _ in range(2))
    pairs = [tuple(_program(n, m, mode, A, B) for mode in get_args(Sweeping)) for n in sizes for m in sizes]
    apart = max(float(np.max(np.abs(forward() - reverse()))) for forward, reverse in pairs)  # compiled here
    calls = [[max(1, round(AT_LEAST / _seconds(program, 1))) for program in pair] for pair in pairs]
    readings = np.array(
        [
            [
                [_seconds(program, often) for program, often in zip(*both, strict=True)]
                for both in zip(pairs, calls, strict=True)
            ]
            for _ in range(rounds)
        ]
    )
    forward, reverse, ratio = (
        np.median(each, axis=0).reshape(len(sizes), len(sizes))
        for each in (readings[..., 0], readings[..., 1], readings[..., 0] / readings[..., 1])
    )
    return Times(tuple(sizes), forward, reverse, ratio, apart)


def _program(n: int, m: int, mode: Sweeping, A: jax.Array, B: jax.Array) -> Program:
    def f(A: Any, B: Any, x: Any) -> Any:
        return jnp.tanh(A @ jnp.tanh(B @ jnp.pad(x, (0, WIDTH - n))))[:m]

    compiled = jax.jit(lambda A, B, x: jacobian(lambda x: f(A, B, x), x, mode))
    x = jnp.linspace(-1.0, 1.0, n)
    return lambda: compiled(A, B, x).block_until_ready()


def _seconds(program: Program, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        program()
    return (time.perf_counter() - start) / calls


def run() -> Shown:
    times = measure(FEW)
    rows = tuple(
        (
            str(n),
            str(m),
            f"{1e3 * times.forward[i, j]:.3g}",
            f"{1e3 * times.reverse[i, j]:.3g}",
            f"{times.ratio[i, j]:.2g}",
        )
        for i, n in enumerate(FEW)
        for j, m in enumerate(FEW)
    )
    wide, tall = times.ratio[-1, 0], 1.0 / times.ratio[0, -1]
    return Shown(
        ("inputs n", "outputs m", "forward, ms", "reverse, ms", "forward/reverse"),
        rows,
        (
            f"n = {FEW[-1]}, m = 1: reverse mode is {wide:.2g} times as fast; n = 1, m = {FEW[-1]}: forward mode "
            f"{tall:.2g} times. Both give the same Jacobian to {digits(times.apart)}.",
            f"Medians of {ROUNDS} rounds, {_machine()}.",
        ),
        well=bool(wide > 1.0 and tall > 1.0 and times.apart < 1e-12),
    )


def draw() -> Figure:
    times = measure(MANY)
    figure, (map_of_ratios, lines) = figures.row(
        2,
        "Forward against reverse mode",
        "Forward mode wins with fewer inputs than outputs, reverse mode with fewer outputs; they cross near n = m",
        wide=4.1,
    )
    _draw_map(figure, map_of_ratios, times)
    for name, of_mode, colour in zip(get_args(Sweeping), (times.forward, times.reverse), figures.COLOURS, strict=False):
        for outputs, dashes in ((0, "o-"), (-1, "s--")):
            lines.loglog(
                times.sizes, 1e3 * of_mode[:, outputs], dashes, color=colour, markersize=3.5, linewidth=1.2,
                label=f"{name}, m = {times.sizes[outputs]}",
            )  # fmt: skip
    lines.set(xlabel="inputs n", ylabel="time of the Jacobian, ms")
    lines.grid(True)
    lines.legend(fontsize=figures.TINY, loc="center left")
    _ticks(lines, "x")
    figure.text(0.995, 0.98, _machine(), fontsize=figures.TINY, color=figures.GREY, ha="right", va="top")
    return figure


def _draw_map(figure: Figure, axes: Axes, times: Times) -> None:
    sizes = np.array(times.sizes, float)
    between = np.sqrt(sizes[1:] * sizes[:-1])
    edges = np.concatenate([[sizes[0] ** 2 / between[0]], between, [sizes[-1] ** 2 / between[-1]]])
    most = float(np.exp(np.max(np.abs(np.log(times.ratio)))))
    mesh = axes.pcolormesh(edges, edges, times.ratio.T, norm=LogNorm(1.0 / most, most), cmap="PuOr", rasterized=True)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.contour(sizes, sizes, np.log(times.ratio.T), levels=[0.0], colors="black", linewidths=1.4)
    axes.plot([], [], color="black", linewidth=1.4, label="measured crossing")
    axes.plot(sizes, sizes, color="black", linestyle=(0, (1, 1.4)), linewidth=1.2, label="n = m")
    axes.set(xlabel="inputs n", ylabel="outputs m", xlim=edges[[0, -1]], ylim=edges[[0, -1]])
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False, fontsize=figures.TINY)
    bar = figure.colorbar(mesh, ax=axes)
    bar.set_label("time of forward / time of reverse mode", fontsize=figures.SMALL)
    for name in ("x", "y"):
        _ticks(axes, name)


def _ticks(axes: Axes, name: str) -> None:
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_ticks(MANY[::2], labels=[str(size) for size in MANY[::2]])
    axis.set_ticks([], minor=True)


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"measured on {cores} CPU cores, jax {jax.__version__}"
