"""Experiments said in Python: the same as those of a file, pleasant to read, with errors in one line."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convlab
from convlab.core.errors import ConvlabError
from convlab.core.verdict import Verdict
from convlab.lab import api
from convlab.lab.review import Outcome

GD: dict[str, Any] = {"name": "gd", "step_size": "1/L"}
SGD: dict[str, Any] = {"name": "sgd", "step_size": "1/(8*L_max)"}
LOGISTIC: dict[str, Any] = {"name": "logistic", "data": "breast_cancer", "rows": "standardised", "ridge": 0.01}
FILE = """\
title = "The same in a file"
[problem]
name = "logistic"
data = "breast_cancer"
rows = "standardised"
ridge = 0.01
[[optimizer]]
name = "gd"
step_size = "1/L"
[[optimizer]]
name = "sgd"
step_size = "1/(8*L_max)"
[run]
horizon = 30
seeds = 2
outputs = ["last", "average"]
[[claim]]
theorem = "gd_smooth_convex"
where = { optimizer = "gd" }
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    claim = {"theorem": "gd_smooth_convex", "where": {"optimizer": "gd"}}
    run = {"horizon": 30, "seeds": 2, "outputs": ["last", "average"]}
    return convlab.run(problem=LOGISTIC, optimizers=[GD, SGD], claims=[claim], **run)


def test_it_is_the_experiment_of_a_file(outcome: Outcome, here: Path) -> None:
    Path("same.toml").write_text(FILE)
    of_file = convlab.run("same.toml", out="kept")
    for said, written in zip(outcome.results.traces, of_file.results.traces, strict=True):
        np.testing.assert_array_equal(said.t, written.t)
        for output in ("last", "average"):
            for quantity in ("gap", "grad_norm2", "dist2"):
                np.testing.assert_array_equal(said.measured[output][quantity], written.measured[output][quantity])
    assert [(v.theorem, v.ruling, v.why) for v in outcome.verdicts] == [
        (v.theorem, v.ruling, v.why) for v in of_file.verdicts
    ]
    assert outcome.results.title == "gd, sgd on logistic"


def test_gaps_by_label(outcome: Outcome) -> None:
    gd, sgd = outcome.results.traces
    assert list(outcome.gap) == list(outcome.t) == ["gd", "sgd"]
    np.testing.assert_array_equal(outcome.gap["sgd"], sgd.measured["last"]["gap"])
    np.testing.assert_array_equal(outcome.t["gd"], gd.t)
    assert (outcome.gap["gd"].shape, outcome.gap["sgd"].shape) == ((1, gd.t.size), (2, sgd.t.size))
    averages = outcome.curves("dist2", "average")
    np.testing.assert_array_equal(averages["sgd"], sgd.measured["average"]["dist2"])
    with pytest.raises(KeyError, match="no run is labelled 'sdg'; did you mean 'sgd'"):
        outcome.gap["sdg"]
    with pytest.raises(ConvlabError, match="'gapp' is not measured here; did you mean 'gap'"):
        outcome.curves("gapp")
    with pytest.raises(ConvlabError, match="'lst' is not measured here; did you mean 'last'"):
        outcome.curves("gap", "lst")


def test_a_data_frame_has_every_measurement(outcome: Outcome) -> None:
    frame = outcome.to_pandas()
    first = ["label", "problem", "optimizer", "oracle", "horizon", "output", "seed", "t", "gap", "grad_norm2", "dist2"]
    assert list(frame.columns)[:11] == first
    gd, sgd = outcome.results.traces
    assert len(frame) == 2 * (gd.t.size + 2 * sgd.t.size)
    some = frame[(frame.label == "sgd") & (frame.output == "average") & (frame.seed == 1)]
    assert some.t.tolist() == sgd.t.tolist()
    np.testing.assert_array_equal(some.gap, sgd.measured["average"]["gap"][1])
    np.testing.assert_array_equal(some.dist2, sgd.measured["average"]["dist2"][1])
    assert set(frame.problem) == {"logistic"}
    assert set(frame[frame.optimizer == "sgd"].oracle) == {"minibatch"}


def test_it_is_shown(outcome: Outcome) -> None:
    assert repr(outcome).splitlines()[0] == "Outcome of 'python'"
    assert "  gd: gd_smooth_convex: holds: " in repr(outcome)
    page = outcome._repr_html_()
    assert "<td>gd_smooth_convex</td><td>holds</td>" in page
    verdict = Verdict("gd_smooth_convex", (0,), "violated", "1 < 2 & <b>", 2.0, 3, expect="holds")
    results = dataclasses.replace(outcome.results, verdicts=(verdict,), title="<script>")
    other = dataclasses.replace(outcome, results=results, failures=("sgd: failed: <i>",))
    assert "<td>1 &lt; 2 &amp; &lt;b&gt;</td>" in other._repr_html_()
    assert "&lt;script&gt;" in other._repr_html_()
    assert "<p>sgd: failed: &lt;i&gt;</p>" in other._repr_html_()
    assert "violated, expected holds" in repr(other)
    assert repr(other).endswith("  sgd: failed: <i>")
    for kind in ("gap_curves", "bound_ratio"):
        assert outcome.plot(kind)._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ConvlabError, match="did you mean 'gap_curves'"):
        outcome.plot("gap_curve")


