"""Real floating point where θ* ≠ 0: a step rounds relative to θ*, however near it has come; no ruling rests on that.

Least squares on rows of signs (Hadamard), each column times a power of two, y of whole numbers: H is diagonal, and L,
μ, θ* and D are exact, so that the bounds are attained to the last digit and only rounding is left to blame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from instances import THEOREMS, setting_of, times

from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.lab.judge import judge
from tests.running import run

DTYPES = {"float64": np.float64, "float32": np.float32}
UNITS = {"float64": 2.0**-53, "float32": 2.0**-24}
DISTANCE, GAP = THEOREMS["gd_strongly_convex_distance"], THEOREMS["gd_strongly_convex_gap"]
CONVEX, NEWTON = THEOREMS["gd_smooth_convex"], THEOREMS["newton_local_quadratic"]


@dataclass(frozen=True)
class Rows:
    """X [n, d] and y [n] with XᵀX/n = diag(λ) exactly."""

    X: np.ndarray
    y: np.ndarray

    @property
    def eigenvalues(self) -> np.ndarray:
        return np.asarray((self.X**2).mean(axis=0))

    @property
    def theta_star(self) -> np.ndarray:
        return np.asarray(self.X.T @ self.y / len(self.y) / self.eigenvalues)

    def epsilon(self, unit: float) -> float:
        """A bound on the rounding of a gradient at θ*, and of θ* itself, as the problem certifies it."""
        n, d = self.X.shape
        lengths, star = np.linalg.norm(self.X, axis=1), self.theta_star
        inner = (d + 10) * (np.abs(self.X) @ np.abs(star) + np.abs(self.y))
        outer = (n + 10) * np.abs(self.X @ star - self.y)
        return float(unit * (np.mean(lengths * (inner + outer)) + self.eigenvalues.max() * np.linalg.norm(star)))


def signs(scales: tuple[float, ...], offset: float, seed: int = 0) -> Rows:
    matrix = np.ones((1, 1))
    while len(matrix) < max(8, len(scales)):
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    X = matrix[:, : len(scales)] * np.array(scales)
    weights = offset * (1 + np.arange(len(scales)) % 3)
    noise = np.random.default_rng(seed).integers(-4, 5, len(matrix)).astype(float)
    return Rows(X, X @ weights + noise)


def descend(rows: Rows, name: str, eta: float, T: int, dtype: str) -> Trace:
    """Gradient descent from 0 in the given precision, measured at every step (at 60 of them where there are many)."""
    number, star, spectrum = DTYPES[dtype], rows.theta_star, rows.eigenvalues
    X, y, theta = rows.X.astype(number), rows.y.astype(number), np.zeros(len(star), number)
    t = np.unique(np.round(np.geomspace(1, T, 60))).astype(int) if T > 100 else np.arange(1, T + 1)
    wanted, points = {0, *t.tolist()}, []
    for step in range(T + 1):
        if step in wanted:
            points.append(theta.astype(np.float64) - star)
        theta = theta - number(eta) * (X.T @ (X @ theta - y) / number(len(y)))
    e = np.array(points)
    quantities = {"gap": 0.5 * (e**2 @ spectrum), "grad_norm2": (e**2) @ spectrum**2, "dist2": (e**2).sum(axis=1)}
    L, mu, epsilon = float(spectrum.max()), float(spectrum.min()), rows.epsilon(UNITS[dtype])
    D = float(np.linalg.norm(star))
    known = {"L": L, "mu": mu, "D": D, "initial_gap": float(0.5 * (spectrum @ star**2))}
    return Trace(
        setting=replace(setting_of(name, T, eta, **known), dtype=dtype),
        t=np.array([0, *t]),
        seeds=(0,),
        measured={"last": {key: values[None] for key, values in quantities.items()}},
        floor={"gap": epsilon**2 / (2 * mu), "grad_norm2": epsilon**2, "dist2": (epsilon / mu) ** 2},
        error={},
        status=("done",),
        dimension=len(star),
        rows=len(y),
    )


def ruling(theorem: Theorem, trace: Trace) -> tuple[str, str]:
    verdict = judge("gd", theorem, [trace], (0,), "trajectory")
    return verdict.ruling, verdict.why


CASES = {
    "1-D": ((1.0,), 0.5),
    "3-D": ((1.0,) * 3, 0.5),
    "10-D": ((1.0,) * 10, 0.5),
    "1-D, L = 16": ((4.0,), 1.5),
    "long steps": ((1.0,) * 3, 1.99),
    "short steps": ((2.0,), 0.1),
    "two ends": ((4.0, 1.0), 32 / 17),  # 2/(L + μ)
    "far ends": ((32.0, 1.0), 2 * 1024 / 1025),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [0.0, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("case", CASES)
def test_attained_bounds(case: str, offset: float, dtype: str) -> None:
    scales, share = CASES[case]
    rows = signs(scales, offset)
    eta = share / float(rows.eigenvalues.max())
    for name, theorem in (("gd_strongly_convex_distance", DISTANCE), ("gd_strongly_convex_gap", GAP)):
        trace = descend(rows, name, eta, 80, dtype)
        said, why = ruling(theorem, trace)
        assert said == "holds", why
        assert ruling(times(theorem, 0.5), trace)[0] == "violated"
        if dtype == "float64":  # what rounding excuses is small
            assert ruling(times(theorem, 1 - 1e-6), trace)[0] == "violated"


@pytest.mark.parametrize("dimension", [1, 3, 10])
def test_through_the_labs_own_runner(dimension: int) -> None:
    """One eigenvalue, so that every step attains both bounds, until the iterates' own rounding is all that is left."""
    problem = {"name": "least_squares", "data": "synthetic", "condition": 1, "dimension": dimension}
    trace = run(problem, [{"name": "gd", "step_size": "0.5/L"}], horizon=60)[0]
    for theorem in (DISTANCE, GAP):
        said, why = ruling(theorem, trace)
        assert said == "holds", why
        assert ruling(times(theorem, 0.5), trace)[0] == "violated"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("share", [0.01, 1e-3, 1e-4])
