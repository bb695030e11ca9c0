"""The theorems on stochastic gradients against all sample paths of finite sums, equalities, and recursions."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import mpmath
import numpy as np
import pytest

from convlab.core.errors import Unknown
from convlab.core.setting import Hyper, Known, Setting
from convlab.core.theorem import Theorem
from convlab.lab.judge import judge
from convlab.theorems import _sgd
from tests.running import run

NAMES = (
    "sgd_bounded_second_moment",
    "sgd_step_weighted",
    "sgd_interpolation",
    "sgd_interpolation_average",
    "sgd_strongly_convex_decreasing",
    "sgd_strongly_convex_projected",
    "sgd_uniform_variance",
    "sgd_nonconvex",
)
THEOREMS: dict[str, Theorem] = {name: importlib.import_module(f"convlab.theorems.{name}").THEOREM for name in NAMES}


def setting_of(T: int, step: float | str, **known: float) -> Setting:
    """A setting with these constants, by default without traits; a text is a schedule."""
    hyper = Hyper(repr(step), step) if isinstance(step, float) else Hyper(step, None, dict(known))
    facts = {name: Known(value, "exact") for name, value in known.items()}
    return Setting("by hand", "by hand", "by hand", T, known=facts, hyper={"step_size": hyper})


def bound(name: str, setting: Setting, t: int) -> float:
    log_bound = THEOREMS[name].log_bound
    assert log_bound is not None
    return math.exp(log_bound(setting, t))


def applies(name: str, setting: Setting) -> list[str]:
    """What fails among the hypotheses that are no traits, with what was found."""
    numeric = [a for a in THEOREMS[name].assumes if a.trait is None]
    return [a.finding(setting) if a.finding else a.words for a in numeric if not a.holds(setting)]


Slope = Callable[[np.ndarray], np.ndarray]


def walk(slopes: list[Slope], etas: list[float], start: float, radius: float = math.inf) -> Iterator[list[np.ndarray]]:
    """θ_0 … θ_t on all n^t sequences of samples, for t = 1 … T: the lists of points of one path share their index."""
    points = [np.array([start])]
    for eta in etas:
        moved = [np.clip(points[-1] - eta * slope(points[-1]), -radius, radius) for slope in slopes]
        points = [np.tile(x, len(slopes)) for x in points] + [np.concatenate(moved)]
        yield points


def lines(rows: tuple[tuple[float, float], ...]) -> list[Slope]:
    """The slopes of f_i = c_i (x − m_i)²/2."""
    return [lambda x, c=c, m=m: c * (x - m) for c, m in rows]  # type: ignore[misc]


CENTRED = (((1.0, 1.0), (1.0, -1.0)), ((1.0, 2.0), (4.0, -0.5)), ((0.5, -4.0), (1.0, 1.0), (2.0, 0.5)))  # Σ c m = 0


@pytest.mark.parametrize("rows", CENTRED)
@pytest.mark.parametrize("longer", [1.0, 1.7, 6.0])
def test_decreasing_steps_on_finite_sums(rows: tuple[tuple[float, float], ...], longer: float) -> None:
    """One row at random of a mean of parabolas with θ* = 0; the largest first step, and shorter ones."""
    name, curvatures = "sgd_strongly_convex_decreasing", [c for c, _ in rows]
    mu, ell, D = float(np.mean(curvatures)), max(curvatures), 3.0
    noise = math.sqrt(np.mean([(c * m) ** 2 for c, m in rows]))
    t0 = longer * 4 * ell / mu
    setting = setting_of(7, f"2/(mu*(t+{t0!r}))", mu=mu, L_expected=ell, sigma_star=noise, D=D)
    assert applies(name, setting) == []
    etas = [2 / (mu * (t + t0)) for t in range(7)]
    for t, points in enumerate(walk(lines(rows), etas, D), start=1):
        assert np.mean(points[-1] ** 2) <= bound(name, setting, t) * (1 + 1e-12)


@pytest.mark.parametrize(("mu", "ell", "sigma"), [(1.0, 1.0, 0.7), (0.3, 2.0, 1.5), (0.01, 5.0, 0.0)])
def test_decreasing_steps_solve_their_recursion(mu: float, ell: float, sigma: float) -> None:
    """(1 − η_tμ)B_t + 2η_t²σ² ≤ B_{t+1}, an equality for σ = 0; with the steps of t + 1 the claim would be false."""
    name, D, t0 = "sgd_strongly_convex_decreasing", 1.3, 4 * ell / mu
    setting = setting_of(60, "2/(mu*(t+4*L_expected/mu))", mu=mu, L_expected=ell, sigma_star=sigma, D=D)
    before, smaller = D**2, setting_of(60, 1.0, mu=mu, L_expected=ell, sigma_star=0.0, D=D)
    assert bound(name, smaller, 0) == pytest.approx(D**2, rel=1e-12)
    for t in range(60):
        eta = 2 / (mu * (t + t0))
        after = (1 - eta * mu) * before + 2 * eta**2 * sigma**2
        assert after <= bound(name, setting, t + 1) * (1 + 1e-12)
        before = bound(name, setting, t + 1)
    if sigma == 0:
        noiseless = D**2 * math.prod(1 - 2 / (t + t0) for t in range(60))
        late = D**2 * math.prod(1 - 2 / (t + 1 + t0) for t in range(60))
        assert bound(name, setting, 60) == pytest.approx(noiseless, rel=1e-10)
        assert late > bound(name, setting, 60) * (1 + 1e-6)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("curvatures", [(1.0, 1.0), (4.0, 0.0), (0.2, 1.0, 3.0), (0.3, 1.9, 1.1)], ids=str)
def test_interpolation_on_finite_sums(curvatures: tuple[float, ...], share: float) -> None:
    """f_i = c_i x²/2, one row at random: all n^7 paths; for (4, 0) the bound on the distance is an equality."""
    ell, mu, D = max(curvatures), float(np.mean(curvatures)), 1.7
    eta = share / ell
    setting = setting_of(7, eta, mu=mu, L_expected=ell, sigma_star=0.0, D=D)
    assert applies("sgd_interpolation", setting) == []
    assert (applies("sgd_interpolation_average", setting) == []) == (share < 1)
    for t, points in enumerate(walk(lines(tuple((c, 0.0) for c in curvatures)), [eta] * 7, D), start=1):
        distance, last = np.mean(points[-1] ** 2), bound("sgd_interpolation", setting, t)
        assert distance <= last * (1 + 1e-12)
        if curvatures == (4.0, 0.0):
            assert distance == pytest.approx(last, rel=1e-12)
            assert distance > bound("sgd_interpolation", setting, t + 1) * 1.01
        if share < 1:
            gap = mu / 2 * np.mean(np.mean(points[:-1], axis=0) ** 2)
            assert gap <= bound("sgd_interpolation_average", setting, t) * (1 + 1e-12)


@pytest.mark.parametrize("name", ["sgd_interpolation", "sgd_interpolation_average"])
def test_interpolation_is_a_number_and_the_step_has_a_limit(name: str) -> None:
    known = {"mu": 0.5, "L_expected": 2.0, "D": 1.0}
    assert applies(name, setting_of(5, 0.4, sigma_star=1e-9, **known)) == ["sigma_star = 1e-09"]
    assert applies(name, setting_of(5, 0.51, sigma_star=0.0, **known)) == [
        "step_size = 0.51 exceeds 1/L_expected = 0.5"
    ]
    with pytest.raises(Unknown):
        applies(name, setting_of(5, 0.4, **known))


@pytest.mark.parametrize(("d", "T", "share"), [(3, 6, 0.25), (4, 5, 0.5), (2, 8, 0.9)])
def test_closed_forms_on_random_coordinates_by_all_paths(d: int, T: int, share: float) -> None:
    """θ_i is multiplied by 1 − ηdλ_i where i is drawn, over all d^T sequences."""
    mu, eta, D = 0.6, share / d, 1.2
    scales = 1 - eta * d * np.array([1.0] * (d - 1) + [mu])
    theta = np.full((1, d), D / math.sqrt(d))
    path = [theta]
    for _ in range(T):
        moved = [theta * np.where(np.arange(d) == i, scales, 1.0) for i in range(d)]
        path = [np.tile(x, (d, 1)) for x in path] + [np.concatenate(moved)]
        theta = path[-1]
    setting = setting_of(T, eta, n=float(d), mu=mu, D=D)
    expected = THEOREMS["sgd_interpolation"].instance.expected(setting, T)
    assert expected == pytest.approx(float(np.mean(np.sum(theta**2, axis=1))), rel=1e-12)
    scales[-1] = 1 - eta * d  # the instance of the average has no flat coordinate: its last is like its first
    gap = d / 2 * float(np.mean(np.mean([x[:, 0] for x in path[:-1]], axis=0) ** 2))
    assert THEOREMS["sgd_interpolation_average"].instance.expected(setting, T) == pytest.approx(gap, rel=1e-12)


KINKS = [(0.0, 1.0, -1.0), (0.0, 0.0, 3.0), (0.3, -0.2, 0.5)]


@pytest.mark.parametrize("kinks", KINKS)
@pytest.mark.parametrize("radius", [math.inf, 1.0])
@pytest.mark.parametrize("step", ["0.05", "0.3", "1.5", "1/sqrt(t+1)", "0.9/(t+1)", "0.2*(t+1)"])
def test_bounded_second_moments_on_finite_sums(kinks: tuple[float, ...], radius: float, step: str) -> None:
    """f_i = |x − k_i|, one at random, on the line or projected onto [−1, 1]: all 3^8 paths, constant steps or not."""
    T, D = 8, 1.0

    def risk(x: np.ndarray) -> np.ndarray:
        return np.asarray(np.mean([np.abs(x - k) for k in kinks], axis=0))

    best = min(max(float(np.median(kinks)), -radius), radius)
    slopes = [lambda x, k=k: np.sign(x - k) for k in kinks]  # type: ignore[misc]
    start = best - D if radius < math.inf else best + D
    distance = abs(min(max(start, -radius), radius) - best)
    setting = setting_of(T, step if "t" in step else float(step), G_expected=1.0, D=distance)
    etas = [setting.step_size(t) for t in range(T)]
    assert applies("sgd_step_weighted", setting) == []
    for t, points in enumerate(walk(slopes, etas, best + math.copysign(distance, start - best), radius), start=1):
        weighted = sum(eta * x for eta, x in zip(etas, points[:-1], strict=False)) / sum(etas[:t])
        gap = float(np.mean(risk(np.asarray(weighted)))) - float(risk(np.array(best)))
        assert gap <= bound("sgd_step_weighted", setting, t) * (1 + 1e-12)
        if "t" not in step:  # the two theorems are one
            assert bound("sgd_step_weighted", setting, t) == pytest.approx(
                bound("sgd_bounded_second_moment", setting, t), rel=1e-12
            )


@pytest.mark.parametrize("T", [1, 2, 7, 25])
def test_the_resisting_function_attains_the_bound_of_the_average(T: int) -> None:
    """DG/√T exactly, through the lab; with T + 1 in place of T the bound would be exceeded."""
    problem = {"name": "max_coordinate", "dimension": "T", "G": 2.0, "D": 0.75}
    outputs = ("average", "weighted_average")
    trace = run(problem, [{"name": "gd", "step_size": "D/(G*sqrt(T))"}], horizon=T, outputs=outputs)[0]
    for name, output in (("sgd_bounded_second_moment", "average"), ("sgd_step_weighted", "weighted_average")):
        gap = float(trace.measured[output]["gap"][0, -1])
        assert gap == pytest.approx(1.5 / math.sqrt(T), rel=1e-12)
        assert gap == pytest.approx(bound(name, trace.setting, T), rel=1e-12)
        longer = replace(trace.setting, horizon=T + 1)
        assert gap > bound(name, longer, T + 1) * (1 + 1e-4)
        verdict = judge(name, THEOREMS[name], [trace], (0,), "trajectory")
        assert verdict.ruling == "holds", verdict.why


def test_steps_are_those_of_the_setting() -> None:
    for text in ("2/(mu*(t+2))", "min(1, 3/sqrt(t+1))", "0.5", "max(0.1, 1-log(t+1))", "mu"):
        setting = setting_of(50, text, mu=0.3)
        np.testing.assert_allclose(_sgd.steps(setting, 50), [setting.step_size(t) for t in range(50)], rtol=1e-15)
    constant = replace(setting_of(3, 0.25), hyper={"learning_rate": Hyper("0.25", 0.25)})
    np.testing.assert_array_equal(_sgd.steps(constant, 3), [0.25, 0.25, 0.25])
    with pytest.raises(Unknown):
        _sgd.steps(replace(constant, hyper={}), 3)


def test_sums_of_a_million_steps() -> None:
    setting = setting_of(10**6, "1/sqrt(t+1)", D=2.0, G_expected=3.0)
    with mpmath.workdps(30):
        harmonic, roots = mpmath.harmonic(10**6), mpmath.zeta(0.5) - mpmath.zeta(0.5, 10**6 + 1)
        exact = float((4 + 9 * harmonic) / (2 * roots))
    assert bound("sgd_step_weighted", setting, 10**6) == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize(
    ("name", "step", "finding"),
    [
        ("sgd_step_weighted", "1-t", "step_size = 1-t is 0 at t = 1"),
        ("sgd_step_weighted", "1/t", "step_size = 1/t is inf at t = 0"),
        ("sgd_bounded_second_moment", "1/sqrt(t+1)", "step_size = 1/sqrt(t+1) varies with t"),
        ("sgd_strongly_convex_projected", "2/(mu*(t+1))", "is 4 at t = 0, where it must be 2"),
        ("sgd_strongly_convex_projected", "1/(mu*(t+1))", "is 1 at t = 1, where it must be 1.33333"),
        ("sgd_strongly_convex_decreasing", "2/(mu*(t+4))", "is 1 at t = 0, where it must be 0.25"),
        ("sgd_strongly_convex_decreasing", "1/(mu*(t+16))", "is 0.117647 at t = 1, where it must be 0.121212"),
        ("sgd_strongly_convex_decreasing", 0.1, "is 0.1 at t = 1, where it must be 0.097561"),
        ("sgd_strongly_convex_decreasing", -0.1, "is -0.1 at t = 0, where it must be 0.25"),
    ],
)
def test_what_is_wrong_with_a_schedule_is_quoted(name: str, step: float | str, finding: str) -> None:
    setting = setting_of(9, step, mu=0.5, L_expected=2.0, D=1.0, sigma_star=1.0, G_expected=1.0)
    (found,) = applies(name, setting)
    assert found.endswith(finding)


@pytest.mark.parametrize("slope", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("radius", [0.3, 1.0, 5.0])
@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0])
def test_projected_steps_over_all_signs(slope: float, radius: float, sigma: float) -> None:
    """slope·|x| + (μ/2)x² on [−radius, radius] with noise ±σ; and the closed form of the instance is this mean."""
    name, mu = "sgd_strongly_convex_projected", 0.7
    G = slope + mu * radius
    known = {"mu": mu, "G": G, "G_expected": math.hypot(G, sigma), "sigma": sigma, "D": radius, "diameter": 2 * radius}
    setting = setting_of(9, "2/(mu*(t+2))", **known)
    assert applies(name, setting) == []
    signs = [lambda x, s=s: slope * np.sign(x) + mu * x + s * sigma for s in (-1, 1)]  # type: ignore[misc]
    etas = [2 / (mu * (t + 2)) for t in range(9)]
    for t, points in enumerate(walk(signs, etas, radius, radius), start=1):
        x = sum((s + 1) * point for s, point in enumerate(points[:-1])) / (t * (t + 1) / 2)
        gap = float(np.mean(slope * np.abs(x) + mu / 2 * np.square(x)))
        assert gap <= bound(name, setting, t) * (1 + 1e-12)
        assert THEOREMS[name].instance.expected(setting, t) == pytest.approx(gap, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("share", [0.05, 0.4, 1.0])
@pytest.mark.parametrize("sigma", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("kink", [math.inf, 0.1, 0.5])
def test_uniform_variance_over_all_signs(share: float, sigma: float, kink: float) -> None:
    """Huber functions (parabolas for an infinite kink) with noise ±σ; the closed form is that of the parabola."""
    L, D = 1.6, 1.3

    def risk(x: np.ndarray) -> np.ndarray:
        size = np.minimum(np.abs(x), kink)
        return np.asarray(L * size * (np.abs(x) - size / 2))

    eta, both = share / L, [lambda x, s=s: L * np.clip(x, -kink, kink) + s * sigma for s in (-1, 1)]  # type: ignore[misc]
    start = float(risk(np.array(D)))
    setting = setting_of(10, eta, L=L, sigma=sigma, D=D, initial_gap=start)
    assert applies("sgd_uniform_variance", setting) == []
    for t, points in enumerate(walk(both, [eta] * 10, D), start=1):
        gap = float(np.mean(risk(np.mean(points[1:], axis=0))))
        slopes = float(np.mean([(L * np.clip(x, -kink, kink)) ** 2 for x in points[:-1]]))
        assert gap <= bound("sgd_uniform_variance", setting, t) * (1 + 1e-12)
        assert slopes <= bound("sgd_nonconvex", setting, t) * (1 + 1e-12)
        if kink == math.inf:
            for name, value in (("sgd_uniform_variance", gap), ("sgd_nonconvex", slopes)):
                if share < 1 or name == "sgd_nonconvex":
                    found = THEOREMS[name].instance.expected(setting, t)
                    assert found == pytest.approx(value, rel=1e-9, abs=1e-14)


def test_nonconvex_functions_without_and_with_noise() -> None:
    """R = 1 − cos x, L = 1, over all signs; and one step without noise on a parabola is an equality: T, not T + 1."""
    for sigma in (0.0, 0.5, 3.0):
        for D in (0.5, 2.0, 3.1):
            setting = setting_of(10, 0.8, L=1.0, sigma=sigma, initial_gap=1 - math.cos(D))
            both = [lambda x, s=s, sigma=sigma: np.sin(x) + s * sigma for s in (-1, 1)]  # type: ignore[misc]
            for t, points in enumerate(walk(both, [0.8] * 10, D), start=1):
                slopes = float(np.mean([np.sin(x) ** 2 for x in points[:-1]]))
                assert slopes <= bound("sgd_nonconvex", setting, t) * (1 + 1e-12)
    setting = setting_of(1, 0.5, L=2.0, sigma=0.0, initial_gap=1.0)  # (2/2)x² from 1, slope 2
    assert bound("sgd_nonconvex", setting, 1) == pytest.approx(4.0, rel=1e-14)
    assert bound("sgd_nonconvex", setting, 2) < 3.9
