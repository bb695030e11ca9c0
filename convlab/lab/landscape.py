"""The landscape of two-dimensional problems: R on a grid around where the runs went, for pictures of trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.problem import Problem, risk_of
from convlab.core.trace import Trace

_POINTS = 81  # of the grid, in each direction
_FARTHEST = 1.5  # times ‖θ0 − θ*‖: points beyond it, of a run that diverges, do not stretch the picture
_MARGIN = 0.12  # of the extent, on every side


def landscapes(problems: Sequence[Problem], traces: Sequence[Trace]) -> list[dict[str, Any]]:
    """A landscape for each two-dimensional problem, as plain data; ``problems[i]`` is that of ``traces[i]``.

    Must be called within `environment.numerics`.
    """
    together: dict[int, list[int]] = {}
    for index, (problem, trace) in enumerate(zip(problems, traces, strict=True)):
        if trace.points is not None:
            together.setdefault(id(problem), []).append(index)
    return [_landscape(problems[cells[0]], cells, [traces[cell] for cell in cells]) for cells in together.values()]


def _landscape(problem: Problem, cells: Sequence[int], traces: Sequence[Trace]) -> dict[str, Any]:
    optimum = problem.optimum
    start = np.asarray(jax.tree.leaves(problem.theta0)[0], float)
    known = optimum is not None and optimum.hi is not None
    centre = np.asarray(jax.tree.leaves(optimum.hi)[0], float) if optimum is not None and known else start
    reach = _FARTHEST * max(float(np.linalg.norm(start - centre)), 1e-3 * (1 + float(np.linalg.norm(centre))))
    visited = np.concatenate([np.asarray(trace.points).reshape(-1, 2) for trace in traces] + [centre[None]])
    visited = visited[np.linalg.norm(visited - centre, axis=1) <= reach]
    low, high = visited.min(axis=0), visited.max(axis=0)
    extent = np.maximum(high - low, 0.25 * float((high - low).max()))
    middle = (low + high) / 2
    low, high = middle - (0.5 + _MARGIN) * extent, middle + (0.5 + _MARGIN) * extent
    x, y = (np.linspace(low[axis], high[axis], _POINTS) for axis in (0, 1))
    grid = jnp.stack(jnp.meshgrid(jnp.asarray(x), jnp.asarray(y)), axis=-1)
    risk = np.asarray(jax.vmap(jax.vmap(lambda point: risk_of(problem, point)))(grid), float)
    return {
        "cells": list(cells),
        "x": x.tolist(),
        "y": y.tolist(),
        "risk": np.where(np.isfinite(risk), risk, np.finfo(float).max).tolist(),
        "minimiser": centre.tolist() if known else None,
    }