def test_tiny_steps_stagnate_far_from_the_minimiser(share: float, dtype: str) -> None:
    """θ − ηg = θ from η‖g‖ < u‖θ‖ on: at ‖e‖ = u‖θ*‖/(ηL), 1/(ηL) times what the gradient's own rounding explains.

    The floor is the one of steps so short, ε + u‖θ*‖/η in place of ε, as `floors` predicts it: with ε alone rounding at
    its worst keeps the theorem from being violated, and need not confirm it.
    """
    rows = signs((1.0,), 1e6)
    for name, theorem in (("gd_strongly_convex_distance", DISTANCE), ("gd_strongly_convex_gap", GAP)):
        trace = descend(rows, name, share, int(min(40 / share, 40_000)), dtype)
        said, why = ruling(theorem, trace)
        assert said != "violated", why
        moved = rows.epsilon(UNITS[dtype]) + UNITS[dtype] * float(np.linalg.norm(rows.theta_star)) / share
        floor = {"gap": moved**2 / 2, "grad_norm2": moved**2, "dist2": moved**2}  # L = μ = 1
        trace = replace(
            trace, floor=trace.floor | {f"last.{key}": np.full(len(trace.t), f) for key, f in floor.items()}
        )
        said, why = ruling(theorem, trace)
        assert said == "holds", why
        assert ruling(times(theorem, 0.5), trace)[0] == "violated"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [1.0, 1e6])
def test_the_sublinear_bound_on_its_other_worst_case(offset: float, dtype: str) -> None:
    """At η near 2/L the quadratic attains the bound of the smooth convex case."""
    rows = signs((1.0,), offset)
    trace = descend(rows, "gd_smooth_convex", 1.9, 20, dtype)
    assert ruling(CONVEX, trace)[0] == "holds"
    assert judge("gd", CONVEX, [trace], (0,), "trajectory").worst_ratio == pytest.approx(1, abs=1e-3)
    assert ruling(times(CONVEX, 0.5), trace)[0] == "violated"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("center", [1.0, 100.0])
