"""What the wider catalogue asks of the machine: outputs with arguments, ranges, slopes, sets, landscapes, pages."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convlab.core.errors import ConvlabError
from convlab.core.results import Results
from convlab.core.verdict import Slope, Verdict
from convlab.lab import api, pages, review
from convlab.lab.condense import MOST_ROWS, condensed, shared_label
from convlab.lab.config import load_experiment
from convlab.lab.grid import checkpoints
from tests.running import run

BODY = """
title = "Toy"
[problem]
name = "quadratic"
mu = 0.1
[[optimizer]]
name = "gd"
step_size = "1/L"
[run]
horizon = 20
"""


def load(tmp_path: Path, text: str = BODY, **replaced: str) -> Any:
    for old, new in replaced.items():
        text = text.replace({"step": 'step_size = "1/L"', "run": "horizon = 20", "problem": "mu = 0.1"}[old], new)
    path = tmp_path / "toy.toml"
    path.write_text(text, encoding="utf-8")
    return load_experiment(str(path))


def fault(tmp_path: Path, **replaced: str) -> str:
    with pytest.raises(ConvlabError) as caught:
        load(tmp_path, **replaced)
    return str(caught.value)


def test_an_output_has_its_range_in_brackets(tmp_path: Path) -> None:
    outputs = 'horizon = 20\noutputs = ["last", "average(0..T-1)", "average(1..T)", "weighted_average(t+1)"]'
    found = load(tmp_path, run=outputs).outputs
    assert found == ("last", "average", "average(1..T)", "weighted_average(t+1)")
    assert '"2..T" is no choice' in fault(tmp_path, run='horizon = 20\noutputs = ["average(2..T)"]')
    assert "takes nothing in brackets" in fault(tmp_path, run='horizon = 20\noutputs = ["last(1)"]')
    assert "given twice" in fault(tmp_path, run='horizon = 20\noutputs = ["average", "average(0..T-1)"]')


def test_a_range_is_the_list_it_stands_for(tmp_path: Path) -> None:
    written = 'step_size = { from = 0.5, to = 1.5, count = 3, times = "1/L" }'
    (optimizer,) = load(tmp_path, step=written).optimizers
    assert optimizer.parameters["step_size"] == ["0.5*1/L", "1*1/L", "1.5*1/L"]
    assert optimizer.axes == ("step_size",)
    written = 'step_size = { from = 0.01, to = 1.0, count = 3, spacing = "logarithmic" }'
    assert load(tmp_path, step=written).optimizers[0].parameters["step_size"] == [0.01, 0.1, 1.0]
    for broken, told in (
        ("{ from = 0.5, to = 1.5 }", "a range needs a count"),
        ("{ from = 1.5, to = 0.5, count = 3 }", "goes up from one number to another"),
        ("{ from = 0.5, to = 1.5, count = 1 }", "no whole number from 2"),
        ("{ from = 0.0, to = 1.5, count = 3, spacing = 'logarithmic' }", "has no logarithm"),
        ("{ from = 0.5, to = 1.5, cuont = 3 }", "did you mean 'count'?"),
    ):
        assert told in fault(tmp_path, step=f"step_size = {broken}")


def test_pairs_keep_the_step_after_each_checkpoint() -> None:
    plain, pairs = checkpoints(1000, 8, False), checkpoints(1000, 8, False, pairs=True)
    assert set(plain) | {t + 1 for t in plain if t < 1000} | {999} == set(pairs)
    assert max(pairs) == 1000


def test_a_whole_number_may_depend_on_the_horizon() -> None:
    (trace,) = run(
        {"name": "quadratic", "dimension": "2*T+1", "mu": 0.1}, [{"name": "gd", "step_size": 0.1}], horizon=7
    )
    assert trace.dimension == 15
    with pytest.raises(ConvlabError, match=r"dimension = 'T/2' is 3.5, no whole number"):
        run({"name": "quadratic", "dimension": "T/2", "mu": 0.1}, [{"name": "gd", "step_size": 0.1}], horizon=7)


def test_a_set_is_handed_to_those_that_project_and_refused_to_the_others() -> None:
    constrained = {"name": "quadratic", "dimension": 2, "mu": 0.5, "constraint": "ball", "radius": 1.0}
    (trace,) = run(constrained, [{"name": "subgradient", "step_size": 3.9}], horizon=30, every_step=True)
    assert trace.points is not None
    assert np.all(np.linalg.norm(trace.points[0], axis=1) <= 1 + 1e-12)  # unprojected, 3.9 > 2/L would diverge
    assert "gradient step" not in trace.setting.traits
    assert trace.setting.options["project"] is True
    with pytest.raises(ConvlabError, match="'gd' would leave; use an optimizer that projects"):
        run(constrained, [{"name": "gd", "step_size": 1.0}])


def test_the_minimum_is_handed_over_where_it_is_certified() -> None:
    (trace,) = run({"name": "absolute", "G": 2.0}, [{"name": "polyak"}], horizon=3)
    assert trace.measured["last"]["gap"][0].tolist() == [2.0, 0.0, 0.0, 0.0]  # one step: gap/G² · G = D
    with pytest.raises(ConvlabError, match="'polyak' needs the minimum, and none is certified for 'network'"):
        run({"name": "network"}, [{"name": "polyak"}])


def test_an_output_by_step_size_is_not_read_where_there_is_none() -> None:
    gd, polyak = run(
        {"name": "quadratic", "mu": 0.5},
        [{"name": "gd", "step_size": 1.0}, {"name": "polyak"}],
        outputs=("last", "weighted_average"),
    )
    assert set(gd.measured) == {"last", "weighted_average"}
    assert set(polyak.measured) == {"last"}
    assert polyak.status == ("done",)
    with pytest.raises(ConvlabError, match="no step size, which weighted_average needs"):
        run({"name": "quadratic", "mu": 0.5}, [{"name": "polyak"}], outputs=("weighted_average",))


def test_the_weights_are_the_step_sizes_of_the_run() -> None:
    """Σ η_s θ_s / Σ η_s along gradient descent on a parabola, by a plain loop."""
    step = {"name": "gd", "step_size": "1/(t+2)"}
    (trace,) = run({"name": "quadratic", "dimension": 1}, [step], horizon=6, outputs=("weighted_average",))
    theta, total, weights = 1.0, 0.0, 0.0
    for t in range(6):
        eta = 1 / (t + 2)
        total, weights = total + eta * theta, weights + eta
        theta -= eta * theta
    assert trace.measured["weighted_average"]["gap"][0, -1] == pytest.approx(0.5 * (total / weights) ** 2, rel=1e-14)


def test_the_decrement_of_x_minus_log_x_is_its_error() -> None:
    (trace,) = run({"name": "log_barrier", "start": 1.5}, [{"name": "newton"}], horizon=3)
    np.testing.assert_allclose(trace.measured["last"]["decrement2"], trace.measured["last"]["dist2"], rtol=1e-13)
    (trace,) = run({"name": "quadratic", "mu": 0.5}, [{"name": "newton"}], horizon=1)
    assert "decrement2" not in trace.measured["last"]


def test_slopes_are_asked_of_the_interval() -> None:
    slope = Slope(-1.0, -1.02, -0.97, (1, 100))
    verdict = Verdict("x", (0,), "holds", "", slope=slope, expect="holds", expect_slope=(-1.05, -0.95))
    assert verdict.as_expected
    assert verdict.expected == "holds, slope in [-1.05, -0.95]"
    assert not dataclasses.replace(verdict, expect_slope=(-1.01, -0.95)).as_expected
    assert not dataclasses.replace(verdict, slope=None).as_expected
    assert not dataclasses.replace(verdict, ruling="inconclusive").as_expected


@pytest.mark.usefixtures("unrendered")
def test_a_claim_on_a_slope_decides_the_exit_and_is_not_asked_in_quick(tmp_path: Path) -> None:
    claim = '\n[[claim]]\ntheorem = "gd_strongly_convex_gap"\nslope = [-9.0, -8.0]\n[quick]\nrun.horizon = 10\n'
    experiment = load(tmp_path, text=BODY + claim)
    outcome = api.run(experiment, out=tmp_path / "out")
    assert [verdict.ruling for verdict in outcome.results.verdicts] == ["holds"]
    assert not outcome.well
    quick = load_experiment(str(tmp_path / "toy.toml"), quick=True)
    assert api.run(quick, out=tmp_path / "out").well
    assert "no interval for the measured slope" in fault(
        tmp_path, run='horizon = 20\n[[claim]]\ntheorem = "gd_smooth_convex"\nslope = [1, -1]'
    )


def test_a_problem_in_the_plane_has_a_landscape_and_its_figures_are_chosen(tmp_path: Path) -> None:
    text = BODY.replace("mu = 0.1", "mu = 0.1\ndimension = 2") + '[figures]\nkinds = ["contours"]\n'
    outcome = api.run(load(tmp_path, text=text), out=tmp_path / "out")
    (landscape,) = outcome.results.landscapes
    assert landscape.minimiser == (0.0, 0.0)
    xs, ys = np.meshgrid(landscape.x, landscape.y)
    np.testing.assert_allclose(landscape.risk, 0.5 * (0.1 * xs**2 + ys**2), rtol=1e-14)
    points = outcome.results.traces[0].points
    assert points is not None
    assert landscape.x[0] < points[0, :, 0].min() <= points[0, :, 0].max() < landscape.x[-1]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"contours.svg", "contours.png"} <= names
    assert "gap_curves.svg" not in names
    again = review.judge(str(tmp_path / "out"))
    np.testing.assert_array_equal(again.results.landscapes[0].risk, landscape.risk)
    assert "unknown plot 'contuors'; did you mean 'contours'?" in fault(
        tmp_path, run='horizon = 20\n[figures]\nkinds = ["contuors"]'
    )
    assert "is no x axis" in fault(tmp_path, run='horizon = 20\n[figures]\nx = "seconds"')


def test_the_page_has_the_words_of_the_file_and_every_ruling(tmp_path: Path) -> None:
    words = 'title = "Toy"\nhypothesis = "It will **hold**."\nlesson = "It did."'
    text = BODY.replace('title = "Toy"', words) + '[[claim]]\ntheorem = "gd_smooth_convex"\n'
    api.run(load(tmp_path, text=text), out=tmp_path / "out")
    page = (tmp_path / "out" / pages.PAGE).read_text(encoding="utf-8")
    for part in ("# Toy", "It will **hold**.", "gap_curves.svg", "| `gd_smooth_convex` | **holds** |", "It did."):
        assert part in page
    before = page
    review.judge(str(tmp_path / "out"))
    assert (tmp_path / "out" / pages.PAGE).read_text(encoding="utf-8") == before


def test_many_rulings_become_few_rows() -> None:
    steps = [{"name": "gd", "step_size": 0.01 * k} for k in range(1, MOST_ROWS + 12)]
    traces = run({"name": "quadratic", "mu": 0.5}, steps, horizon=2)
    rulings = [
        Verdict("gd_smooth_convex", (k,), "holds" if k < 40 else "not applicable", "why", worst_ratio=0.01 * k)
        for k in range(len(traces))
    ]
    results = Results("many", "many", "trajectory", tuple(traces), tuple(rulings))
    few = condensed(results, rulings)
    assert [(len(v.cells), v.ruling, v.worst_ratio) for v in few] == [(40, "holds", 0.39), (1, "not applicable", 0.4)]
    assert shared_label(results, few[0]) == "gd (40 runs)"
    assert condensed(results, rulings[:5]) == rulings[:5]
