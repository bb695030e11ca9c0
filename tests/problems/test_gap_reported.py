"""The gap that `measure` reports, against 60 digits: on both sides of its switch, far out and down to 1e-30·R(θ0)."""

from __future__ import annotations

import functools

import jax
import numpy as np
import pytest
from exact import Exact, number, vector

from convlab.core.problem import Problem, displacement
from convlab.lab import measure as measuring
from convlab.lab.measure import measure
from convlab.problems.least_squares import least_squares
from convlab.problems.log_sum_exp import log_sum_exp
from convlab.problems.logistic import logistic
from convlab.problems.single_neuron import single_neuron
from tests.contracts.problem_cases import CASES, example, minimiser_of

ALLOWED = 1e-12
SMOOTH = {
    "least squares": lambda: least_squares(data="synthetic", n=20, dimension=3, ridge=0.05, data_seed=1),
    "logistic, ridge": lambda: logistic(data="synthetic", n=20, dimension=3, ridge=0.05, data_seed=1),
    "logistic, no ridge": lambda: logistic(data="synthetic", n=30, dimension=3, data_seed=2),
    "log-sum-exp": lambda: log_sum_exp(rows=8, dimension=3, scale=0.5),
    "log-sum-exp, 12 components": lambda: log_sum_exp(rows=16, dimension=12, scale=0.8, shift=0.5),
    "neuron": lambda: single_neuron(),
    "neuron, other data": lambda: single_neuron(n=8, data_seed=1),
}
SIZES = np.array([100.0, 30.0, 10.0, 3.0, *np.geomspace(2.0, 0.02, 13), 1e-3, 1e-5, 1e-8, 1e-11, 1e-14, 3e-16, 0.0])


class Case:
    """A problem at points on one line through θ* or θ̄, measured by the lab and in 60 digits."""

    def __init__(self, name: str) -> None:
        problem: Problem = SMOOTH[name]()
        self.problem, exact = problem, Exact(problem)
        self.centre = problem.optimum if problem.stationary is None else problem.stationary
        assert self.centre is not None
        direction = np.random.default_rng(5).standard_normal(self.centre.hi.shape)
        self.points = self.centre.hi + np.outer(SIZES, direction / np.linalg.norm(direction))
        self.start = abs(float(exact.risk(vector(problem.theta0))))
        self.minimiser, self.minimum = exact.theta_star, exact.minimum
        self.truth = [exact.gap(point) for point in self.points]
        found = measure(problem, self.points)
        self.gap = found["gap" if problem.stationary is None else "stationary_gap"]
        self.risk = np.asarray(measuring._plain(problem, self.points)[0])
        self.plain = self.risk - 0.5 * (float(self.centre.risk_low) + float(self.centre.risk_high))

    def errors(self, values: np.ndarray) -> np.ndarray:
        pairs = zip(values, self.truth, strict=True)
        return np.array([float(abs(number(v) - t) / abs(t)) if t != 0 else float(v != 0) for v, t in pairs])


@functools.cache
def case(name: str) -> Case:
    with jax.enable_x64(True):
        return Case(name)


every_smooth = pytest.mark.parametrize("name", SMOOTH)


@every_smooth
def test_the_reported_gap_is_right_to_1e_12_down_to_1e_30_of_the_start(name: str) -> None:
    here = case(name)
    positive = np.array([float(t) for t in here.truth if t > 0])
    assert positive.min() <= 1e-30 * here.start
    assert positive.max() >= 10 * here.start
    assert here.errors(here.gap).max() <= ALLOWED


@pytest.mark.parametrize("name", [name for name in SMOOTH if name != "log-sum-exp"])
def test_the_minimum_and_its_point_are_certified(name: str) -> None:
    """What gaps are measured from lies where 60 digits find it, within the radius that was proven."""
    here = case(name)
    centre = here.centre
    e = [number(hi) + number(lo) - star for hi, lo, star in zip(centre.hi, centre.lo, here.minimiser, strict=True)]
    assert float(sum(x * x for x in e)) ** 0.5 <= float(centre.radius) <= 1e-24
    spacing = float(np.spacing(float(centre.risk_high)))
    assert float(centre.risk_low) - spacing <= float(here.minimum) <= float(centre.risk_high) + spacing
    if here.problem.stationary is not None:
        w, v = (number(hi) + number(lo) for hi, lo in zip(centre.hi, centre.lo, strict=True))
        assert 0 < float(centre.curvature) <= _least_curvature(here.problem, float(w), float(v))


def _least_curvature(problem: Problem, w: float, v: float) -> float:
    """λ_min of the Hessian of the mean of ½(v·tanh(w x) − y)², by central differences of its value."""
    x, y = problem.data
    h = 1e-4

    def risk(a: float, b: float) -> float:
        return float(0.5 * np.mean((b * np.tanh(a * x) - y) ** 2))

    middle = risk(w, v)
    ww = (risk(w + h, v) - 2 * middle + risk(w - h, v)) / h**2
    vv = (risk(w, v + h) - 2 * middle + risk(w, v - h)) / h**2
    wv = (risk(w + h, v + h) - risk(w + h, v - h) - risk(w - h, v + h) + risk(w - h, v - h)) / (4 * h**2)
    return float(np.linalg.eigvalsh(np.array([[ww, wv], [wv, vv]]))[0])


