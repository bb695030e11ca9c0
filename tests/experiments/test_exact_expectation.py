"""The committed numbers of exact_expectation against closed forms, and against the seeds beside them."""

from __future__ import annotations

import numpy as np
import pytest

from convlab.core.trace import Trace
from convlab.lab.limits import mean_limits
from tests.experiments.committed import results_of

FOUND = results_of("exact_expectation")


def trace(problem: str, exact: bool) -> Trace:
    (found,) = (
        trace
        for trace in FOUND.traces
        if trace.setting.problem == problem and ("exact expectation" in trace.setting.traits) == exact
    )
    return found


def test_random_coordinates_shrink_by_one_minus_one_over_d() -> None:
    """A coordinate of 20 is set to 0 in each step: E‖θ_t − θ*‖² = (1 − 1/20)^t, from D = 1."""
    found = trace("coordinates", True)
    np.testing.assert_allclose(found.measured["last"]["dist2"][0], 0.95 ** found.t.astype(float), rtol=1e-10)


def test_the_centroid_settles_where_its_variance_says() -> None:
    """e ← e/2 − g_B/2: E‖e‖² → (1/4)/(1 − 1/4)·σ_b² of 3 out of 30 rows, E gap half of it."""
    found = trace("centroid", True)
    sigma = found.setting["sigma_star"]  # of the batch
    t = found.t.astype(float)
    expected = 0.25**t * found.setting["D"] ** 2 + sigma**2 / 4 * (1 - 0.25**t) / 0.75
    np.testing.assert_allclose(found.measured["last"]["dist2"][0], expected, rtol=1e-12)
    np.testing.assert_allclose(found.measured["last"]["gap"][0], expected / 2, rtol=1e-12)


@pytest.mark.parametrize(
    ("problem", "output"), [("least_squares", "last"), ("least_squares", "average"), ("centroid", "last")]
)
def test_the_seeds_agree_within_their_limits(problem: str, output: str) -> None:
    """256 seeds, simultaneous limits over all checkpoints at 1 in 10,000."""
    sampled, exact = trace(problem, False), trace(problem, True)
    low, _, high = mean_limits(sampled.measured[output]["gap"][:, 1:], 1e-4 / (2 * (sampled.t.size - 1)))
    truth = exact.measured[output]["gap"][0, 1:]
    assert np.all((low <= truth) & (truth <= high))


def test_the_seeds_see_nothing_of_what_is_rare() -> None:
    """After some 200 steps no seed has a coordinate left that was never hit, and the expectation goes on: the page's
    sentence."""
    sampled, exact = (trace("coordinates", each).measured["last"]["dist2"].mean(axis=0) for each in (False, True))
    t = trace("coordinates", True).t
    (gone,) = np.nonzero(sampled < 1e-20 * exact)
    assert 150 < t[gone[0]] < 250
    assert np.all(exact[gone] > 1e-10)
