"""Eigenvalues of quadratics, given or spaced by a rule, and the starts that belong to them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from convlab.core.errors import ConvlabError
from convlab.problems._parameters import nonnegative, positive

Array = npt.NDArray[np.float64]
POWER_LAW = "power law"


def eigenvalues_of(
    dimension: int | None,
    L: float,
    mu: float | None,
    spectrum: str,
    eigenvalues: tuple[float, ...] | None,
    capacity: float | None,
) -> Array:
    """The eigenvalues as given, or d of them up to L: evenly from mu, their logarithms evenly, or L·i^(−capacity).

    Raises ConvlabError where the numbers contradict one another, are negative or not finite.
    """
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
    if capacity is not None:
        values = L * _powers(d, capacity)
        if values[-1] < 1e-150:
            raise ConvlabError(f"capacity = {capacity} and dimension = {d}: the least eigenvalue is below 1e-150")
        return values
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
        raise ConvlabError(f"spectrum = '{spectrum}'; allowed: linear, logarithmic, {POWER_LAW}")
    values[0], values[-1] = low, L
    return values


def exponents(spectrum: str, capacity: float | None, source: float | None, beside: dict[str, bool]) -> dict[str, float]:
    """The power law's capacity and source, {} for other spectra; ``beside`` says which other arguments were given.

    Raises ConvlabError where one of the two is missing or superfluous, or something else decides the same.
    """
    if spectrum != POWER_LAW:
        for name, value in (("capacity", capacity), ("source", source)):
            if value is not None:
                raise ConvlabError(f"{name} = {value} needs spectrum = '{POWER_LAW}'; spectrum = '{spectrum}'")
        return {}
    if capacity is None or source is None:
        missing = "capacity" if capacity is None else "source"
        raise ConvlabError(f"spectrum = '{POWER_LAW}' needs capacity and source; {missing} is missing")
    for name, given in beside.items():
        if given:
            raise ConvlabError(f"spectrum = '{POWER_LAW}' decides eigenvalues and start by itself: leave {name} out")
    return {"capacity": positive("capacity", capacity), "source": nonnegative("source", source)}


def start_of(
    values: Array, D: float, start: str, theta0: tuple[float, ...] | None, source: float | None
) -> npt.NDArray[np.float64]:
    """θ0 as given, or of norm D: uniform, along the flattest or steepest axis, or θ0_i² ∝ i^(−source)."""
    d = len(values)
    if theta0 is not None:
        origin = np.array([float(x) for x in theta0])
        if len(origin) != d or not np.all(np.abs(origin) <= 1e75):
            raise ConvlabError(f"theta0 = {list(theta0)}; it needs {d} numbers of at most 1e75, one per eigenvalue")
        return origin
    if source is not None:
        shape = _powers(d, 0.5 * source)
        return np.asarray(positive("D", D) * (shape / np.linalg.norm(shape)))
    along = {"uniform": list(range(d)), "flattest": [int(values.argmin())], "steepest": [int(values.argmax())]}
    if start not in along:
        raise ConvlabError(f"start = '{start}'; allowed: {', '.join(along)}")
    origin = np.zeros(d)
    origin[along[start]] = positive("D", D) / np.sqrt(len(along[start]))
    return origin


def _powers(d: int, exponent: float) -> Array:
    return np.arange(1, d + 1, dtype=np.float64) ** -exponent
