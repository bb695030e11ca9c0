"""Divergence is data: any step size ends in a status, a kept curve, a ruling, valid JSON and a figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convlab.core.trace import OF_STEPS
from convlab.lab import store
from tests.faults.tiny import TOML, convlab, told

STEPS = ["2.1/L", "-1/L", "1e3", "1e75", "1e308", "-1e308", "0"]
SCHEDULES = ["1/(t-3)", "(t-3)**0.5", "1e308*t"]
OPTIMIZERS = f"""\
[[optimizer]]
name = "gd"
step_size = {json.dumps(STEPS + SCHEDULES)}
[[optimizer]]
name = "sgd"
step_size = {json.dumps(STEPS)}
[[optimizer]]
name = "newton"
step_size = [1.0, 1e308]
[[optimizer]]
name = "optax.adam"
learning_rate = 1e308
[run]
horizon = 12
seeds = 3
outputs = ["last", "best"]
"""


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


def all_is_whole(folder: Path) -> None:
    """Every JSON is strict, every task is intact, every figure is there."""
    for path in folder.rglob("*.json"):
        json.loads(path.read_text(), parse_constant=refuse)
    for path in folder.rglob("*.npz"):
        _, arrays = store.load_task(path)
        # quantities of steps are NaN, by their definition, where the step before was no checkpoint
        assert all(np.isfinite(array).all() for key, array in arrays.items() if key.rpartition(".")[2] not in OF_STEPS)
    for name in ("gap_curves", "bound_ratio"):
        assert (folder / f"{name}.svg").read_text().startswith("<?xml")
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_any_step_size_ends_in_a_ruling() -> None:
    """Without claims the exit code says whether a theorem was violated: none is, since their hypotheses fail first."""
    Path("e.toml").write_text(TOML[: TOML.index("[[optimizer]]")] + OPTIMIZERS)
    told(convlab("run", "e.toml"), 0)
    all_is_whole(Path("results/e"))
    summary = Path("results/e/summary.csv").read_text()
    assert 'gd, step_size = 1e308",12,last,gap,1,1,0' in summary.replace("step_size = 1e+308", "step_size = 1e308")
    assert "nan" not in summary.lower().replace("inf", "nan")
    told(convlab("judge", "e"), 0)
    told(convlab("plot", "e"), 0)


def test_divergence_exits_by_the_claims() -> None:
    """A theorem whose hypothesis fails is not applicable: 0 where that was expected, 1 where it was to hold."""
    diverging = TOML.replace('["1/L", "1/(2*L)"]', "1e308")
    Path("e.toml").write_text(diverging)
    result = convlab("run", "e.toml")
    assert told(result, 1) == []
    assert "exceeds 2/L" in " ".join(result.stdout.split())
    all_is_whole(Path("results/e"))
    Path("e.toml").write_text(diverging + 'expect = "not applicable"\n')
    told(convlab("run", "e.toml"), 0)
    all_is_whole(Path("results/e"))


SEPARABLE = """\
title = "No minimiser"
[problem]
name = "logistic"
data = "breast_cancer"
rows = "standardised"
intercept = true
[[optimizer]]
name = "gd"
step_size = "1/L"
[[optimizer]]
name = "sgd"
step_size = "1/(8*L_max)"
[[optimizer]]
name = "newton"
[run]
horizon = 12
seeds = 3
"""
THEOREMS = (
    *("gd_smooth_convex", "gd_strongly_convex_distance", "gd_strongly_convex_gap"),
    *("newton_local_quadratic", "sgd_smooth_convex_average", "sgd_strongly_convex"),
)


def test_a_separable_problem_has_no_minimiser() -> None:
    """The lab finds that out and says why; every theorem is ruled not applicable, the run completes and is drawn."""
    claims = "".join(f'[[claim]]\ntheorem = "{name}"\nexpect = "not applicable"\n' for name in THEOREMS)
    Path("e.toml").write_text(SEPARABLE + claims)
    result = convlab("run", "e.toml")
    told(result, 0)
    table = Path("results/e/verdicts.csv").read_text()
    assert table.count(",not applicable,") >= 3 * len(THEOREMS)
    why = "the rows are linearly separable (margin"
    rows = [line for line in table.splitlines() if line.startswith(("gd,gd_smooth", "sgd,sgd_smooth"))]
    assert len(rows) == 2
    assert all(why in row and "no minimiser" in row for row in rows)
    assert why in " ".join(result.stdout.split())
    all_is_whole(Path("results/e"))
    Path("e.toml").write_text(SEPARABLE.replace('"1/L"', '"1/D"'))
    (line,) = told(convlab("run", "e.toml"))
    assert "D is not known for problem 'logistic' (the rows are linearly separable" in line


def test_a_problem_whose_minimiser_cannot_be_certified() -> None:
    """Columns of 1e8 and 1e-8: no gap is measured, none is invented, and nothing is said to have diverged."""
    generator = np.random.default_rng(0)
    table = np.column_stack([generator.standard_normal((30, 3)) * [1e8, 1e-8, 1.0], generator.integers(0, 2, 30)])
    np.savetxt("t.csv", table, delimiter=",")
    text = SEPARABLE.replace("breast_cancer", "t.csv").replace('rows = "standardised"\nintercept = true\n', "")
    Path("e.toml").write_text(text)
    result = convlab("run", "e.toml")
    told(result, 0)
    assert "no minimiser could be certified" in " ".join(result.stdout.split())
    summary = [line.split(",") for line in Path("results/e/summary.csv").read_text().splitlines()[1:]]
    assert {row[3] for row in summary} == {"grad_norm2"}
    assert {row[0]: row[5:7] for row in summary if row[2] == "last"}["gd"] == ["0", "12"], "none diverged, up to T"
    all_is_whole(Path("results/e"))
    told(convlab("judge", "e"), 0)
