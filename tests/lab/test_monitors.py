"""The monitors: a constant that a run contradicts is found and named, and no true constant ever is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import ruled, setting_of, theorem_of, trace_of

from convlab.core.setting import Hyper
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.lab import catalog, judge, potentials
from convlab.lab.monitors import MONITORED, failed_hypothesis
from convlab.lab.spec import Claim
from tests.experiments.committed import ROOT, results_of
from tests.running import run

WATCHING = theorem_of(constants=MONITORED)  # a theorem that reads every constant there is a monitor for
ON_LEAST_SQUARES = {"name": "least_squares", "data": "synthetic", "n": 40, "dimension": 4, "data_seed": 3}
ON_A_LINE = {"name": "quadratic", "dimension": 1, "L": 2.0}
GD = {"name": "gd", "step_size": "1/L"}


def declared(trace: Trace, **factors: float) -> Trace:
    """The trace, of a setting that declares these multiples of its constants."""
    known = dict(trace.setting.known)
    known |= {name: replace(known[name], value=known[name].value * factor) for name, factor in factors.items()}
    return replace(trace, setting=replace(trace.setting, known=known))


def coin(folder: Path) -> dict[str, Any]:
    """Logistic regression on 11 heads and 9 tails of a coin: R'' = p(1 − p) is 1/4 at θ0 = 0 and 0.2475 at θ*."""
    path = folder / "coin.csv"
    path.write_text("one,heads\n" + "1,1\n" * 11 + "1,0\n" * 9)
    return {"name": "logistic", "data": str(path), "label": "heads"}


# --- a wrong constant is found ---

HUBER = {"name": "huber", "L": 1.0, "D": 1.0, "kink": "D/(2*T+1)"}
FOUND: dict[str, tuple[Mapping[str, Any], Mapping[str, Any], dict[str, float], str]] = {
    "huber's L, of which its affine part shows what gd's worst case needs": (
        HUBER,
        GD,
        {"L": 0.95},  # at t = T: Lτθ_T − Lτ²/2 + Lτ²/(2·0.95) over Lτθ_T, θ_T = (T + 1)τ, T = 50
        f"gap + ‖∇R‖²/(2L) exceeds ‖∇R‖·‖θ − θ*‖ by {100 * (1 / 0.95 - 1) / 102:.3g}% at t = 50: L is larger than 0.95",
    ),
    "huber's L, beyond the kink": (
        {"name": "huber", "L": 1.0, "D": 1.0, "kink": 0.5},
        {"name": "gd", "step_size": "0.5/L"},
        {"L": 0.95},
        "‖∇R‖² exceeds 2L·gap by 5.26% at t = 2: L is larger than 0.95",  # 1, 0.75, 0.5 = the kink
    ),
    "huber's G": (HUBER, GD, {"G": 0.95}, "‖∇R‖ exceeds G by 5.26% at t = 0: G is larger than 0.00940594"),
    "a quadratic's L": (
        {"name": "quadratic", "L": 2.0, "start": "steepest"},
        GD | {"step_size": "1/(2*L)"},
        {"L": 0.95},
        "‖∇R‖² exceeds 2L·gap by 5.26% at t = 0: L is larger than 1.9",
    ),
    "a quadratic's mu": (
        {"name": "quadratic", "L": 2.0, "mu": 0.5, "start": "flattest"},
        GD,
        {"mu": 1.05},
        "(mu/2)·‖θ − θ*‖² exceeds gap by 5% at t = 0: mu is smaller than 0.525",
    ),
    "a quadratic's L, which only its steps show": (
        {"name": "quadratic", "dimension": 2, "L": 9.0, "mu": 1.0},
        GD,
        {"L": 0.95},  # at t = 0: D²/2 along each axis, g = (9, 1), and one step leaves (8/9)² of the flat half
        "gap after the step + η‖∇R‖² exceeds gap + (L/2)·η²‖∇R‖² by "
        f"{100 * ((0.25 * (8 / 9) ** 2 + 41 / 9) / (2.5 + 0.95 * 9 / 2 * 41 / 81) - 1):.3g}% at t = 0: "
        "L is larger than 8.55",
    ),
    "a quadratic's L or mu, of the spectrum {mu, L}": (
        {"name": "quadratic", "dimension": 2, "L": 9.0, "mu": 1.0},
        GD | {"step_size": "2/(L+mu)"},
        {"mu": 1.05},  # of both ends as much as of one
        "‖∇R‖² + L·mu·‖θ − θ*‖² exceeds 2(L + mu)·gap by "
        f"{100 * ((41 + 9 * 1.05) / (2 * 10.05 * 2.5) - 1):.3g}% at t = 0: "
        "L is larger than 9, or mu is smaller than 1.05",
    ),
    "the initial gap": (HUBER, GD, {"initial_gap": 0.95}, "R(θ_0) − R* exceeds initial_gap by 5.26% at t = 0: "),
}


@pytest.mark.parametrize("case", FOUND)
def test_a_constant_that_is_5_percent_wrong_is_found_and_named(case: str) -> None:
    problem, optimizer, wrong, words = FOUND[case]
    (trace,) = run(problem, [optimizer], horizon=50, every_step=True)
    assert failed_hypothesis(WATCHING, trace) is None
    found = failed_hypothesis(
        theorem_of(constants=("L", "mu") if "or mu" in case else tuple(wrong)), declared(trace, **wrong)
    )
    assert found is not None
    assert found.startswith(f"hypothesis failed: {words}")
    assert failed_hypothesis(theorem_of(), declared(trace, **wrong)) is None  # of a theorem that reads none of them


def test_on_data(tmp_path: Path) -> None:
    """Least squares in one dimension shows all of L and mu; so nearly does a coin's logistic regression of its L."""
    line = {**ON_LEAST_SQUARES, "n": 20, "dimension": 1}
    half = {"name": "gd", "step_size": "0.5/L"}
    for problem, factors in (
        (line, {"L": 0.95}),
        (line, {"mu": 1.05}),
        (line, {"D": 0.95}),
        (coin(tmp_path), {"L": 0.95}),
    ):
        (trace,) = run(problem, [half], horizon=20, every_step=True)
        ((name, factor),) = factors.items()
        reads = theorem_of(constants=(name,))
        assert failed_hypothesis(reads, trace) is None
        verdict = ruled(reads, declared(trace, **factors))
        value = trace.setting[name] * factor
        assert verdict.ruling == "not applicable"
        assert verdict.why.startswith("hypothesis failed: ")
        assert verdict.why.endswith(f": {name} is {'larger' if factor < 1 else 'smaller'} than {value:.6g}")


