"""The smooth instances against closed forms, exact recursions, and arithmetic with 60 digits."""

import functools
import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from convlab.core.errors import ConvlabError
from convlab.core.problem import Problem, risk_gap, risk_of
from convlab.problems.log_barrier import log_barrier
from convlab.problems.log_sum_exp import log_sum_exp
from convlab.problems.nesterov_chain import nesterov_chain
from convlab.problems.pl_sine import pl_sine
from convlab.problems.power import power
from convlab.problems.rosenbrock import rosenbrock
from convlab.problems.zigzag import zigzag

mp = mpmath.mp.clone()
mp.dps = 60
U = 2.0**-53

_gap = jax.jit(risk_gap)
_value = jax.jit(lambda theta, problem: risk_of(problem, theta))
_gradient = jax.jit(lambda theta, problem: jax.grad(functools.partial(risk_of, problem))(theta))
_hessian = jax.jit(lambda theta, problem: jax.hessian(functools.partial(risk_of, problem))(theta))


@functools.partial(jax.jit, static_argnames="steps")
def _descend(problem: Problem, step_size: jax.Array, steps: int) -> tuple[jax.Array, jax.Array]:
    """Gradient descent's points x_0, …, x_steps and their gradients."""

    def step(theta: jax.Array, _: None) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        g = jax.grad(functools.partial(risk_of, problem))(theta)
        return theta - step_size * g, (theta, g)

    return jax.lax.scan(step, problem.theta0, length=steps + 1)[1]


def _fraction(x: np.ndarray) -> list[Fraction]:
    return [Fraction(float(v)) for v in np.ravel(x)]


@pytest.mark.parametrize("p", [2.25, 3.0, 3.5, 4.0, 7.5])
def test_power_and_its_derivatives_against_60_digits(p: float) -> None:
    problem = power(p=p)
    for x in (1e-30, 1e-5, -0.3, 1.0, -7.0, 1e6):
        theta, size, P = np.array([x]), mp.mpf(abs(x)), mp.mpf(p)
        assert float(_gap(theta, problem)) == pytest.approx(float(size**P / P), rel=1e-13)
        slope = math.copysign(float(size ** (P - 1)), x)
        assert float(_gradient(theta, problem)[0]) == pytest.approx(slope, rel=1e-13)
        assert float(_hessian(theta, problem)[0, 0]) == pytest.approx(float((P - 1) * size ** (P - 2)), rel=1e-13)
    zero = np.zeros(1)
    assert _value(zero, problem) == _gradient(zero, problem)[0] == _hessian(zero, problem)[0, 0] == 0.0