def test_nothing_is_left_behind(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = convlab.run(problem="huber", optimizers=GD, horizon=5)
    assert (found.folder, found.files) == (None, ())
    assert found.gap["gd"].shape == (1, 6)

    def interrupt(*args: Any, **rest: Any) -> None:
        assert list((here / "temporary").iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        convlab.run(problem="huber", optimizers=GD, horizon=5)
    assert list(here.iterdir()) == [here / "temporary"]
    assert not list((here / "temporary").iterdir())


def test_with_a_folder_it_goes_on_from_there(here: Path) -> None:
    said: dict[str, Any] = {"problem": "huber", "optimizers": GD, "horizon": 5, "out": here / "kept", "name": "first"}
    assert (convlab.run(**said).ran, convlab.run(**said).reused) == (1, 1)
    assert convlab.judge(str(here / "kept")).results.name == "first"


def test_the_words_of_a_file(here: Path) -> None:
    labelled = {"short": {"name": "gd", "step_size": ["0.5/L", "1/L"]}, "Newton": "newton"}
    claims = [{"theorem": "gd_smooth_convex", "where": {"step_size": np.str_("1/L")}}]
    sizes = (np.int64(5), 10)
    found = convlab.run(problem=LOGISTIC, optimizers=labelled, horizon=sizes, claims=claims, title="Mine")
    assert found.labels == (
        *("short, step_size = 0.5/L, T = 5", "short, step_size = 0.5/L, T = 10"),
        *("short, step_size = 1/L, T = 5", "short, step_size = 1/L, T = 10", "Newton, T = 5", "Newton, T = 10"),
    )
    assert list(found.gap) == list(found.labels)
    assert (found.results.title, found.results.kind, len(found.verdicts)) == ("Mine", "horizon sweep", 1)
    assert (found.results.figures, found.results.x) == (("gap_curves", "bound_ratio"), "steps")
    both = convlab.run(
        problem=["huber", "quadratic"],
        optimizers=[GD],
        oracle="exact",
        horizon=np.int32(3),
        figures={"x": "row gradients"},
    )
    assert both.results.x == "row gradients"
    assert both.labels == ("gd, on huber", "gd, on quadratic")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"problem": None}, "run: problem is missing"),
        ({"optimizers": None}, "run: optimizers is missing"),
        ({"horizon": None}, "run: horizon is missing; such as horizon=1000"),
        ({"horizon": 0}, "<python>: run.horizon: 0 is out of range"),
        ({"problem": "hubr"}, "<python>: problem.0.name: unknown problem 'hubr'; did you mean 'huber'?"),
        ({"optimizers": [GD, {**GD, "step": 1}]}, "<python>: optimizer.1.step: unknown key of gd"),
        ({"optimizers": {**GD, "step_size": "1/l"}}, "<python>: optimizer.0.step_size: "),
        ({"optimizers": []}, "<python>: optimizer: []"),
        ({"optimizers": "gd"}, "step_size"),
        ({"optimizers": {**GD, "step_size": "1/sigma_star"}}, "<python>: optimizer.0.step_size: "),
        ({"optimizers": {**GD, "step_size": float("nan")}}, "<python>: optimizer.0.step_size: the number is out of"),
        ({"figures": {"z": "steps"}}, "<python>: figures.z: unknown key"),
        ({"claims": "gd_smoth_convex"}, "<python>: claim.0.theorem: unknown theorem"),
        ({"name": "a/b"}, "'a/b' cannot name an experiment"),
        ({"experiment": "quickstart"}, "run: problem belongs to an experiment said in Python"),
        ({"optimizers": [convlab.gd(0.1)]}, "run: optimizers[0] is an optax transformation, "),
        ({"optimizers": {"mine": convlab.gd(0.1)}}, "run: optimizers['mine'][0] is an optax transformation, "),
        ({"optimizers": convlab.gd}, "run: optimizers is of type function, not a name, number, text, or table of"),
        ({"problem": {"name": "logistic", "data": object()}}, "run: problem['data'] is of type object, "),
    ],
)
def test_mistakes_are_told_in_one_line(here: Path, change: dict[str, Any], told: str) -> None:
    said: dict[str, Any] = {"problem": "huber", "optimizers": GD, "horizon": 5, **change}
    with pytest.raises(ConvlabError) as caught:
        convlab.run(**said)
    (line,) = str(caught.value).splitlines()
    assert told in line
    assert not list((here / "temporary").iterdir())


def test_a_problem_object_is_told_how_to_be_written(here: Path) -> None:
    with pytest.raises(ConvlabError, match=r'run: problem is a Problem, .* write it as \{"name": "huber"'):
        convlab.run(problem=convlab.huber(), optimizers=GD, horizon=5)


def test_a_data_file_lies_in_the_current_folder(here: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(20, 2))
    lines = [f"{a},{b},{int(a > b)}" for a, b in rows]
    Path("mine.csv").write_text("a,b,won\n" + "\n".join(lines) + "\n")
    problem = {"name": "logistic", "data": Path("mine.csv"), "label": "won", "ridge": 0.1}
    assert convlab.run(problem=problem, optimizers=GD, horizon=3).gap["gd"][0, -1] > 0
    with pytest.raises(ConvlabError, match=r'<python>: problem\.0\.data: there is no file "no\.csv"'):
        convlab.run(problem={**problem, "data": "no.csv"}, optimizers=GD, horizon=3)
