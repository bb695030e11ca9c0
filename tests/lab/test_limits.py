"""The limits of a mean: calibrated on χ²₁, exact where nothing is random, and equivariant."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import betainc, gammaincinv, ndtri, stdtrit

from convlab.lab.limits import FEWEST, _of_a_gamma_law, limits, mean_limits, summary

# (n, tail) -> how often the upper and the lower limit miss the mean of χ²₁: the table of the docstring
MISSES = {
    (32, 0.025): (0.0211, 0.0047),
    (32, 0.005): (0.0032, 0.0002),
    (32, 0.00025): (0.0001, 0.0),
    (64, 0.025): (0.0218, 0.0072),
    (64, 0.005): (0.0036, 0.0005),
    (64, 0.00025): (0.0001, 0.0),
    (256, 0.025): (0.0232, 0.0135),
    (256, 0.005): (0.0043, 0.0013),
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
    assert (high < 1).mean() <= tail + 3 * np.sqrt(tail / DRAWS)  # both ends keep their promise
    assert (low > 1).mean() <= tail + 3 * np.sqrt(tail / DRAWS)


def test_calibration_on_other_sums_of_squares_and_at_the_fewest_seeds() -> None:
    """Gaussian iterates in several dimensions, with a mean of their own, or beside a part that does not vary."""
    n, tail = FEWEST, 0.005
    z = np.random.default_rng(5).standard_normal((3, n, DRAWS))
    laws = {
        "two dimensions": (z[0] ** 2 + z[1] ** 2) / 2,
        "one steep, one flat": (z[0] ** 2 + 0.3 * z[1] ** 2) / 1.3,
        "off centre": ((1 + z[0]) ** 2 + z[1] ** 2 / 4) / 2.25,
        "shifted": (z[2] ** 2 + 3) / 4,
        "mirrored": 2 - z[2] ** 2,
    }
    for law, samples in laws.items():
        low, _, high = mean_limits(samples, tail)
        assert (high < 1).mean() <= tail + 3 * np.sqrt(tail / DRAWS), law
        assert (low > 1).mean() <= tail + 3 * np.sqrt(tail / DRAWS), law


def test_heavier_tails_miss_more_often_as_the_docstring_says() -> None:
    samples = np.exp(np.random.default_rng(6).standard_normal((32, DRAWS)) - 0.5)
    _, _, high = mean_limits(samples, 0.005)
    assert abs((high < 1).mean() - 0.009) <= 4 * np.sqrt(2 * 0.009 / DRAWS)


def test_students_limit_alone_would_miss_several_times_as_often(chi_squares: dict[int, np.ndarray]) -> None:
    samples = chi_squares[32]
    student = samples.mean(axis=0) - stdtrit(31, 0.005) * samples.std(axis=0, ddof=1) / np.sqrt(32)
    _, _, high = mean_limits(samples, 0.005)
    assert (student < 1).mean() > 8 * (high < 1).mean()


def test_on_few_symmetric_samples_it_is_students_interval_and_on_many_nearly_so() -> None:
    samples = np.array([-3.0, -1.0, 0.0, 1.0, 3.0])
    low, mean, high = mean_limits(samples, 0.025)
    assert mean == 0
    half = 2.7764451051977987 * np.sqrt(20 / 4) / np.sqrt(5)  # t quantile of 4 degrees of freedom
    assert (low, high) == (pytest.approx(-half), pytest.approx(half))
    ranks = ndtri((np.arange(400) + 0.5) / 400)
    low, _, high = mean_limits(ranks, 0.005)
    student = -stdtrit(399, 0.005) * ranks.std(ddof=1) / np.sqrt(400)
    assert low == pytest.approx(-high)
    assert student < high < 1.05 * student


@pytest.mark.parametrize("shape", [0.5, 0.8, 1.0, 3.0, 40.0, 1e4])
def test_the_limit_of_a_gamma_law(shape: float) -> None:
    """The shape is that of the law's L-skewness, and the width that of n samples whose λ₂ is w times their mean."""
    l_skewness = np.array(6 * betainc(shape, 2 * shape, 1 / 3) - 3)
    n, quantile = np.array(50.0), np.array(2.5758293035489004)
    draws = np.random.default_rng(2).standard_gamma(shape, 200_001)
    ratio = summary(draws).difference / summary(draws).mean  # λ₂ over the mean, by draws instead of Γ functions
    expected = (50 * shape / gammaincinv(50 * shape, 0.005) - 1) / ratio
    assert _of_a_gamma_law(n, l_skewness, quantile) == pytest.approx(expected, rel=0.01)


def test_limits_of_more_samples_that_look_alike() -> None:
    """The limits that m samples would have are those of the same samples repeated, up to L-moments' 1/n."""
    samples = np.random.default_rng(4).standard_normal(300) ** 2
    found = limits(summary(samples), 0.005, np.array([300, 1200, 3000]))
    for k, m in enumerate((1, 4, 10)):
        repeated = mean_limits(np.tile(samples, m), 0.005)
        np.testing.assert_allclose([end.flat[min(k, end.size - 1)] for end in found], repeated, rtol=1e-3)


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