@pytest.mark.parametrize("p", [3.0, 4.0, 6.0])
def test_power_gap_falls_with_the_exponent_of_the_gradient_flow(p: float) -> None:
    problem, T = power(p=p, D=1.0), 200_000
    eta = 1.0 / problem.known["L"].value
    points = np.asarray(_descend(problem, jnp.asarray(eta), T)[0])[:, 0]
    gaps = points**p / p
    plain = 1.0
    for _ in range(1000):
        plain -= eta * plain ** (p - 1)
    assert points[1000] == pytest.approx(plain, rel=1e-12)
    assert math.log2(gaps[T] / gaps[T // 2]) == pytest.approx(-p / (p - 2), abs=5e-4)
    assert gaps[T] == pytest.approx(((p - 2) * eta * T) ** (-p / (p - 2)) / p, rel=2e-3)
    # to second order: v = x^(2−p) grows by (p−2)η + (p−1)(p−2)η²/(2v) + O(η³/v²) in a step
    first = 1.0 + (p - 2) * eta * T
    second = first + 0.5 * (p - 1) * eta * math.log(first)
    assert gaps[T] == pytest.approx(second ** (-p / (p - 2)) / p, rel=1e-5)


@pytest.mark.parametrize("segments", [1, 7, 1000, 10_000])
@pytest.mark.parametrize(("L", "gap"), [(1.0, 1.0), (3.0, 0.7), (0.1, 1e6)])
def test_zigzag_shows_gradient_descent_the_same_gradient_at_every_step(segments: int, L: float, gap: float) -> None:
    problem = zigzag(segments, L=L, initial_gap=gap)
    points, gradients = _descend(problem, jnp.asarray(1.0 / L), segments + 1)
    least = 4.0 * L * gap / (3 * segments + 2)
    np.testing.assert_allclose(np.asarray(gradients)[: segments + 1, 0] ** 2, least, rtol=segments * 1e-14)
    assert abs(float(gradients[-1][0])) <= 1e-9 * math.sqrt(least)  # the bowl ends it in one step
    assert np.all(np.diff(np.asarray(points)[:, 0]) < 0)
    assert float(_gap(problem.theta0, problem)) == pytest.approx(gap, rel=1e-13)


def test_zigzag_is_the_integral_of_its_slope() -> None:
    """f' rebuilt piece by piece, and integrated by trapezia, which are exact between the corners."""
    T, L = 5, 2.0
    problem = zigzag(T, L=L, initial_gap=3.0)
    g, w = (float(problem.constants[name]) for name in ("g", "width"))
    corners, slopes = [0.0, g / L], [0.0, g]
    for k in range(T):
        corners += [g / L + (k + 0.5) * w, g / L + (k + 1) * w]
        slopes += [g - L * w / 2, g]
    corners, slopes = np.array([-g, *corners, corners[-1] + 9.0]), np.array([-L * g, *slopes, g])
    heights = np.concatenate([[0.0], np.cumsum(np.diff(corners) * (slopes[1:] + slopes[:-1]) / 2)]) - L * g**2 / 2 * -1
    heights -= heights[1]
    for x in np.random.default_rng(3).uniform(corners[0], corners[-1], 400):
        slope = float(_gradient(np.array([x]), problem)[0])
        assert slope == pytest.approx(float(np.interp(x, corners, slopes)), abs=1e-13 * g)
        k = int(np.searchsorted(corners, x)) - 1
        height = heights[k] + (x - corners[k]) * (slopes[k] + slope) / 2
        assert float(_value(np.array([x]), problem)) == pytest.approx(height, rel=1e-12, abs=1e-13)
    assert float(problem.theta0[0]) == pytest.approx(corners[-2], rel=1e-15)


def _chain_matrix(d: int, weight: Fraction, mu: Fraction) -> list[list[Fraction]]:
    zero = Fraction(0)
    rows = [[zero] * d for _ in range(d)]
    for i in range(d):
        rows[i][i] = 2 * weight + mu
        for j in (i - 1, i + 1):
            if 0 <= j < d:
                rows[i][j] = -weight
    return rows


def _chain_solution(d: int, weight: Fraction, mu: Fraction) -> list[Fraction]:
    """The tridiagonal system by elimination in exact fractions."""
    diagonal, right = [2 * weight + mu] * d, [weight] + [Fraction(0)] * (d - 1)
    for i in range(1, d):
        factor = -weight / diagonal[i - 1]
        diagonal[i] += factor * weight
        right[i] -= factor * right[i - 1]
    x = [Fraction(0)] * d
    for i in reversed(range(d)):
        x[i] = (right[i] + (weight * x[i + 1] if i + 1 < d else 0)) / diagonal[i]
    return x


CHAINS = [(1, 1.0, 0.0), (1, 2.0, 0.3), (9, 1.0, 0.0), (12, 3.0, 0.1), (30, 1.0, 1e-6), (8, 1.0, 0.9)]


@pytest.mark.parametrize(("d", "L", "mu"), CHAINS)
def test_nesterov_chain_against_exact_fractions(d: int, L: float, mu: float) -> None:
    problem = nesterov_chain(d, L=L, mu=mu)
    optimum = problem.optimum
    weight, ridge = (Fraction(float(problem.constants[name])) for name in ("weight", "mu"))
    rows, star = _chain_matrix(d, weight, ridge), _chain_solution(d, weight, ridge)
    doubled = [a + b for a, b in zip(_fraction(optimum.hi), _fraction(optimum.lo), strict=True)]
    distance = math.sqrt(sum(float(a - b) ** 2 for a, b in zip(doubled, star, strict=True)))
    assert distance <= float(optimum.radius) < 1e-30
    minimum = -weight * star[0] / 2
    low, high = (Fraction(float(end)) for end in (optimum.risk_low, optimum.risk_high))
    assert low <= minimum <= high
    assert high - low <= Fraction(U) * 8 * abs(minimum)
    assert problem.known["D"].value == pytest.approx(math.sqrt(float(sum(x * x for x in star))), rel=4e-16)
    values = np.linalg.eigvalsh([[float(v) for v in row] for row in rows])
    assert problem.known["mu"].value == pytest.approx(values[0], rel=1e-12 * L / values[0])
    assert values[-1] <= problem.known["L"].value * (1 + 1e-15)
    errors = []
    direction = np.random.default_rng(d).standard_normal(d)
    for size in (100.0, 1.0, 1e-4, 1e-9, 1e-15, 0.0):
        theta = optimum.hi + size * direction
        e = [a - b for a, b in zip(_fraction(theta), star, strict=True)]
        gradient = [sum(a * b for a, b in zip(row, e, strict=True)) for row in rows]
        truth = float(sum(a * b for a, b in zip(gradient, e, strict=True)) / 2)
        assert truth > 0 or (size == 0.0 and d == 1)
        assert float(_gap(theta, problem)) == pytest.approx(truth, rel=1e-14, abs=1e-60)
        if size <= 1e-15:
            errors.append(np.linalg.norm(np.asarray(_gradient(theta, problem)) - [float(v) for v in gradient]))
    assert max(errors) <= float(optimum.rounding) <= 1e4 * max([*errors, U * L])


@pytest.mark.parametrize("d", [1, 4, 60])
def test_nesterov_chain_without_ridge_has_its_famous_numbers(d: int) -> None:
    problem, L = nesterov_chain(d, L=2.0), 2.0
    np.testing.assert_array_equal(problem.optimum.hi, [i / (d + 1) for i in range(d, 0, -1)])
    assert float(problem.optimum.risk_low) == pytest.approx(-(L / 8) * (1 - 1 / (d + 1)), rel=1e-15)
    assert problem.known["D"].value ** 2 == pytest.approx(d * (2 * d + 1) / (6 * (d + 1)), rel=1e-14)
    assert problem.known["mu"].value == pytest.approx((L / 4) * (2 - 2 * math.cos(math.pi / (d + 1))), rel=1e-12)


def test_nesterov_chain_with_ridge_decays_by_q() -> None:
    q = (math.sqrt(100.0) - 1) / (math.sqrt(100.0) + 1)
    x = nesterov_chain(2000, L=1.0, mu=0.01).optimum.hi
    np.testing.assert_allclose(x[:1000], q ** np.arange(1, 1001), rtol=1e-12)


def test_nesterov_chain_lets_no_gradient_method_beyond_its_link() -> None:
    """After T gradients only T coordinates differ from 0; the best point among those has the gap of the lower bound."""
    d, L = 9, 2.0
    problem = nesterov_chain(d, L=L)
    hessian, pull = np.asarray(_hessian(problem.theta0, problem)), np.asarray(_gradient(problem.theta0, problem))
    theta = np.zeros(d)
    for T in range(1, d):
        theta = theta - np.asarray(_gradient(theta, problem)) * (0.5 + 0.1 * T) / L
        assert np.count_nonzero(theta) == np.count_nonzero(theta[:T]) == T
        best = np.zeros(d)
        best[:T] = -np.linalg.solve(hessian[:T, :T], pull[:T])
        assert float(_gap(best, problem)) == pytest.approx((L / 8) * (1 / (T + 1) - 1 / (d + 1)), rel=1e-13)
        assert float(_gap(theta, problem)) >= float(_gap(best, problem)) * (1 - 1e-13)


@pytest.mark.parametrize("scale", [0.02, 1.0, 50.0])
def test_log_sum_exp_and_its_gradient_against_60_digits(scale: float) -> None:
    problem = log_sum_exp(rows=12, dimension=3, scale=scale, data_seed=2)
    A = [[mp.mpf(float(v)) for v in row] for row in problem.constants["A"]]
    s = mp.mpf(scale)
    direction = np.random.default_rng(1).standard_normal(3)
    with mp.workdps(80):
        for size in (1e-140, 1e-20, 1e-9, 1e-3, 0.1, 1.0, 10.0, 1e3, 1e6):
            theta = scale * size * direction
            z = [mp.fsum(a * mp.mpf(float(t)) for a, t in zip(row, theta, strict=True)) / s for row in A]
            top = max(abs(v) for v in z)
            below = mp.fsum(2 * mp.sinh(v / 2) ** 2 for v in z) / len(z) if top < 1e3 else None
            excess = top + mp.log(mp.fsum(mp.exp(v - top) + mp.exp(-v - top) for v in z) / (2 * len(z)))
            truth = s * (mp.log1p(below) if below is not None else excess)
            assert float(_gap(theta, problem)) == pytest.approx(float(truth), rel=3e-14)
            mass = mp.fsum(mp.exp(v - top) + mp.exp(-v - top) for v in z)
            weights = [2 * mp.sinh(v) * mp.exp(-top) / mass for v in z]
            slopes = [float(mp.fsum(w * row[j] for w, row in zip(weights, A, strict=True))) for j in range(3)]
            got = np.asarray(_gradient(theta, problem))
            np.testing.assert_allclose(got, slopes, rtol=0, atol=3e-14 * np.linalg.norm(slopes))
    assert float(problem.optimum.risk_low) == pytest.approx(float(_value(np.zeros(3), problem)), rel=4e-16)
    assert float(_value(np.zeros(3), problem)) == pytest.approx(scale * math.log(24), rel=1e-15)


@pytest.mark.parametrize("b", [0.5, 100.0, 1e6])
def test_rosenbrock_gap_in_the_valley_against_60_digits(b: float) -> None:
    problem, B = rosenbrock(b), mp.mpf(b)
    for p in (-2.2, 0.3, 1e-3, -1e-6, 1e-9, 3e-13):
        for off in (0.0, p * p, 0.1 * p):
            theta = np.array([1 + p, (1 + p) ** 2 + off])
            x, y = (mp.mpf(float(v)) for v in theta)
            truth = (1 - x) ** 2 + B * (y - x**2) ** 2
            assert float(_gap(theta, problem)) == pytest.approx(float(truth), rel=1e-13)
    rng = np.random.default_rng(0)
    fused, errors = [], []  # a machine that fuses y − x·x into one operation errs less than numpy, which rounds x·x
    for theta in np.concatenate([1 + size * rng.standard_normal((20, 2)) for size in (1e-15, 1e-7)]):
        x, y = (mp.mpf(float(v)) for v in theta)
        exact = np.array([float(-2 * (1 - x) - 4 * B * x * (y - x**2)), float(2 * B * (y - x**2))])
        fused.append(np.linalg.norm(np.asarray(_gradient(theta, problem)) - exact))
        u, v = theta
        errors.append(np.linalg.norm(np.array([-2 * (1 - u) - 4 * b * u * (v - u * u), 2 * b * (v - u * u)]) - exact))
    assert max(*fused, *errors) <= float(problem.optimum.rounding) <= 30 * max(errors)


def test_rosenbrock_starts_where_rosenbrock_started() -> None:
    problem = rosenbrock()
    assert problem.known["initial_gap"].value == pytest.approx(24.2, rel=1e-15)
    H = np.asarray(_hessian(np.ones(2), problem))
    np.testing.assert_allclose(H, [[802.0, -400.0], [-400.0, 200.0]], rtol=1e-15)
    low, high = np.linalg.eigvalsh(H)
    assert high / low == pytest.approx(25 * 100, rel=0.01)


def test_pl_sine_has_the_best_constant_rounded_down() -> None:
    def f(x):
        return x**2 + 3 * mp.sin(x) ** 2

    def slope(x):
        return 2 * x + 3 * mp.sin(2 * x)

    x = mp.findroot(lambda x: 2 * f(x) * (2 + 6 * mp.cos(2 * x)) - slope(x) ** 2, mp.mpf("2.2"))
    best = slope(x) ** 2 / (2 * f(x))
    mu = pl_sine().known["mu_PL"].value
    assert 0 < best - mp.mpf(mu) < mp.mpf("1e-13")
    # ... and it is the least of all: on a grid as far as |x| = 30, beyond which |f'| >= 2|x| - 3 suffices
    grid = np.linspace(1e-6, 30.0, 2_000_001)
    ratio = 0.5 * (2 * grid + 3 * np.sin(2 * grid)) ** 2 / (grid**2 + 3 * np.sin(grid) ** 2)
    assert float(best) <= ratio.min() <= float(best) * (1 + 1e-8)
    assert mu < 0.5 * (2 * 30.0 - 3) ** 2 / (30.0**2 + 3)


def test_pl_sine_contracts_by_its_constant_and_is_right_near_0() -> None:
    problem = pl_sine(D=3.0)
    points, gradients = (np.asarray(v) for v in _descend(problem, jnp.asarray(1 / 8.0), 60))
    gaps = np.array([float(_gap(theta, problem)) for theta in points])
    moving = gaps[:-1] > 0
    assert np.all(gaps[1:][moving] <= (1 - problem.known["mu_PL"].value / 8) * gaps[:-1][moving])
    assert np.all(0.5 * gradients[:, 0] ** 2 >= problem.known["mu_PL"].value * gaps)
    for x in (1e-150, 1e-20, 1e-6, -0.5, 3.0):
        X = mp.mpf(x)
        theta = np.array([x])
        assert float(_gap(theta, problem)) == pytest.approx(float(X**2 + 3 * mp.sin(X) ** 2), rel=1e-15)
        assert float(_gradient(theta, problem)[0]) == pytest.approx(float(2 * X + 3 * mp.sin(2 * X)), rel=1e-15)
    assert float(_hessian(np.array([math.pi / 2]), problem)[0, 0]) == pytest.approx(-4.0, rel=1e-15)
    assert float(_hessian(np.zeros(1), problem)[0, 0]) == 8.0


def test_log_barrier_and_its_derivatives_against_400_digits() -> None:
    problem = log_barrier()
    sizes = [1e-150, 1e-80, 1e-20, 1e-16, 1e-8, 1e-4, 0.01, 0.1, 0.2999, 0.3, 0.3001, 0.6, 0.99, 1 - 1e-9]
    for e in [*sizes, *(-x for x in sizes), 1.0, 3.0, 1e3, 1e8]:
        theta = np.array([e])
        with mp.workdps(400):
            E = mp.mpf(e)
            truth = float(E - mp.log1p(E))
            slope, curvature = float(E / (1 + E)), float(1 / (1 + E) ** 2)
        assert float(_value(theta, problem)) == pytest.approx(truth, rel=2e-15), e
        assert float(_gap(theta, problem)) == pytest.approx(truth, rel=2e-15), e
        assert float(_gradient(theta, problem)[0]) == pytest.approx(slope, rel=1e-15)
        assert float(_hessian(theta, problem)[0, 0]) == pytest.approx(curvature, rel=1e-15)


def test_log_barrier_newton_squares_the_distance() -> None:
    """Up to the rounding of the point itself, u|e|: from 0.75 to 1e-32 in eight steps."""
    problem = log_barrier(0.25)
    theta = problem.theta0
    for k in range(11):
        e = mp.mpf(float(theta[0]))
        theta = theta - np.asarray(_gradient(theta, problem)) / np.asarray(_hessian(theta, problem))[0, 0]
        assert abs(mp.mpf(float(theta[0])) + e**2) <= 4 * U * abs(e)
        if k == 5:
            assert float(theta[0]) == pytest.approx(-(0.75**64), rel=1e-7)
    assert abs(float(theta[0])) <= 1e-60


def test_log_barrier_is_nothing_outside_its_domain() -> None:
    problem = log_barrier()
    for e in (-1.0, -1.5, -3.0):
        assert not np.isfinite(float(_value(np.array([e]), problem)))
        assert not np.isfinite(float(_gradient(np.array([e]), problem)[0]))
        assert not np.isfinite(float(_hessian(np.array([e]), problem)[0, 0]))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: power(p=2.0), "p = 2.0; it must be above 2"),
        (lambda: power(p=900.0, D=3.0), "D^p must lie between"),
        (lambda: power(D=0.0), "D = 0.0; it must be positive"),
        (lambda: zigzag(0), "segments = 0; it must be a whole number from 1"),
        (lambda: zigzag(3, L=-1.0), "L = -1.0; it must be positive"),
        (lambda: zigzag(3, initial_gap=math.inf), "initial_gap = inf"),
        (lambda: nesterov_chain(0), "dimension = 0"),
        (lambda: nesterov_chain(3, L=1.0, mu=1.0), "mu must be 0, or from"),
        (lambda: nesterov_chain(3, mu=-0.5), "mu = -0.5; it must not be negative"),
        (lambda: log_sum_exp(rows=3, dimension=4), "1 <= dimension <= rows"),
        (lambda: log_sum_exp(scale=0.0), "scale = 0.0; it must be positive"),
        (lambda: log_sum_exp(data_seed=-1), "data_seed = -1"),
        (lambda: rosenbrock(b=0.0), "b = 0.0; it must be positive"),
        (lambda: pl_sine(D=math.nan), "D = nan"),
        (lambda: log_barrier(0.0), "start = 0.0; it must be positive"),
        (lambda: log_barrier(1.0), "start = 1.0; that is the minimiser"),
    ],
)
def test_bad_numbers_are_answered_in_one_line(make, words: str) -> None:
    with pytest.raises(ConvlabError) as error:
        make()
    assert words in str(error.value)
    assert "\n" not in str(error.value)
