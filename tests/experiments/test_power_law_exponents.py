"""The committed exponents of `power_law_exponents` against (α + β − 1)/α, and the runs against their sums."""

from __future__ import annotations

import numpy as np
import pytest

from tests.experiments.committed import results_of

NAME = "power_law_exponents"


def test_every_interval_holds_the_exact_exponent_and_is_narrow() -> None:
    results = results_of(NAME)
    assert len(results.verdicts) == 16
    widths = []
    for verdict in results.verdicts:
        setting, slope = results.traces[verdict.cells[0]].setting, verdict.slope
        s = (setting["capacity"] + setting["source"] - 1) / setting["capacity"]
        assert slope is not None
        assert slope.a_law
        assert not slope.may_be_demanded
        assert slope.low <= -s <= slope.high
        widths.append((slope.high - slope.low) / s)
    assert max(widths) < 0.55  # α = 1.25, β = 0: at T = 10,000 the spectrum of 20,000 eigenvalues has long begun to end
    assert np.median(widths) < 0.02


def test_the_runs_are_their_sums_over_the_spectrum() -> None:
    i = np.arange(1.0, 20_001.0)
    for trace in results_of(NAME).traces:
        capacity, source = trace.setting["capacity"], trace.setting["source"]
        start, k = i**-source / np.sum(i**-source), len(trace.t) // 2
        exact = 0.5 * np.sum(i**-capacity * start * (1 - i**-capacity) ** (2.0 * trace.t[k]))
        assert trace.measured["last"]["gap"][0, k] == pytest.approx(exact, rel=1e-9)
