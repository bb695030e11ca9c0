"""Runs in real floating point on instances that attain their bounds: rounding alone never makes a ruling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from instances import THEOREMS, instance_of, run_of, setting_of, times, trace_of

from convlab.lab.judge import judge

DTYPES = {"float64": np.float64, "float32": np.float32}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("T", "h"), [(10, 1.0), (1000, 1.0), (30_000, 1.0), (1000, 0.3), (1000, 1.7)])
@pytest.mark.parametrize("L", [1.0, 7.3])
def test_huber(dtype: str, T: int, h: float, L: float) -> None:
    theorem, number = THEOREMS["gd_smooth_convex"], DTYPES[dtype]
    setting = replace(setting_of("gd_smooth_convex", T, h / L, L=L, D=1.3), dtype=dtype)
    kink = number(1.3 / (2 * T * h + 1))
    x, eta, steep = number(1.3), number(h / L), number(L)
    for _ in range(T):
        x = x - eta * (steep * np.clip(x, -kink, kink))
    size, bend = abs(float(x)), float(kink)
    gap = L * (size**2 / 2 if size <= bend else bend * size - bend**2 / 2)
    verdict = judge(
        "gd", theorem, [trace_of(theorem, setting, np.array([[L, gap]]), np.array([0, T]))], (0,), "trajectory"
    )
    assert verdict.ruling == "holds", verdict.why


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("L", [1.001, 1.7, 9.0, 1e4])
def test_two_point_spectrum(dtype: str, L: float) -> None:
    """From contractions by 1/2000 a step to 1/1.0002: equality in exact arithmetic at every t."""
    number, theorem = DTYPES[dtype], THEOREMS["gd_strongly_convex_distance"]
    setting = replace(setting_of("gd_strongly_convex_distance", 60, 2 / (L + 1), L=L, mu=1.0, D=1.0), dtype=dtype)
    eigenvalues, theta, distances = np.array([L, 1.0], number), np.array([0.6, 0.8], number), []
    for _ in range(61):
        distances.append(float(np.sum(theta.astype(np.float64) ** 2)))
        theta = theta - number(2 / (L + 1)) * (eigenvalues * theta)
    trace = trace_of(theorem, setting, np.array([distances]), np.arange(61))
    verdict = judge("gd", theorem, [trace], (0,), "trajectory")
    assert verdict.ruling == "holds", verdict.why
    assert judge("gd", times(theorem, 0.5), [trace], (0,), "trajectory").ruling == "violated"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("mu", "M", "D"), [(1.0, 1.0, 0.1), (0.3, 7.0, 1.0), (2.0, 1e-3, 5.0)])
def test_newton_beyond_its_precision(dtype: str, mu: float, M: float, D: float) -> None:
    """The step is computed as x − g/H: its rounding is relative to x, not to the far smaller next x."""
    number, theorem = DTYPES[dtype], THEOREMS["newton_local_quadratic"]
    setting = replace(setting_of("newton_local_quadratic", 8, mu=mu, M=M, D=D), dtype=dtype)
    x, squares, strong, third = number(D), [], number(mu), number(M)
    for _ in range(9):
        squares.append(float(x) ** 2)
        x = x - (strong * x + third / number(2) * x * abs(x)) / (strong + third * abs(x))
    trace = trace_of(theorem, setting, np.array([squares]), np.arange(9))
    verdict = judge("newton", theorem, [trace], (0,), "trajectory")
    assert verdict.ruling == "holds", verdict.why


def test_fresh_seeds_give_the_same_rulings() -> None:
    """The instances' numbers of seeds are enough for yes and no, whatever the seeds."""
    from instances import _average_gap, _distance, noisy_line

    for name, read in (("sgd_smooth_convex_average", _average_gap), ("sgd_strongly_convex", _distance)):
        theorem, setting = THEOREMS[name], instance_of(name)
        t = run_of(name, setting).t
        for key in range(25):
            values = read(noisy_line(setting, 256, np.random.default_rng(key)), setting)[:, t]
            trace = trace_of(theorem, setting, values, t)
            assert judge(name, theorem, [trace], (0,), "trajectory").ruling == "holds"
            wrong = times(theorem, theorem.instance.reaches / 2)
            assert judge(name, wrong, [trace], (0,), "trajectory").ruling == "violated"
