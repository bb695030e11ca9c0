"""R(θ) = ½ Σ λ_i θ_i², with the spectrum given; θ* = 0 and R* = 0 exactly, so gaps are right down to 1e-300."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.errors import ConvlabError
from convlab.core.problem import Optimum, Problem, displacement
from convlab.core.setting import Known
from convlab.problems._parameters import nonnegative, positive

EXAMPLE = {"dimension": 4, "mu": 0.1}


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    return 0.5 * jnp.sum(constants["eigenvalues"] * jnp.square(theta))


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    assert problem.optimum is not None
    return 0.5 * jnp.sum(problem.constants["eigenvalues"] * jnp.square(displacement(theta, problem.optimum)))


def quadratic(
    dimension: int | None = None,
    L: float = 1.0,
    mu: float | None = None,
    spectrum: Literal["linear", "logarithmic"] = "logarithmic",
    eigenvalues: tuple[float, ...] | None = None,
    D: float = 1.0,
    start: Literal["uniform", "flattest", "steepest"] = "uniform",
    theta0: tuple[float, ...] | None = None,
) -> Problem:
    """R(θ) = ½ Σ λ_i θ_i² for θ in R^d: the eigenbasis and the minimiser are moved to the axes and to 0.

    The eigenvalues are given, or d = ``dimension`` of them (10 unless told) are spaced evenly from ``mu`` (L/100 unless
    told; L in dimension 1) to ``L``, themselves or their logarithms. They may be 0: then θ* is the minimiser nearest to
    θ0. ‖θ0‖ = ``D``: all coordinates alike ("uniform"), or along an eigenvector of the least ("flattest") or the
    largest eigenvalue ("steepest"); or ``theta0`` itself, in place of both.

    Raises ConvlabError where the numbers contradict one another, are negative or not finite, or L = 0.
    """
    values = _eigenvalues(dimension, positive("L", L), mu, spectrum, eigenvalues)
    d = len(values)
    if theta0 is not None:
        origin = np.array([float(x) for x in theta0])
        if len(origin) != d or not np.all(np.abs(origin) <= 1e75):
            raise ConvlabError(f"theta0 = {list(theta0)}; it needs {d} numbers of at most 1e75, one per eigenvalue")
    else:
        along = {"uniform": list(range(d)), "flattest": [int(values.argmin())], "steepest": [int(values.argmax())]}
        if start not in along:
            raise ConvlabError(f"start = '{start}'; allowed: {', '.join(along)}")
        origin = np.zeros(d)
        origin[along[start]] = positive("D", D) / np.sqrt(len(along[start]))
    theta_star = np.where(values == 0.0, origin, 0.0)
    top, bottom = float(values.max()), float(values.min())
    numbers = {
        "L": top,
        "mu": bottom,
        "M": 0.0,
        "D": float(np.linalg.norm(origin - theta_star)),
        "initial_gap": 0.5 * float(np.sum(values * origin**2)),
    }
    traits = {"convex", "smooth", "twice differentiable", "Lipschitz Hessian", "has minimiser", "quadratic"}
    if bottom > 0:
        traits.add("strongly convex")
        numbers["kappa"] = top / bottom
    if d == 1:
        traits.add("one-dimensional")
    zero = np.zeros(())
    return Problem(
        risk=_risk,
        gap=_gap,
        theta0=origin,
        optimum=Optimum(theta_star, np.zeros(d), zero, zero, radius=zero, rounding=zero),
        constants={"eigenvalues": values},
        name="quadratic",
        known={name: Known(value, "exact") for name, value in numbers.items()},
        traits=frozenset(traits),
        denied={} if bottom > 0 else {"strongly convex": "the least eigenvalue is 0"},
        certificate="closed form: theta* = 0 and R* = 0 exactly",
    )


def _eigenvalues(
    dimension: int | None, L: float, mu: float | None, spectrum: str, eigenvalues: tuple[float, ...] | None
) -> np.ndarray:
    if eigenvalues is not None:
        if mu is not None or L != 1.0 or dimension not in (None, len(eigenvalues)):
            raise ConvlabError("eigenvalues are given, so L, mu and the dimension follow from them: leave those out")
        values = np.array([nonnegative("eigenvalues", value) for value in eigenvalues])
        if len(values) == 0 or values.max() == 0.0:
            raise ConvlabError("eigenvalues: at least one positive number is needed")
        return values
    d = 10 if dimension is None else int(dimension)
    if not 1 <= d <= 10_000_000:
        raise ConvlabError(f"dimension = {dimension}; it must be a whole number from 1 to 10,000,000")
    low = (L if d == 1 else L / 100.0) if mu is None else nonnegative("mu", mu)
    if low > L or (d == 1 and low != L):
        raise ConvlabError(f"mu = {low} and L = {L}: mu must be at most L, and equal to it in dimension 1")
    if spectrum == "linear":
        values = np.linspace(low, L, d)
    elif spectrum == "logarithmic":
        if low == 0.0:
            raise ConvlabError("mu = 0 has no logarithm: write spectrum = 'linear', or give the eigenvalues")
        values = np.geomspace(low, L, d)
    else:
        raise ConvlabError(f"spectrum = '{spectrum}'; allowed: linear, logarithmic")
    values[0], values[-1] = low, L
    return values
