"""The committed numbers of `interpolation` against second moments, which are linear recursions in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from convlab.core.trace import Trace
from convlab.lab import catalog
from tests.experiments.committed import traces_of

NAME = "interpolation"
FITTED = {"n": 60, "dimension": 5, "flipped": 0}
FLIPPED = {"n": 60, "dimension": 5, "flipped": 1}
WIDE = {"n": 20, "dimension": 50, "flipped": 1}


def least_squares(shape: dict[str, int]) -> Trace:
    found = [
        trace
        for trace in traces_of(NAME, problem="least_squares")
        if all(trace.setting.problem_parameters[key] == value for key, value in shape.items())
    ]
    assert len(found) == 1
    return found[0]


def maps(shape: dict[str, int], eta: float) -> tuple[np.ndarray, np.ndarray]:
    """The steps (e, 1) ↦ (e − η(x·e + r)x, 1), one for each row, r its residual at θ*, and the first (e, 1).

    In coordinates of the row space, which e = θ − θ* never leaves.
    """
    rows = {"data": "synthetic", "condition": 10.0, "noise": 0.0, "data_seed": 5}
    X, y = (np.asarray(part) for part in catalog.load("problems", "least_squares")(**rows, **shape).data)
    basis = np.linalg.svd(X, full_matrices=False)[2].T
    X, theta = X @ basis, basis.T @ np.linalg.pinv(X) @ y
    residuals = X @ theta - y
    if shape != FLIPPED:
        assert np.abs(residuals).max() < 1e-12
        residuals[:] = 0.0
    d = X.shape[1]
    steps = np.tile(np.eye(d + 1), (len(X), 1, 1))
    steps[:, :d, :d] -= eta * X[:, :, None] * X[:, None, :]
    steps[:, :d, d] = -eta * residuals[:, None] * X
    return steps, np.append(-theta, 1.0)


def expected_dist2(shape: dict[str, int], trace: Trace) -> np.ndarray:
    """E‖θ_t − θ*‖² at the checkpoints: E zzᵀ ← mean_i A_i (E zzᵀ) A_iᵀ."""
    steps, z = maps(shape, trace.setting.step_size())
    moments, values = np.outer(z, z), []
    for _ in range(trace.setting.horizon + 1):
        values.append(np.trace(moments) - 1.0)
        moments = np.mean(steps @ moments @ steps.transpose(0, 2, 1), axis=0)
    return np.asarray(np.array(values)[trace.t])


def is_the_mean_of(trace: Trace, exact: np.ndarray) -> None:
    """Within 4.5 standard errors at every checkpoint, and those errors are small. θ_0 and θ_1 may know no chance."""
    measured = trace.measured["last"]["dist2"]
    error = measured.std(axis=0, ddof=1) / np.sqrt(len(measured))
    assert np.all(np.abs(measured.mean(axis=0) - exact) <= 4.5 * error + 1e-12 * exact)
    assert np.all(error < 0.12 * exact)


@pytest.mark.parametrize("shape", [FITTED, FLIPPED, WIDE])
def test_least_squares_has_its_exact_second_moment(shape: dict[str, int]) -> None:
    trace = least_squares(shape)
    is_the_mean_of(trace, expected_dist2(shape, trace))


def test_random_coordinates_have_their_closed_form() -> None:
    trace = traces_of(NAME, problem="coordinates")[0]
    d, eta = 100, 1 / 400
    assert trace.setting.step_size() == pytest.approx(eta, rel=1e-12)
    steep, flat = ((1 - eta * curve * (2 - eta * d * curve)) ** trace.t.astype(float) for curve in (1.0, 0.9))
    is_the_mean_of(trace, (99 * steep + flat) / 100)


def test_the_fitted_rows_converge_at_the_spectral_radius() -> None:
    """ln of the largest eigenvalue of M ↦ mean_i (I − ηx_i x_iᵀ) M (I − ηx_i x_iᵀ) is the slope in the end."""
    trace = least_squares(FITTED)
    steps = maps(FITTED, trace.setting.step_size())[0][:, :5, :5]
    operator = np.mean([np.kron(step, step) for step in steps], axis=0)
    rate = float(np.log(np.abs(np.linalg.eigvals(operator)).max()))
    late = trace.t >= 500
    slope = np.polyfit(trace.t[late], np.log(trace.mean("last", "dist2")[late]), 1)[0]
    assert slope == pytest.approx(rate, rel=0.03)


def test_one_flipped_label_is_a_plateau_and_in_the_wide_problem_it_is_not() -> None:
    fitted, flipped, wide = (
        least_squares(shape).measured["last"]["dist2"].mean(axis=0) for shape in (FITTED, FLIPPED, WIDE)
    )
    assert fitted[-1] < 1e-9 * fitted[0]
    assert wide[-1] < 1e-6 * wide[0]
    assert flipped[-3:] == pytest.approx([flipped[-1]] * 3, rel=0.2)
    assert flipped[-1] > 1e-3 * flipped[0]
    assert least_squares(FLIPPED).setting["sigma_star"] == pytest.approx(0.33, abs=0.005)
    assert least_squares(FITTED).setting["sigma_star"] == least_squares(WIDE).setting["sigma_star"] == 0.0
