"""Theorems that hold with probability 1 − δ, against laws that are known: all paths of signs, and noncentral χ²."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from convlab.core.setting import Hyper, Known, Setting
from convlab.lab import catalog

T = 12
ONE_RUN, WHOLE_RUN, PARABOLA = (
    catalog.load("theorems", name)
    for name in ("sgd_high_probability", "sgd_high_probability_path", "sgd_gaussian_quantile")
)


def setting_of(step: Hyper, horizon: int = T, **known: float) -> Setting:
    return Setting(
        "toy", "toy", "toy", horizon, known={k: Known(v, "exact") for k, v in known.items()}, hyper={"step_size": step}
    )


def averages(G: float, sigma: float, D: float, radius: float, eta: float) -> np.ndarray:
    """G|x| at the averages of the first t = 1, …, T points, on every path of signs [2^T, T]: by plain recursion."""
    x, total, gaps = np.full(2**T, D), np.zeros(2**T), []
    for t in range(T):
        total = total + x
        gaps.append(G * np.abs(total / (t + 1)))
        sign = np.where(np.arange(2**T) >> t & 1, 1.0, -1.0)
        x = np.clip(x - eta * (G * np.sign(x) + sigma * sign), -radius, radius)
    return np.stack(gaps, axis=1)


@pytest.mark.parametrize(("G", "sigma", "D"), [(1.0, 0.25, 1.0), (1.0, 1.0, 0.3), (0.1, 1.0, 0.05), (0.01, 1.0, 0.0)])
@pytest.mark.parametrize("eta", [0.05, 0.4])
def test_of_all_paths_at_most_a_share_delta_is_beyond_the_bounds(G: float, sigma: float, D: float, eta: float) -> None:
    gaps = averages(G, sigma, D, 1.0, eta)
    for delta in (0.5, 0.1, 0.01):
        setting = setting_of(Hyper(str(eta), eta), G=G, sigma=sigma, G_sure=G + sigma, D=D, diameter=2.0, delta=delta)
        each = np.exp([ONE_RUN.log_bound(setting, t) for t in range(1, T + 1)])
        all_at_once = np.exp([WHOLE_RUN.log_bound(setting, t) for t in range(1, T + 1)])
        assert (gaps > each).mean(axis=0).max() <= delta
        assert (gaps > all_at_once).any(axis=1).mean() <= delta
        assert all_at_once[-1] == pytest.approx(each[-1], rel=1e-12)
        assert (all_at_once >= each * (1 - 1e-12)).all()


def test_the_constant_of_the_martingale_is_hoeffdings() -> None:
    """P(the noise is ever above GΔ√(2n ln(1/δ))), over all 2^n paths of X_s = ± GΔ, the widest there is, is at most δ;
    with half of the constant it would not be."""
    sums = np.cumsum(1.0 - 2.0 * (np.arange(2**16)[:, None] >> np.arange(16) & 1), axis=1)
    for delta in (0.1, 0.01):
        ever = (sums.max(axis=1) > math.sqrt(2 * 16 * math.log(1 / delta))).mean()
        assert 0 < ever <= delta
        assert (sums.max(axis=1) > math.sqrt(2 * 16 * math.log(1 / delta)) / 2).mean() > delta


def test_the_bounds_are_the_formulas() -> None:
    setting = setting_of(Hyper("0.1", 0.1), G_sure=1.5, D=0.7, diameter=2.5, delta=0.05)
    with mp.workdps(40):
        noise = mp.mpf("1.5") * mp.mpf("2.5") * mp.sqrt(2 * mp.log(20))
        for t in (1, 5, 12):
            first = mp.mpf("0.49") / (mp.mpf("0.2") * t) + mp.mpf("0.05") * mp.mpf("2.25")
            assert ONE_RUN.log_bound(setting, t) == pytest.approx(float(mp.log(first + noise / mp.sqrt(t))), abs=1e-13)
            whole = float(mp.log(first + noise * mp.sqrt(12) / t))
            assert WHOLE_RUN.log_bound(setting, t) == pytest.approx(whole, abs=1e-13)


@pytest.mark.parametrize("written", ["0.3", "1/(t+1)", "2/(t+3)", "1.7"])
@pytest.mark.parametrize("D", [0.0, 0.5, 30.0])
def test_the_parabolas_quantile_against_the_noncentral_law(written: str, D: float) -> None:
    """gap = (μ/2) v χ'²₁(m²/v) exceeds the bound with probability δ at most, just δ where the start is forgotten."""
    value = float(written) if "t" not in written else None
    for delta in (0.5, 0.1, 0.001):
        setting = setting_of(Hyper(written, value), mu=1.0, sigma=0.8, D=D, delta=delta)
        mean, variance = D, 0.0
        for t in range(1, T + 1):
            eta = setting.step_size(t - 1)
            mean, variance = (1 - eta) * mean, (1 - eta) ** 2 * variance + (0.8 * eta) ** 2
            beyond = stats.ncx2.sf(2 * math.exp(PARABOLA.log_bound(setting, t)) / variance, 1, mean**2 / variance)
            assert beyond <= delta * (1 + 1e-9)
            if mean == 0:
                assert beyond == pytest.approx(delta, rel=1e-9)
            else:
                assert beyond >= delta / 2 * (1 - 1e-9)
            quantile = 2 * PARABOLA.instance.expected(setting, t) / variance
            assert stats.ncx2.sf(quantile, 1, mean**2 / variance) == pytest.approx(delta, rel=1e-7)