@pytest.mark.parametrize("name", [name for name in SMOOTH if "log-sum-exp" not in name])
def test_the_switch_to_the_plain_difference(name: str) -> None:
    """Far out it is the plain difference, close in the formula, and in between both are right where they are used."""
    here = case(name)
    plain = here.gap == here.plain
    assert plain[:4].all()
    assert not plain[-7:].any()
    bound = measuring.risk_rounding(here.problem, here.points, here.risk, float(here.centre.risk_low))
    assert np.all(here.errors(here.plain) * np.array([abs(float(t)) for t in here.truth]) <= bound)
    near = (SIZES <= 2.0) & (SIZES >= 0.02)
    assert 0 < plain[near].sum() < near.sum()
    assert here.errors(here.plain)[SIZES <= 0.001].min() > ALLOWED  # where the plain difference is of no use


def test_far_out_the_integral_errs_and_the_plain_difference_is_taken() -> None:
    """20 nodes do not follow tanh over a segment of length 10 and more; a neuron has no closed form to fall back on."""
    here = case("neuron")
    with jax.enable_x64(True):
        integral = np.asarray(measuring._remainders(here.problem, here.points, measuring._NODES))
    far = SIZES >= 10.0
    assert here.errors(integral)[far].min() > 1e-9
    assert here.errors(here.gap)[far].max() < 1e-15
    assert here.errors(integral)[~far & (SIZES < 1.0)].max() < 1e-14


def test_where_the_plain_difference_is_bounded_badly_the_better_of_two_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a bound on rounding that is a thousand times too large the integral is estimated, and refused far out."""
    here, honest = case("neuron"), measuring.risk_rounding
    monkeypatch.setattr(measuring, "risk_rounding", lambda *arguments: 1e3 * honest(*arguments))
    with jax.enable_x64(True):
        gap = measure(here.problem, here.points)["stationary_gap"]
    assert here.errors(gap).max() <= 1e3 * ALLOWED
    assert here.errors(gap)[SIZES >= 10.0].max() < 1e-15


def test_distances_to_a_stationary_point_are_measured_without_cancellation() -> None:
    here = case("neuron")
    with jax.enable_x64(True):
        found = measure(here.problem, here.points)["stationary_dist2"]
    for value, point in zip(found, here.points, strict=True):
        truth = sum((number(a) - star) ** 2 for a, star in zip(point, here.minimiser, strict=True))
        assert float(abs(number(value) - truth) / truth) < 1e-11


def test_a_stationary_point_is_no_optimum() -> None:
    here = case("neuron").problem
    assert here.optimum is not None
    assert here.optimum.hi is None
    assert "certified stationary point" in here.traits
    assert not {"has minimiser", "convex", "Polyak-Lojasiewicz"} & here.traits
    assert "D" not in here.known
    assert "not proven to be a minimiser" in here.certificate
    assert "R*" not in here.certificate
    # the pair (−w, −v) is as good, so no argument could make θ̄ the minimiser
    with jax.enable_x64(True):
        mirrored = float(here.risk(-here.stationary.hi, here.data, ()))  # type: ignore[union-attr]
    assert mirrored == pytest.approx(float(here.stationary.risk_low), rel=1e-14)  # type: ignore[union-attr]


# --- piecewise problems ---

PIECEWISE = {
    *("absolute", "hinge", "huber", "lasso", "max_coordinate", "shrinkage", "zigzag"),  # slopes or curvatures jump
    *("cubic", "power"),  # twice differentiable, and no more at 0: Gauss and Legendre would not see it
}


def test_every_problem_without_a_hessian_brings_a_closed_form_of_its_gap() -> None:
    """The integral form is wrong across a kink; a new problem without the trait has to bring its own formula."""
    rough = set()
    for name in CASES:
        problem = example(name)
        if minimiser_of(problem) is not None and "twice differentiable" not in problem.traits:
            rough.add(problem.name)
            assert problem.gap is not None, f"{name}: R has no Hessian everywhere, so give a closed form of the gap"
    assert rough == PIECEWISE - {"cubic", "power"}
    for name in PIECEWISE:
        assert next(example(c) for c in CASES if CASES[c][0] == name and example(c).optimum.hi is not None).gap  # type: ignore[union-attr]


def test_displacement_is_exact_next_to_the_minimiser() -> None:
    here = case("logistic, ridge")
    with jax.enable_x64(True):
        e = np.asarray(displacement(np.asarray(here.centre.hi), here.centre))
    assert np.array_equal(e, -np.asarray(here.centre.lo))
