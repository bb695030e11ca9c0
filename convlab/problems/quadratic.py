"""R(θ) = ½ Σ λ_i θ_i², with the spectrum given; θ* = 0 and R* = 0 exactly, so gaps are right down to 1e-300."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.problem import Optimum, Problem, displacement
from convlab.core.setting import Known
from convlab.problems import _constraints, _spectra
from convlab.problems import _double as dd
from convlab.problems._enclosure import exactly, moved, norm, weighted_squares
from convlab.problems._parameters import positive

EXAMPLE = {"dimension": 4, "mu": 0.1}
VARIANTS = {
    "power law": {"dimension": 6, "spectrum": "power law", "capacity": 1.5, "source": 2.0, "L": 2.0},
    "ball": {"dimension": 4, "mu": 0.1, "constraint": "ball", "radius": 1.25},
    "box": {"dimension": 4, "mu": 0.1, "constraint": "box", "radius": 0.75},
    "simplex": {"dimension": 4, "mu": 0.1, "constraint": "simplex"},
}


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    return 0.5 * jnp.sum(constants["eigenvalues"] * jnp.square(theta))


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    assert problem.optimum is not None
    return 0.5 * jnp.sum(problem.constants["eigenvalues"] * jnp.square(displacement(theta, problem.optimum)))


def quadratic(
    dimension: int | None = None,
    L: float = 1.0,
    mu: float | None = None,
    spectrum: Literal["linear", "logarithmic", "power law"] = "logarithmic",
    eigenvalues: tuple[float, ...] | None = None,
    D: float = 1.0,
    start: Literal["uniform", "flattest", "steepest"] = "uniform",
    theta0: tuple[float, ...] | None = None,
    capacity: float | None = None,
    source: float | None = None,
    constraint: Literal["ball", "box", "simplex"] | None = None,
    radius: float | None = None,
) -> Problem:
    """R(θ) = ½ Σ λ_i θ_i² for θ in R^d: the eigenbasis and the minimiser are moved to the axes and to 0.

    The eigenvalues are given, or d = ``dimension`` of them (10 unless told) are spaced evenly from ``mu`` (L/100 unless
    told; L in dimension 1) to ``L``, themselves or their logarithms. They may be 0: then θ* is the minimiser nearest to
    θ0. ‖θ0‖ = ``D``: all coordinates alike ("uniform"), or along an eigenvector of the least ("flattest") or the
    largest eigenvalue ("steepest"); or ``theta0`` itself, in place of both. A "power law" has λ_i = L·i^(−capacity) and
    θ0_i² ∝ i^(−source): for 1 << T << d^capacity gradient descent's gap is (L·c·Γ(s)/(2·capacity))·(2ηLT)^(−s), with
    s = (capacity + source − 1)/capacity and c = D²/Σ i^(−source).

    ``constraint``: ‖θ‖ <= ``radius`` ("ball"), |θ_i| <= ``radius`` ("box"), or θ >= 0 and Σθ_i = 1 ("simplex"), where
    θ*_i = (1/λ_i)/Σ(1/λ_j), R* = 1/(2 Σ(1/λ_j)), θ0 = (1, 0, …, 0) unless given, and on the set the gap is
    ½ Σ λ_i (θ_i − θ*_i)². G is then the largest ‖∇R‖ on the set, and ``diameter`` is that of the set.

    Raises ConvlabError where the numbers contradict one another, are negative or not finite, L = 0, θ0 is not in the
    set, or an eigenvalue is 0 on the simplex.
    """
    beside = {"eigenvalues": eigenvalues is not None, "mu": mu is not None, "start": start != "uniform"}
    beside |= {"theta0": theta0 is not None, "constraint = 'simplex'": constraint == "simplex"}
    law = _spectra.exponents(spectrum, capacity, source, beside)
    radius = _constraints.radius_of(constraint, radius)
    values = _spectra.eigenvalues_of(dimension, positive("L", L), mu, spectrum, eigenvalues, law.get("capacity"))
    if constraint == "simplex":
        optimum, origin = _constraints.on_simplex(values, D, start, theta0)
    else:
        origin = _spectra.start_of(values, D, start, theta0, law.get("source"))
        zero = np.zeros(())
        optimum = Optimum(np.where(values == 0.0, origin, 0.0), np.zeros(len(values)), zero, zero, zero, zero)
    e = dd.add(dd.pair(origin), dd.negative((np.asarray(optimum.hi), np.asarray(optimum.lo))))
    top, bottom = float(values.max()), float(values.min())
    known = {name: Known(value, "exact") for name, value in {"L": top, "mu": bottom, "M": 0.0, **law}.items()}
    off = float(optimum.radius) * (1.0 + 2.0**10)  # of e: what θ* errs by, and 3u²|e| <= 5u² on the simplex
    known["D"] = norm(*e, radius=off).known()
    known["initial_gap"] = moved(weighted_squares(values, *e).times(Fraction(1, 2)), top, off).known()
    traits = {"convex", "smooth", "twice differentiable", "Lipschitz Hessian", "has minimiser", "quadratic"}
    if bottom > 0:
        traits.add("strongly convex")
        known["kappa"] = exactly(Fraction(top) / Fraction(bottom)).above()
    if len(values) == 1:
        traits.add("one-dimensional")
    if constraint is not None:
        _constraints.check_start(constraint, radius, origin)
        traits.add("Lipschitz")
        known |= _constraints.facts(constraint, radius, values)
    return Problem(
        risk=_risk,
        gap=_gap,
        project=_constraints.PROJECTIONS[constraint] if constraint is not None else None,
        theta0=origin,
        optimum=optimum,
        constants={"eigenvalues": values} | ({} if radius is None else {"radius": np.array(radius)}),
        name="quadratic",
        known=known,
        traits=frozenset(traits),
        denied={} if bottom > 0 else {"strongly convex": "the least eigenvalue is 0"},
        certificate="closed form: theta* = 0 and R* = 0 exactly"
        if constraint != "simplex"
        else "closed form: theta*_i = (1/λ_i)/Σ(1/λ_j) in 50 digits",
    )
