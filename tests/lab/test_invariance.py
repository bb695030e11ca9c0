"""A ruling is a statement about R: it knows no units, no order of rows, and no order in which runs were made."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import CHECKPOINTS, chi_squares, ruled, theorem_of, trace_of

from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.core.verdict import Verdict
from convlab.lab import api, catalog
from convlab.lab.config import load_experiment
from convlab.lab.judge import judge
from convlab.lab.spec import Claim
from tests.running import run

# c of R → cR and s of θ → sθ: 12 orders of magnitude each way, so that L → (c/s²)L is tried over 72 of them
SCALES = [(1e12, 1.0), (1e-12, 1.0), (1.0, 1e12), (1.0, 1e-12), (1e-12, 1e12), (1e12, 1e-12), (1e6, 1e6), (3e-7, 7e3)]


@functools.cache
def theorem(name: str) -> Theorem:
    found: Theorem = catalog.load("theorems", name)
    return found


def smaller(name: str, by: float) -> Theorem:
    """The theorem with a bound so many times smaller."""
    log_bound = theorem(name).log_bound
    assert log_bound is not None
    return replace(theorem(name), log_bound=lambda setting, t: log_bound(setting, t) - math.log(by))


def same(verdict: Verdict, other: Verdict) -> None:
    """Ruling and worst point are one, ratios agree to 1e-9, and slopes with their intervals as well."""
    assert (verdict.ruling, verdict.worst_t) == (other.ruling, other.worst_t)
    for said in (" is larger than ", " is smaller than "):  # all but a constant's value, which has a unit
        if said in verdict.why:
            assert verdict.why.partition(said)[0] == other.why.partition(said)[0]
    if verdict.vacuous is not None:
        np.testing.assert_array_equal(verdict.vacuous, other.vacuous)
    if verdict.worst_ratio is not None:
        assert verdict.worst_ratio == pytest.approx(other.worst_ratio, rel=1e-9)
    assert (verdict.slope is None) == (other.slope is None)
    if verdict.slope is not None and other.slope is not None:
        assert verdict.slope.window == other.slope.window
        for end in ("value", "low", "high"):
            assert getattr(verdict.slope, end) == pytest.approx(getattr(other.slope, end), rel=1e-9, abs=1e-12)
        assert verdict.claimed == pytest.approx(other.claimed, rel=1e-9)


# --- units ---


def huber(c: float, s: float) -> list[Trace]:
    problem = {"name": "huber", "L": c / s**2, "D": 2 * s, "kink": "D/(2*T+1)"}
    return run(
        problem, [{"name": "gd", "step_size": "1/L"}, {"name": "gd", "step_size": "2.1/L"}], horizon=(10, 40, 160)
    )


def quadratic(c: float, s: float) -> list[Trace]:
    values = [c / s**2 * value for value in (9.0, 2.0, 1.0)]
    problem = {"name": "quadratic", "eigenvalues": tuple(values), "theta0": (s, -2 * s, 0.5 * s)}
    heavy = {"step_size": "4/(sqrt(L)+sqrt(mu))**2", "momentum": "((sqrt(L)-sqrt(mu))/(sqrt(L)+sqrt(mu)))**2"}
    optimizers = [{"name": "gd", "step_size": "2/(L+mu)"}, {"name": "heavy_ball", **heavy}]
    return run(problem, optimizers, horizon=60, every_step=True)


def cubic(c: float, s: float) -> list[Trace]:
    problem = {"name": "cubic", "mu": c / s**2, "M": c / s**3, "D": 0.3 * s}
    return [run(problem, [{"name": "newton"}], horizon=steps, every_step=True)[0] for steps in (3, 6)]


def noisy(c: float, s: float) -> list[Trace]:
    problem = {"name": "quadratic", "dimension": 1, "L": c / s**2, "D": s}
    noise = {"name": "additive_noise", "sigma": 0.5 * c / s}
    sgd = {"name": "sgd", "step_size": "1/(2*L)"}
    claims = (Claim("sgd_gaussian_quantile"),)  # so that the noise is measured too
    return run(problem, [sgd], oracle=noise, horizon=20, seeds=512, claims=claims)


@functools.cache
def units_of(family: str, c: float = 1.0, s: float = 1.0) -> list[Trace]:
    made: list[Trace] = {"huber": huber, "quadratic": quadratic, "cubic": cubic, "noisy": noisy}[family](c, s)
    return made


def rulings_of(family: str, traces: Sequence[Trace]) -> list[Verdict]:
    """Every ruling there is: held and attained, violated, not applicable, open; of runs and of sweeps over horizons."""

    def ask(chosen: Theorem, *asked: Trace, sweep: str = "trajectory") -> Verdict:
        return judge("theorem", chosen, asked, tuple(range(len(asked))), sweep)  # type: ignore[arg-type]

    if family == "huber":
        below = [trace for trace in traces if trace.setting.step_size() * trace.setting["L"] < 2]
        beyond = [trace for trace in traces if trace not in below]
        true, false = theorem("gd_smooth_convex"), smaller("gd_smooth_convex", 1.024)
        known = below[2].setting.known
        setting = replace(below[2].setting, known={**known, "L": replace(known["L"], value=0.95 * known["L"].value)})
        return [
            *(ask(chosen, trace) for chosen in (true, false) for trace in below),
            *(ask(chosen, *below, sweep="worst-case sweep") for chosen in (true, false)),
            ask(true, *beyond, sweep="horizon sweep"),
            ask(true, replace(below[2], setting=setting)),
        ]
    names = {
        "quadratic": ("gd_strongly_convex_gap", "gd_strongly_convex_distance", "heavy_ball_quadratic"),
        "cubic": ("newton_local_quadratic",),
        "noisy": ("sgd_strongly_convex", "sgd_uniform_variance", "sgd_gaussian_quantile"),
    }[family]
    asked = [ask(theorem(name), trace) for name in names for trace in traces]
    if family == "cubic":
        return asked
    if family == "noisy":
        parabola, (trace,) = theorem("sgd_gaussian_quantile"), traces
        joint = replace(parabola, valid="all t at once")
        wrong = [("sigma", 0.95), ("mu", 1.05)]
        asked += [
            ask(joint, trace),
            ask(replace(joint, log_bound=smaller("sgd_gaussian_quantile", 2.0).log_bound), trace),
        ]
        asked += [ask(parabola, declared(trace, name, factor)) for name, factor in wrong]
    if family == "quadratic":
        asked += [ask(theorem("gd_strongly_convex_gap"), declared(traces[0], "L", 0.95))]
    return asked + [ask(smaller(name, by), trace) for name in names for trace in traces for by in (1.5, 2.0, 2.3, 50.0)]


def declared(trace: Trace, name: str, factor: float) -> Trace:
    """The trace, of a setting that declares another constant."""
    known = trace.setting.known
    wrong = {**known, name: replace(known[name], value=factor * known[name].value)}
    return replace(trace, setting=replace(trace.setting, known=wrong))


@pytest.mark.parametrize(("c", "s"), SCALES)
@pytest.mark.parametrize("family", ["huber", "quadratic", "cubic", "noisy"])
def test_units_do_not_matter(family: str, c: float, s: float) -> None:
    plain = rulings_of(family, units_of(family))
    for verdict, other in zip(plain, rulings_of(family, units_of(family, c, s)), strict=True):
        if family == "cubic" and verdict.worst_t != 3:  # its last steps end where their own rounding decides the ratio
            assert verdict.ruling == other.ruling == "holds"
        else:
            same(verdict, other)


def test_every_ruling_was_among_them() -> None:
    seen = {
        verdict.ruling for family in ("huber", "quadratic", "noisy") for verdict in rulings_of(family, units_of(family))
    }
    assert seen == {"holds", "violated", "inconclusive", "not applicable"}
    assert any(verdict.why.startswith("hypothesis failed: ") for verdict in rulings_of("huber", units_of("huber")))


# --- rows and columns ---


def table(folder: Path, name: str, X: np.ndarray, y: np.ndarray) -> str:
    path = folder / f"{name}.npz"
    np.savez(path, X=X, y=y)
    return str(path)


DATA: dict[str, tuple[Mapping[str, Any], tuple[str, ...]]] = {
    "least_squares": ({}, ("gd_smooth_convex", "gd_strongly_convex_gap", "gd_strongly_convex_distance")),
    "logistic": ({"ridge": 0.05}, ("gd_smooth_convex", "gd_strongly_convex_gap", "gd_gradient_norm")),
}


@pytest.mark.parametrize("name", DATA)
def test_the_order_of_rows_and_columns_and_the_units_of_data_do_not_matter(name: str, tmp_path: Path) -> None:
    """Least squares under X → aX, y → by is R → b²R, θ → (b/a)θ; logistic regression under X → aX, ridge → a²·ridge."""
    generator = np.random.default_rng(5)
    X = generator.standard_normal((24, 3)) * (1.0, 2.0, 0.7)
    y = X @ (1.0, -0.5, 2.0) + generator.standard_normal(24)
    y = np.where(y > 0, 1.0, -1.0) if name == "logistic" else y
    rows, columns = generator.permutation(24), generator.permutation(3)
    more, theorems = DATA[name]

    def verdicts(label: str, X: np.ndarray, y: np.ndarray, a: float = 1.0) -> list[Verdict]:
        problem = {"name": name, "data": table(tmp_path, label, X, y)} | {k: v * a**2 for k, v in more.items()}
        (trace,) = run(problem, [{"name": "gd", "step_size": "1/L"}], horizon=40)
        found = [ruled(theorem(one), trace) for one in theorems]
        return found + [ruled(smaller(one, by), trace) for one in theorems for by in (4.0, 1e6)]

    plain = verdicts("plain", X, y)
    assert {verdict.ruling for verdict in plain} == {"holds", "violated"}
    others = {
        "rows": verdicts("rows", X[rows], y[rows]),
        "columns": verdicts("columns", X[:, columns], y),
        "small": verdicts("small", 1e-6 * X, y, 1e-6),
        "large": verdicts("large", 1e6 * X, y, 1e6),
    }
    if name == "least_squares":
        others["labels"] = verdicts("labels", 1e3 * X, 1e-6 * y)
    for other in others.values():
        for verdict, again in zip(plain, other, strict=True):
            same(verdict, again)


def test_which_row_is_drawn_is_a_matter_of_labels(tmp_path: Path) -> None:
    """Of the expectation under minibatches, computed: the rows that seeds draw would be other ones."""
    generator = np.random.default_rng(6)
    X = generator.standard_normal((12, 2))
    y = X @ (1.0, -0.5) + generator.standard_normal(12)
    order = generator.permutation(12)
    sgd = {"name": "sgd", "step_size": "1/(4*L_max)"}
    options: dict[str, Any] = {"horizon": 40, "expectations": ("exact",), "outputs": ("last", "average")}
    data = [table(tmp_path, "plain", X, y), table(tmp_path, "other", X[order], y[order])]
    traces = [run({"name": "least_squares", "data": path}, [sgd], **options)[0] for path in data]
    for name, by in itertools.product(("sgd_smooth_convex_average", "sgd_strongly_convex"), (1.0, 1e3)):
        same(*(ruled(smaller(name, by), trace) for trace in traces))


# --- the order of runs ---

TWO = """
title = "In this order"
[[problem]]
name = "huber"
kink = "D/(2*T+1)"
[[problem]]
name = "quadratic"
mu = 0.2
[[optimizer]]
name = "gd"
step_size = ["1/L", "1.5/L"]
[[optimizer]]
name = "nesterov"
step_size = "1/L"
[run]
horizon = [10, 30, 90]
[[claim]]
theorem = "gd_smooth_convex"
where = { optimizer = "gd" }
[[claim]]
theorem = "nesterov_smooth_convex"
where = { optimizer = "nesterov" }
[figures]
kinds = ["bound_ratio"]
"""


@pytest.mark.usefixtures("unrendered")
def test_the_order_in_a_file_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    problems = TWO.split("[[problem]]")
    turned = problems[2].replace('[[optimizer]]\nname = "gd"', f'[[problem]]{problems[1]}[[optimizer]]\nname = "gd"')
    other = f"{problems[0]}[[problem]]{turned}"
    other = other.replace("[10, 30, 90]", "[90, 10, 30]").replace('["1/L", "1.5/L"]', '["1.5/L", "1/L"]')
    found: list[dict[tuple[str, ...], Verdict]] = []
    for name, text in (("this", TWO), ("that", other)):
        (tmp_path / f"{name}.toml").write_text(text)
        results = api.run(load_experiment(f"{name}.toml")).results
        keys = [
            (verdict.theorem, cell.setting.problem, cell.setting.optimizer, cell.setting.hyper["step_size"].written)
            for verdict in results.verdicts
            for cell in [results.traces[verdict.cells[0]]]
        ]
        found.append(dict(zip(keys, results.verdicts, strict=True)))
    this, that = found
    assert list(this) != list(that)
    assert this.keys() == that.keys()
    assert len(this) == 6
    for key, verdict in this.items():
        same(verdict, that[key])


def test_the_order_of_traces_and_of_seeds_does_not_matter() -> None:
    traces = units_of("huber")
    below = [trace for trace in traces if trace.setting.step_size() * trace.setting["L"] < 2]
    verdicts = [
        judge("theorem", theorem("gd_smooth_convex"), order, (0, 1, 2), "worst-case sweep")
        for order in itertools.permutations(below)
    ]
    for verdict in verdicts[1:]:
        same(verdicts[0], verdict)
    order = np.random.default_rng(9).permutation(64)
    for bound in (0.2, 1.0, 3.0, 9.0):
        mean = theorem_of(lambda setting, t, bound=bound: bound, sense="expectation", rate=None)
        values = chi_squares(64, 1.5)
        same(ruled(mean, trace_of(CHECKPOINTS, values)), ruled(mean, trace_of(CHECKPOINTS, values[order])))
        for valid in ("every t >= 1", "all t at once"):
            counted = replace(mean, sense="probability", valid=valid)
            same(ruled(counted, trace_of(CHECKPOINTS, values)), ruled(counted, trace_of(CHECKPOINTS, values[order])))
