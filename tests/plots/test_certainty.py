"""What a figure says of its certainty: the interval of R*, the window of a slope, quantiles, vacuous bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from plot_makers import checkpoints, trace
from reading import entries

from convlab.core.results import Results
from convlab.core.verdict import Slope, Verdict
from convlab.plots import bound_ratio, gap_curves

T = checkpoints(1000)
GAP = 1.0 / (T + 1)


def results(**changes: object) -> Results:
    """A gap of 1/(t + 1) below the bound 2/t, and its slope read from t = 10 to 1000."""
    t = T[1:]
    verdict = Verdict(
        "gd_smooth_convex", (0,), "holds", "", 0.5, 1, Slope(-1.0, -1.1, -0.9, (int(T[10]), 1000)), -1.0,
        t=t, log_bound=np.log(2 / t), ratio=GAP[1:] / (2 / t), vacuous=t <= 4, trivial="L·D²/2",
    )  # fmt: skip
    facts = {"gd_smooth_convex": {"title": "a theorem", "output": "last", "quantity": "gap", "sense": "every run"}}
    made = replace(trace("gd", T, GAP), certificate="closed form", risk_star=(0.25, 0.25))
    found = Results(
        "x", "A title", "trajectory", (made,), (verdict,), formulas={"gd_smooth_convex": "$2/T$"}, theorems=facts
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def named(panel: Axes, label: str) -> list[Line2D]:
    return [line for line in panel.get_lines() if str(line.get_label()) == label]


def texts(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.texts)


def test_the_interval_of_the_minimum_is_dotted_where_it_is_not_negligible() -> None:
    plain = gap_curves.plot(results())
    assert not named(plain.axes[0], "_interval")
    assert "R* = 0.25, closed form." in texts(plain)
    wide = replace(results().traces[0], error={"gap": 0.01}, risk_star=(0.25, 0.26))
    made = gap_curves.plot(results(traces=(wide,)))
    (line,) = named(made.axes[0], "_interval")
    assert line.get_ydata()[0] == 0.01  # type: ignore[index]
    assert any(patch.get_hatch() for patch in made.axes[0].patches)
    assert "smaller than the interval that R* is known to lie in" in entries(made)
    assert "R* in [0.25, 0.26], closed form." in texts(made)


def test_nothing_is_dotted_where_the_minimum_is_known_from_one_side_alone() -> None:
    bounded = replace(results().traces[0], error={"gap": 1.0}, risk_star=(0.0, 1.0), certificate="R is not negative")
    made = gap_curves.plot(results(traces=(bounded,)))
    assert not named(made.axes[0], "_interval")
    assert "R* in [0, 1], R is not negative." in texts(made)


def test_each_problem_has_its_line_and_many_have_none() -> None:
    traces = [
        replace(each, setting=replace(each.setting, problem=name))
        for each, name in zip(results().traces * 3, ("one", "two", "three"), strict=True)
    ]
    assert "one: R* = 0.25" in texts(gap_curves.plot(results(traces=tuple(traces[:2]))))
    assert "R* =" not in texts(gap_curves.plot(results(traces=tuple(traces))))
    unknown = replace(results().traces[0], risk_star=None)
    assert "R*" not in texts(gap_curves.plot(results(traces=(unknown,))))


@pytest.mark.parametrize("kind", ["gap_curves", "bound_ratio"])
def test_brackets_stand_round_the_window_of_the_slope(kind: str) -> None:
    made = {"gap_curves": gap_curves, "bound_ratio": bound_ratio}[kind].plot(results())
    panel = made.axes[0]
    brackets = sorted((str(line.get_marker()), line) for line in named(panel, "_window"))
    assert [marker for marker, _ in brackets] == ["$[$", "$]$"]
    heights = [line.get_ydata()[0] for _, line in brackets]  # type: ignore[index]
    ends = np.array([T[10], 1000])
    expected = 1 / (ends + 1) if kind == "gap_curves" else ends / (2 * (ends + 1))
    np.testing.assert_allclose(heights, expected, rtol=1e-12)
    assert brackets[0][1].get_xdata()[0] < brackets[1][1].get_xdata()[0]  # type: ignore[index]
    assert "window that the slope was read from" in entries(made)
    bare = replace(results().verdicts[0], slope=None)
    assert not named(
        {"gap_curves": gap_curves, "bound_ratio": bound_ratio}[kind].plot(results(verdicts=(bare,))).axes[0], "_window"
    )


def test_a_bound_is_thin_where_it_is_vacuous() -> None:
    made = gap_curves.plot(results())
    (broad,), (thin,) = (named(made.axes[0], f"{name} gd_smooth_convex") for name in ("_bound", "_vacuous"))
    t = T[1:]
    shown, empty = (np.isfinite(np.asarray(line.get_ydata(), dtype=float)) for line in (broad, thin))
    np.testing.assert_array_equal(shown, t > 4)
    np.testing.assert_array_equal(empty, t <= t[t > 4][0])  # up to where the broad line begins
    assert thin.get_linewidth() < broad.get_linewidth()
    assert "a bound where it is vacuous: no less than L·D²/2" in entries(made)
    whole = replace(results().verdicts[0], vacuous=np.ones(t.size, dtype=bool))
    made = gap_curves.plot(results(verdicts=(whole,)))
    assert "vacuous: nowhere below L·D²/2" in texts(made)
    assert any(
        "(vacuous: nowhere below L·D²/2)" in text for text in entries(bound_ratio.plot(results(verdicts=(whole,))))
    )


def test_of_a_probability_the_quantile_is_drawn() -> None:
    verdict = replace(results().verdicts[0], delta=0.1)
    facts = {"gd_smooth_convex": {**results().theorems["gd_smooth_convex"], "sense": "probability"}}
    made = gap_curves.plot(results(verdicts=(verdict,), theorems=facts))
    (line,) = named(made.axes[0], "_quantile")
    np.testing.assert_allclose(np.asarray(line.get_ydata(), dtype=float), GAP[1:], rtol=1e-12)
    assert "0.9-quantile of the seeds" in entries(made)
    assert "a theorem, δ = 0.1" in texts(made)
    assert any(
        text.endswith(", 0.9-quantile")
        for text in entries(bound_ratio.plot(results(verdicts=(verdict,), theorems=facts)))
    )
    assert not named(gap_curves.plot(results()).axes[0], "_quantile")


def test_the_kind_of_experiment_is_told() -> None:
    assert "Trajectory: one fixed problem" in texts(gap_curves.plot(results()))
    for kind in ("horizon sweep", "worst-case sweep"):
        t = np.array([1000])
        last = Verdict(
            "gd_smooth_convex", (0,), "holds", "", 0.5, 1000, t=t, log_bound=np.log(2 / t), ratio=np.array([0.5])
        )
        assert kind.capitalize() in texts(gap_curves.plot(results(kind=kind, verdicts=(last,))))
        assert kind.capitalize() in texts(bound_ratio.plot(results(kind=kind, verdicts=(last,))))