def test_newton_towards_a_minimiser_away_from_zero(center: float, dtype: str) -> None:
    """θ − g/H on (μ/2)x² + (M/6)|x|³, x = θ − c: θ rounds to u·c, and x² falls no further than its square."""
    number, mu, third = DTYPES[dtype], 1.0, 1.0
    theta, c, squares = DTYPES[dtype](center + 0.125), DTYPES[dtype](center), []
    for _ in range(9):
        squares.append((float(theta) - center) ** 2)
        x = theta - c
        theta = theta - (number(mu) * x + number(third / 2) * x * abs(x)) / (number(mu) + number(third) * abs(x))
    epsilon = 2 * 2 * UNITS[dtype] * center
    setting = setting_of("newton_local_quadratic", 8, mu=mu, M=third, D=0.125, L=2.0)
    trace = Trace(
        setting=replace(setting, dtype=dtype),
        t=np.arange(9),
        seeds=(0,),
        measured={"last": {"dist2": np.array([squares])}},
        floor={"dist2": (epsilon / mu) ** 2, "grad_norm2": epsilon**2},
        error={},
        status=("done",),
    )
    said, why = ruling(NEWTON, trace)
    assert said == "holds", why
    assert ruling(times(NEWTON, 0.25), trace)[0] == "violated"


@pytest.mark.parametrize("dtype", DTYPES)
def test_long_sums_of_equal_terms(dtype: str) -> None:
    """Summed one by one, n equal terms err by up to n·u/6, always to one side: the run's rows, the measured norm."""
    number, n = DTYPES[dtype], 20_000
    size = number(0.1)
    start = float(size)
    total = float(np.cumsum(np.full(n, start**2))[-1])  # the square of a distance as a plain loop adds it up
    setting = setting_of(
        "gd_strongly_convex_distance", 1, 0.5, L=1.0, mu=1.0, D=start * math.sqrt(n), initial_gap=n * start**2 / 2
    )
    trace = Trace(
        setting=setting,
        t=np.array([0, 1]),
        seeds=(0,),
        measured={"last": {"dist2": np.array([[total, total / 4]])}},
        floor={},
        error={},
        status=("done",),
    )
    assert ruling(DISTANCE, trace)[0] == ("violated" if total / (n * start**2) > 1 + 1e-15 else "holds")
    assert ruling(DISTANCE, replace(trace, dimension=n))[0] == "holds"
    assert ruling(times(DISTANCE, 1 - 1e-6), replace(trace, dimension=n))[0] == "violated"


@pytest.mark.parametrize("dtype", DTYPES)
def test_many_equal_rows(dtype: str) -> None:
    """Rows (1, y) all alike, on which the residual is the same n times: a sum one by one falls short or overshoots."""
    number, n, y, eta = DTYPES[dtype], 5000, 5.25, 0.5
    theta, e = number(0), []
    for _ in range(30):
        e.append(float(theta) - y)
        slope = np.cumsum(np.full(n, theta - number(y), number), dtype=number)[-1] / number(n)
        theta = theta - number(eta) * slope
    epsilon = 30 * UNITS[dtype] * y
    setting = setting_of("gd_strongly_convex_distance", 29, eta, L=1.0, mu=1.0, D=y)
    trace = Trace(
        setting=replace(setting, dtype=dtype),
        t=np.arange(30),
        seeds=(0,),
        measured={"last": {"dist2": np.array([e]) ** 2}},
        floor={"dist2": epsilon**2, "grad_norm2": epsilon**2},
        error={},
        status=("done",),
        rows=n,
    )
    said, why = ruling(DISTANCE, trace)
    assert said == "holds", why
    assert ruling(times(DISTANCE, 0.5), trace)[0] == "violated"