def test_it_is_found_to_ten_digits_where_the_path_shows_it() -> None:
    (trace,) = run(ON_A_LINE, [{"name": "gd", "step_size": "0.5/L"}], horizon=30, every_step=True)
    for name, towards in (("L", -1), ("mu", 1), ("mu_PL", 1), ("D", -1), ("initial_gap", -1)):
        reads = theorem_of(constants=(name,))
        assert failed_hypothesis(reads, trace) is None
        assert failed_hypothesis(reads, declared(trace, **{name: 1 + towards * 1e-10})) is not None, name
        assert failed_hypothesis(reads, declared(trace, **{name: 1 - towards * 1e-10})) is None, name


WOULD_BE_VIOLATED = {
    "gd_smooth_convex": {"L": 0.95},
    "gd_gradient_norm": {"L": 0.95},
    "gd_gradient_norm_from_gap": {"L": 0.95},
    "gd_nonconvex": {"L": 0.95},
    "gd_exact_line_search": {"L": 0.95, "mu": 1.05},
    "newton_local_quadratic": {"M": 0.95, "mu": 1.05},
    "polyak_strongly_convex": {"L": 0.95, "mu": 1.05, "D": 0.95},
    "subgradient_average": {"G": 0.95},
}


@pytest.mark.parametrize("name", WOULD_BE_VIOLATED)
def test_a_wrong_constant_is_no_violated_theorem(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the instance that attains the bound, where the judge by itself would call the theorem violated."""
    theorem: Theorem = catalog.load("theorems", name)
    spec = theorem.instance.spec
    outputs = tuple(dict.fromkeys((theorem.output, "last")))
    (trace,) = run(
        spec["problem"], [spec["optimizer"]], horizon=spec["run"]["horizon"], outputs=outputs, every_step=True
    )
    for constant, factor in WOULD_BE_VIOLATED[name].items():
        wrong = declared(trace, **{constant: factor})
        verdict = ruled(theorem, wrong)
        assert verdict.ruling == "not applicable", constant
        assert (
            f"{constant} is {'larger' if factor < 1 else 'smaller'} than {wrong.setting[constant]:.6g}" in verdict.why
        )
        with monkeypatch.context() as alone:
            alone.setattr(judge, "failed_hypothesis", lambda theorem, trace: None)
            assert ruled(theorem, wrong).ruling == "violated"
            assert ruled(theorem, trace).ruling == "holds"
        assert ruled(theorem, trace).ruling == "holds"


# --- a true constant never is ---


@pytest.mark.parametrize("name", sorted(path.parent.name for path in (ROOT / "results").glob("*/index.json")))
def test_all_committed_runs_agree_with_their_constants(name: str) -> None:
    for trace in results_of(name).traces:
        assert failed_hypothesis(WATCHING, trace) is None, trace.label


SILENT: dict[str, tuple[Mapping[str, Any], Mapping[str, Any], dict[str, Any]]] = {
    "down to the floor": (ON_LEAST_SQUARES, {"name": "newton"}, {"horizon": 30}),
    "in float32": (ON_LEAST_SQUARES, GD, {"horizon": 400, "dtype": "float32"}),
    "diverging": ({"name": "quadratic", "L": 3.0}, {"name": "gd", "step_size": "3/L"}, {"horizon": 2000}),
    "on a simplex, where no gradient vanishes": (
        {"name": "quadratic", "dimension": 4, "mu": 0.1, "constraint": "simplex"},
        {"name": "subgradient", "step_size": "1/L"},
        {"horizon": 60},
    ),
    "along an eigenvector, where all is equality": (ON_A_LINE, {"name": "gd", "step_size": "1.9/L"}, {"horizon": 3000}),
}


@pytest.mark.parametrize("case", SILENT)
def test_no_run_of_true_constants_is_doubted(case: str) -> None:
    problem, optimizer, options = SILENT[case]
    (trace,) = run(problem, [optimizer], every_step=True, **options)
    assert failed_hypothesis(WATCHING, trace) is None


def points_of(eigenvalues: np.ndarray, errors: np.ndarray, scale: float) -> Trace:
    """Points θ* + e [K, d] of ½ eᵀHe with the constants of the spectrum, R multiplied by ``scale``."""
    h = scale * eigenvalues
    known = {"L": h.max(), "mu": h.min(), "mu_PL": h.min(), "L_max": h.max(), "L_expected": h.max()}
    traits = ("convex", "smooth", "strongly convex", "Polyak-Lojasiewicz", "quadratic", "exact oracle")
    trace = trace_of(np.arange(len(errors)), 0.5 * (errors**2) @ h, setting_of(len(errors), traits, **known))
    measured = {
        "gap": trace.measured["last"]["gap"],
        "grad_norm2": (errors**2 @ h**2)[None],
        "dist2": (errors**2).sum(axis=1)[None],
    }
    return replace(trace, measured={"last": measured}, dimension=len(eigenvalues))


def test_points_of_quadratics_at_every_scale() -> None:
    """300 spectra with 20 points each: silent; and, of those along one end, the constant of that end is found."""
    generator = np.random.default_rng(17)
    for index in range(300):
        d = 1 + index % 7
        eigenvalues = np.exp(generator.uniform(-8, 8, d))
        errors = generator.standard_normal((20, d)) * np.exp(generator.uniform(-30, 30, (20, 1)))
        trace = points_of(eigenvalues, errors, 10.0 ** generator.uniform(-60, 60))
        assert failed_hypothesis(WATCHING, trace) is None
        errors[7] = 1e3 * (eigenvalues == eigenvalues.max())
        errors[8] = 1e-3 * (eigenvalues == eigenvalues.min())
        trace = points_of(eigenvalues, errors, 10.0 ** generator.uniform(-60, 60))
        for name, factor in (("L", 0.95), ("L_max", 0.95), ("L_expected", 0.95), ("mu", 1.05), ("mu_PL", 1.05)):
            assert failed_hypothesis(theorem_of(constants=(name,)), declared(trace, **{name: factor})), name


# --- what it may not say ---


def test_a_direction_that_is_never_taken_is_not_seen() -> None:
    """L = 2 is the curvature of axes on which the run starts, and stays, at 0: any L ≥ mu agrees with its points."""
    (trace,) = run({"name": "quadratic", "L": 2.0, "mu": 0.5, "start": "flattest"}, [GD], horizon=20, every_step=True)
    reads = theorem_of(constants=("L",))
    assert failed_hypothesis(reads, declared(trace, L=0.3)) is None
    assert failed_hypothesis(reads, declared(trace, L=0.24)) is not None


def test_only_what_is_claimed_is_monitored() -> None:
    (trace,) = run({"name": "quadratic", "start": "steepest"}, [GD | {"step_size": "0.5/L"}], horizon=5)
    reads = theorem_of(constants=("L",))
    wrong = declared(trace, L=0.95)
    assert failed_hypothesis(reads, wrong) is not None
    known = wrong.setting.known
    guess = replace(wrong.setting, known={**known, "L": replace(known["L"], how="estimated")})
    assert failed_hypothesis(reads, replace(wrong, setting=guess)) is None  # the judge says so of its own
    rough = replace(wrong.setting, traits=wrong.setting.traits - {"smooth"})
    assert failed_hypothesis(reads, replace(wrong, setting=rough)) is None  # L is then another constant
    floored = replace(wrong, floor={"gap": 1e9, "grad_norm2": 1e9, "dist2": 1e9})
    assert failed_hypothesis(reads, floored) is None
    unsure = replace(wrong, error={"gap": 1e9})
    assert failed_hypothesis(reads, unsure) is None
    several = replace(wrong, setting=replace(wrong.setting, hyper={"step_size": Hyper("1/(t+1)", None)}))
    assert failed_hypothesis(reads, several) is not None
    assert math.isclose(wrong.setting["L"], 0.95)


def test_a_point_on_the_edge_of_a_set_may_be_rounded_beyond_it() -> None:
    """In single precision θ0 = D is stored above D, where gradients are longer than on the set by as much."""
    theorem = catalog.load("theorems", "sgd_strongly_convex_projected")
    assert theorem.instance is not None
    spec = theorem.instance.spec
    (trace,) = run(
        spec["problem"],
        [spec["optimizer"]],
        oracle=spec["oracle"],
        outputs=(theorem.output,),
        claims=(Claim("sgd_strongly_convex_projected"),),
        horizon=20,
        seeds=32,
        dtype="float32",
    )
    assert failed_hypothesis(theorem, trace) is None
    known = {**trace.setting.known, "G_expected": replace(trace.setting.known["G_expected"], value=1.4)}
    assert failed_hypothesis(theorem, replace(trace, setting=replace(trace.setting, known=known))) is not None


# --- potentials, and the Hessian's constant in more than one dimension ---

GD_AT_1_OVER_L = ("convex", "smooth", "gradient step", "exact oracle")


def a_step(gap: float, slope2: float, dist2: float) -> Trace:
    """Two points of a run with the step 1/L, L = 1; the first is at gap 1, ‖∇R‖² = 1, ‖θ − θ*‖² = 4, t = 3."""
    trace = trace_of([3, 4], [1.0, gap], setting_of(4, GD_AT_1_OVER_L, L=1.0))
    measured = {
        "gap": trace.measured["last"]["gap"],
        "grad_norm2": np.array([[1.0, slope2]]),
        "dist2": np.array([[4.0, dist2]]),
    }
    return replace(trace, measured={"last": measured})


def test_the_potentials_are_the_formulas() -> None:
    """V = t·gap + dist²/2 is 5 at t = 3, and 4·gap + dist²/2 at t = 4; W = 7 + 15 + 4 and 9·gap + 24‖∇R‖² + dist²."""
    assert potentials.raised(a_step(0.749, 0.1, 4.0)) is None
    raised = potentials.raised(a_step(0.751, 0.1, 4.0))
    assert raised is not None
    assert raised.startswith("hypothesis failed: V_t = t·gap + (L/2)·‖θ − θ*‖² grows by 0.08% up to t = 4, where no")
    assert potentials.raised(a_step(0.5, 0.7291, 4.0)) is None
    raised = potentials.raised(a_step(0.5, 0.7293, 4.0))
    assert raised is not None
    assert "W_t = " in raised
    other_step = replace(a_step(0.9, 0.1, 4.0), setting=setting_of(4, GD_AT_1_OVER_L, L=1.01))
    assert potentials.raised(other_step) is None
    for missing in GD_AT_1_OVER_L:
        traits = tuple(trait for trait in GD_AT_1_OVER_L if trait != missing)
        assert potentials.raised(replace(a_step(0.9, 0.9, 4.0), setting=setting_of(4, traits, L=1.0))) is None


def test_a_run_with_the_step_of_a_wrong_smoothness_raises_a_potential() -> None:
    """The curvature is 1.9, declared as L = 1: the step 1/L is then nearly 2/1.9, and the gap hardly falls."""
    truth = {"name": "quadratic", "L": 1.9, "start": "steepest"}
    (trace,) = run(truth, [GD | {"step_size": 1.0}], horizon=60, checkpoints=8)
    known = {**trace.setting.known, "L": replace(trace.setting.known["L"], value=1.0)}
    wrong = replace(trace, setting=replace(trace.setting, known=known))
    assert potentials.raised(trace) is None
    found = potentials.raised(wrong)
    assert found is not None
    assert "grows by" in found


def test_a_proximal_run_with_the_step_of_a_wrong_smoothness_raises_the_first_potential() -> None:
    """The lasso with L declared a third of what it is: the run diverges, which is not held against the theorem."""
    truth = {"name": "lasso", "data": "synthetic", "n": 20, "dimension": 4, "l1_over_max": 0.3, "data_seed": 1}
    step = {"name": "proximal_gradient"}
    (right,) = run(truth, [step | {"step_size": "1/L"}], horizon=40)
    assert potentials.raised(right) is None
    (trace,) = run(truth, [step | {"step_size": 3 / right.setting["L"]}], horizon=40)
    known = {**trace.setting.known, "L": replace(trace.setting.known["L"], value=right.setting["L"] / 3)}
    wrong = replace(trace, setting=replace(trace.setting, known=known))
    assert potentials.raised(trace) is None  # not the step 1/L
    found = potentials.raised(wrong)
    assert found is not None
    assert "V_t = " in found
    theorem = catalog.load("theorems", "proximal_gradient_convex")
    verdict = judge.judge("proximal_gradient_convex", theorem, [wrong], (0,), "trajectory")
    assert verdict.ruling == "not applicable"
    assert "hypothesis failed" in verdict.why


@pytest.mark.parametrize(
    "problem",
    [
        ON_LEAST_SQUARES,
        HUBER | {"kink": 0.01},
        {"name": "logistic", "data": "breast_cancer", "ridge": 0.01},
    ],
)
def test_no_potential_grows_where_the_smoothness_is_true(problem: Mapping[str, Any]) -> None:
    for horizon, dtype in ((60, "float64"), (3000, "float64"), (300, "float32")):
        (trace,) = run(problem, [GD], horizon=horizon, checkpoints=70, dtype=dtype)
        assert potentials.raised(trace) is None


def test_the_constant_of_the_hessian_is_seen_in_more_than_one_dimension() -> None:
    """Newton on logistic regression in 30 dimensions: its steps show an M, below which no declared one is believed."""
    problem = {"name": "logistic", "data": "breast_cancer", "ridge": 0.1}
    claims = (Claim("newton_local_quadratic"),)
    (trace,) = run(problem, [{"name": "newton"}], horizon=8, every_step=True, claims=claims)
    reads = theorem_of(constants=("M",))
    assert failed_hypothesis(reads, trace) is None
    last = trace.measured["last"]
    seen = float(np.nanmax(6 * np.abs(last["model_error"]) / last["step2"] ** 1.5))
    for factor, believed in ((1 - 1e-6, False), (1 + 1e-6, True)):
        found = failed_hypothesis(reads, declared(trace, M=factor * seen / trace.setting["M"]))
        assert (found is None) == believed
    assert found is None
