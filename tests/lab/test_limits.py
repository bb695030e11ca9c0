"""The limits of a mean: calibrated on χ²₁, exact where nothing is random, and equivariant."""

from __future__ import annotations

import numpy as np
import pytest

from convlab.lab.limits import mean_limits

# (n, tail) -> how often the upper and the lower limit miss the mean of χ²₁: the table of the docstring
MISSES = {
    (32, 0.025): (0.0389, 0.0038),
    (32, 0.005): (0.0111, 0.0001),
    (32, 0.00025): (0.0013, 0.0),
    (64, 0.025): (0.0312, 0.0074),
    (64, 0.005): (0.0077, 0.0003),
    (64, 0.00025): (0.0006, 0.0),
    (256, 0.025): (0.0243, 0.0140),
    (256, 0.005): (0.0053, 0.0013),
    (256, 0.00025): (0.0002, 0.0),
}
DRAWS = 20_000


@pytest.fixture(scope="module")
def chi_squares() -> dict[int, np.ndarray]:
    return {n: np.random.default_rng(7 + n).standard_normal((n, DRAWS)) ** 2 for n in (32, 64, 256)}


@pytest.mark.parametrize(("n", "tail"), MISSES)
def test_calibration_on_squares_of_gaussians(n: int, tail: float, chi_squares: dict[int, np.ndarray]) -> None:
    """Other draws than those of the table; four binomial standard errors of the difference."""
    low, mean, high = mean_limits(chi_squares[n], tail)
    assert (low <= mean).all()
    assert (mean <= high).all()
    for missed, published in zip(((high < 1).mean(), (low > 1).mean()), MISSES[n, tail], strict=True):
        assert abs(missed - published) <= 4 * np.sqrt(2 * max(published, 2 / DRAWS) / DRAWS)
    assert (low > 1).mean() <= tail + 4 * np.sqrt(tail / DRAWS)  # what refutes keeps its promise


def test_students_limit_alone_would_miss_several_times_as_often(chi_squares: dict[int, np.ndarray]) -> None:
    from scipy.special import stdtrit

    samples = chi_squares[32]
    student = samples.mean(axis=0) - stdtrit(31, 0.005) * samples.std(axis=0, ddof=1) / np.sqrt(32)
    _, _, high = mean_limits(samples, 0.005)
    assert (student < 1).mean() > 3 * (high < 1).mean()


def test_on_symmetric_data_it_is_students_interval() -> None:
    samples = np.array([-3.0, -1.0, 0.0, 1.0, 3.0])
    low, mean, high = mean_limits(samples, 0.025)
    assert mean == 0
    half = 2.7764451051977987 * np.sqrt(20 / 4) / np.sqrt(5)  # t quantile of 4 degrees of freedom
    assert (low, high) == (pytest.approx(-half), pytest.approx(half))


@pytest.mark.parametrize("scale", [1e-200, 1e-3, 7.0, 1e200])
def test_equivariance_and_no_overflow(scale: float) -> None:
    samples = np.random.default_rng(1).standard_normal(40) ** 2
    plain, scaled = mean_limits(samples, 0.005), mean_limits(scale * samples, 0.005)
    np.testing.assert_allclose([float(end) for end in scaled], [scale * float(end) for end in plain], rtol=1e-12)
    low, _, high = mean_limits(-samples, 0.005)
    np.testing.assert_allclose([-high, -low], [plain[0], plain[2]], rtol=1e-12)


def test_degenerate_samples() -> None:
    assert [float(end) for end in mean_limits(np.full(20, 3.0), 0.005)] == [3.0 * 0.005 ** (1 / 20), 3.0, 3.0]
    assert [float(end) for end in mean_limits(np.zeros(20), 0.005)] == [0.0, 0.0, 0.0]
    assert [float(end) for end in mean_limits(np.array([2.0]), 0.005)] == [-np.inf, 2.0, np.inf]
    assert [float(end) for end in mean_limits(np.array([1.0, np.inf]), 0.005)] == [np.inf] * 3
    low, mean, high = mean_limits(np.array([[1.0, 1.0], [2.0, np.inf], [4.0, 1.0]]), 0.005)
    assert mean[0] == pytest.approx(7 / 3)
    assert low[0] < mean[0] < high[0] < np.inf
    assert low[1] == mean[1] == high[1] == np.inf


@pytest.mark.parametrize(("n", "probability"), [(2, 0.05), (16, 1 / 16), (64, 1 / 64), (512, 1 / 512), (512, 3 / 512)])
def test_a_rare_low_outcome_is_not_refuted_by_seeds_that_never_saw_it(n: int, probability: float) -> None:
    """Two points, 0 with a small probability and else 1: the lower end may miss the mean as rarely as promised."""
    draws, tail = 4_000, 0.005
    samples = (np.random.default_rng(n).random((n, draws)) >= probability).astype(float)
    low, _, _ = mean_limits(samples, tail)
    assert (low > 1 - probability).mean() <= tail + 4 * np.sqrt(tail / draws)
