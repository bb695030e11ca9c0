"""The committed exponents of `price_of_randomness`, fitted here anew: ε ~ T^(-1) for GD and T^(-1/2) for SGD."""

from __future__ import annotations

import numpy as np
import pytest

from tests.experiments.committed import traces_of

NAME = "price_of_randomness"


def exponent(problem: str, optimizer: str, output: str) -> float:
    """d log T / d log ε."""
    traces = traces_of(NAME, problem=problem, optimizer=optimizer)
    gaps = [trace.measured[output]["gap"][:, -1].mean() for trace in traces]
    return float(np.polyfit(np.log(gaps), np.log([trace.setting.horizon for trace in traces]), 1)[0])


def test_gradient_descent_takes_one_over_eps_steps_on_its_worst_case() -> None:
    assert exponent("huber", "gd", "last") == pytest.approx(-1.0, abs=0.02)


def test_sgd_takes_one_over_eps_squared_steps_on_its_worst_case() -> None:
    assert exponent("quadratic", "sgd", "average") == pytest.approx(-2.0, abs=0.15)


def test_a_fixed_strongly_convex_problem_is_faster_for_gd_and_hardly_for_sgd() -> None:
    """log(1/ε) steps for GD: the exponent tends to 0. The step of SGD is that of its worst case, and so is its pace."""
    assert exponent("logistic", "gd", "last") > -0.5
    assert -3.0 < exponent("logistic", "sgd", "average") < -1.3


def test_in_row_gradients_sgd_wins_for_a_coarse_answer_and_gd_for_a_fine_one() -> None:
    """Row gradients until the gap on the real data is below ε: GD pays all n rows a step, SGD a single one."""

    def least_cost(optimizer: str, output: str, epsilon: float) -> float:
        costs = [
            trace.rows_per_step * trace.t[reached[0]]
            for trace in traces_of(NAME, problem="logistic", optimizer=optimizer)
            if (reached := np.flatnonzero(trace.mean(output, "gap") < epsilon)).size
        ]
        return float(min(costs, default=np.inf))

    assert least_cost("sgd", "average", 0.05) < 0.5 * least_cost("gd", "last", 0.05)
    assert least_cost("gd", "last", 1e-6) < least_cost("sgd", "average", 1e-6)
