"""The shipped experiments: quick versions keep their claims, committed results are those of their files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from convlab.lab import api, catalog, pages, records, store
from convlab.lab.config import load_experiment
from tests.experiments.committed import ruled

ROOT = Path(__file__).resolve().parents[1]
NAMES = sorted(path.stem for path in (ROOT / "experiments").glob("*.toml"))


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize("name", NAMES)
def test_the_quick_version_keeps_its_claims(name: str, tmp_path: Path) -> None:
    outcome = api.run(load_experiment(str(ROOT / "experiments" / f"{name}.toml"), quick=True), out=tmp_path)
    assert outcome.failures == ()
    for verdict in outcome.results.verdicts:
        assert verdict.as_expected, f"{verdict.theorem}: {verdict.ruling}: {verdict.why}"


@pytest.mark.parametrize("name", NAMES)
def test_it_has_claims_and_a_quick_version(name: str) -> None:
    experiment = load_experiment(str(ROOT / "experiments" / f"{name}.toml"))
    assert experiment.claims
    assert load_experiment(str(ROOT / "experiments" / f"{name}.toml"), quick=True).to_json() != experiment.to_json()


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_results_are_of_this_file_and_can_be_ruled_again(name: str) -> None:
    folder = ROOT / "results" / name
    experiment = load_experiment(str(ROOT / "experiments" / f"{name}.toml"))
    index = json.loads((folder / "index.json").read_text())
    assert index["spec"] == store.digest(experiment.to_json()), f"run `convlab run {name}` and commit results/{name}"
    with open(folder / "verdicts.csv", newline="", encoding="utf-8") as file:
        committed = list(csv.DictReader(file))
    verdicts = ruled(folder).verdicts
    assert [row["ruling"] for row in committed] == [verdict.ruling for verdict in verdicts]
    assert all(row["as_expected"] == "True" for row in committed)
    listed = {name for cell in index["cells"] for name in cell["tasks"]}
    assert listed == {path.name for path in (folder / "tasks").glob("*.npz")}, "task files that no cell needs"
    for path in (folder / "tasks").glob("*.npz"):
        assert (
            json.loads(path.with_suffix(".json").read_text())["record"]["sha256"] == store.load_task(path)[0]["sha256"]
        )


def test_gradient_descent_is_on_the_bound_at_every_horizon() -> None:
    """The closed form L·D²/(4T + 2), not the catalogue's: from 10 to 100,000 steps, to 1e-9."""
    folder = ROOT / "results" / "gd_reaches_one_over_t"
    index = json.loads((folder / "index.json").read_text())
    horizons = []
    for cell in index["cells"]:
        if cell["facts"]["problem"] == "huber" and cell["facts"]["step_size"] == "1/L":
            trace = records.load_trace([folder / "tasks" / name for name in cell["tasks"]], 1, "")
            horizon = trace.setting.horizon
            assert trace.measured["last"]["gap"][0, -1] == pytest.approx(1 / (4 * horizon + 2), rel=1e-9)
            horizons.append(horizon)
    assert horizons == [10, 100, 1_000, 10_000, 100_000]


def test_the_challenger_regression_is_the_published_one(tmp_path: Path) -> None:
    """Distress against temperature in degrees Fahrenheit: intercept 15.0429, slope −0.2322 (Dalal et al. 1989)."""
    data = ROOT / "experiments" / "o_rings.csv"
    problem = catalog.load("problems", "logistic")(
        data=str(data), label="distress", rows="standardised", intercept=True
    )
    temperature = np.loadtxt(data, delimiter=",", skiprows=1)[:, 0]
    slope, constant = np.asarray(problem.optimum.hi)
    assert slope / temperature.std() == pytest.approx(-0.2322, abs=5e-5)
    assert constant - slope * temperature.mean() / temperature.std() == pytest.approx(15.0429, abs=5e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_says_what_the_file_and_the_results_say(name: str) -> None:
    """results/NAME/README.md is generated: from the words of the experiment file, and the rulings on the task files."""
    folder = ROOT / "results" / name
    experiment = load_experiment(str(ROOT / "experiments" / f"{name}.toml"))
    assert experiment.hypothesis, "say in the file what is expected, and why"
    assert experiment.lesson, "say in the file what it teaches"
    results = ruled(folder)
    assert (results.hypothesis, results.lesson) == (experiment.hypothesis, experiment.lesson)
    assert (results.figures, results.x) == (experiment.figures, experiment.x)
    assert (folder / pages.PAGE).read_text(encoding="utf-8") == pages.page(results)
    for figure in results.figures:
        assert (folder / f"{figure}.svg").is_file()
        assert (folder / f"{figure}.png").is_file()
