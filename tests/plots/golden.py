"""Results made by hand, from closed forms: what every plot is drawn from in the tests. No run, no jax, no chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from golden_limits import extreme_floor, floors_apart, many_curves, shared_bound
from plot_makers import checkpoints, noise, results, trace, verdict

from convlab.core.results import Results
from convlab.core.trace import Trace
from convlab.core.verdict import Verdict


def quickstart() -> Results:
    """Four optimizers, of which one has 32 seeds, one ends in the rounding floor; two quantities are judged."""
    t = checkpoints(10_000)
    fast = checkpoints(12, 20)
    gd = 0.6 / (2 * t + 1) ** 1.3
    few = noise(32, t.size).cumsum(axis=1) / np.sqrt(t.size)
    sgd = (0.6 / (1 + 0.4 * t) + 2e-4) * np.exp(0.5 * few * (t > 0))
    newton = np.maximum(0.6 * np.exp(-0.35 * (1.9**fast - 1)), 2e-33)
    adam = 0.6 * np.exp(-((t / 90.0) ** 0.4)) + 1e-9
    traces = (
        trace("gd", t, gd, label="GD, step_size = 1/L", floor=1e-31),
        trace("sgd", t, sgd, label="SGD, step_size = 0.5/L_max", oracle="minibatch", floor=1e-31),
        trace("newton", fast, newton, label="Newton", floor=1e-31),
        trace("adam", t, adam, label="optax.adam, learning_rate = 0.01", floor=1e-31),
    )
    dist_bound = 1.5 * 0.999 ** (2.0 * t) + 4e-3
    step = np.append(np.nan, 0.9 * (newton[:-1] * 2) ** 1.02)
    late = newton * 2 > 1e-31
    verdicts = (
        verdict("gd_smooth_convex", (0,), t[1:], 4.0 / (4 * t[1:] + 2), gd[1:]),
        verdict("sgd_strongly_convex", (1,), t, dist_bound, traces[1].mean("last", "dist2")),
        verdict("newton_local_quadratic", (2,), fast[1:], step[1:], np.where(late, newton * 2, np.nan)[1:]),
        Verdict("gd_smooth_convex", (1,), "not applicable", "not applicable: needs the exact oracle"),
    )
    return results("quickstart", "GD, SGD, Newton and Adam on ridge logistic regression", traces, verdicts)


def worst_case_sweep() -> Results:
    """Horizons 10 … 10⁵; one cell attains its bound at each, the other diverges."""
    horizons = np.array([10, 100, 1_000, 10_000, 100_000])
    good, bad = [], []
    for horizon in horizons:
        t = checkpoints(int(horizon))
        label = f"T = {horizon}"
        good.append(trace("gd", t, 2 / (4.0 * t + 2), label=f"gd, step_size = 1/L, {label}", floor=1e-18))
        grown = np.where(t < 300, 0.5 * 1.05 ** np.minimum(t, 300.0), np.nan)
        status = ("diverged",) if horizon > 300 else ("done",)
        bad.append(trace("gd", t, grown, status=status, label=f"gd, step_size = 2.1/L, {label}", hyper="2.1/L"))
    ends = np.array([c.measured["last"]["gap"][0, -1] for c in good])
    verdicts = (
        verdict("gd_smooth_convex", tuple(range(5)), horizons, 2 / (4.0 * horizons + 2), ends, expect="holds"),
        Verdict(
            "gd_smooth_convex", tuple(range(5, 10)), "not applicable", "step_size exceeds 2/L", expect="not applicable"
        ),
    )
    heading = "Gradient descent reaches 1/T on smooth convex functions, and not beyond 2/L"
    return results("gd_reaches_one_over_t", heading, (*good, *bad), verdicts, kind="worst-case sweep")


def seeded_sweep() -> Results:
    """A horizon sweep with 8 seeds: error bars; and a last and an average output."""
    horizons = np.array([10, 30, 100, 300, 1_000, 3_000])
    traces = []
    for k, horizon in enumerate(horizons):
        t = checkpoints(int(horizon))
        gap = 0.5 / np.sqrt(1 + t) * np.exp(0.6 * noise(8, t.size, seed=k))
        readings = {"last": lambda x: x, "average": lambda x: 0.3 * x}
        traces.append(trace("sgd", t, gap, oracle="minibatch", outputs=readings, floor=1e-18))
    means = np.array([c.mean("last", "gap")[-1] for c in traces])
    found = verdict("gd_smooth_convex", tuple(range(6)), horizons, 1.5 / np.sqrt(horizons), means)
    heading = "SGD with a step that knows T"
    return results("seeded", heading, tuple(traces), (found,), kind="horizon sweep", outputs=("last", "average"))


def diverging() -> Results:
    """Two runs leave float64, one has 3 of 8 seeds that diverge, one converges under a bound it violates."""
    t = checkpoints(3_000)
    tame = 0.5 / (1 + t) ** 0.5
    wild = np.where(t < 700, 0.5 * np.exp(np.minimum(t, 690.0) * 0.98), np.nan)
    other = np.where(t < 60, 0.5 * 1.2 ** np.minimum(t, 60.0), np.nan)
    some = tame * np.exp(0.3 * noise(8, t.size))
    some[5:, t > 200] = np.nan
    traces = (
        trace("gd", t, tame),
        trace("gd", t, wild, hyper="2.6/L", status=("diverged",)),
        trace("heavy_ball", t, other, hyper="2.1/L", status=("diverged",)),
        trace("sgd", t, some, oracle="minibatch", status=("done",) * 5 + ("diverged",) * 3),
    )
    found = verdict("gd_smooth_convex", (0,), t[1:], 1.0 / t[1:], tame[1:], expect="holds")
    return results("diverging", "Beyond 2/L, gradient descent diverges", traces, (found,))


def ten_curves() -> Results:
    """Ten step sizes with long labels, each with its bound; a noisy half with bands; a lower bound; ten verdicts."""
    t = checkpoints(100_000, 60)
    traces, verdicts = [], []
    for k in range(10):
        gap = 0.5 / (1 + t * 2.0**-k) ** (1 + 0.03 * k)
        values = gap * np.exp(0.4 * noise(16, t.size, seed=k)) if k % 2 else gap
        label = f"optax.contrib.schedule_free_adamw, lr = {k + 1}e-3, warmup = {k}0 %"
        traces.append(trace("adamw", t, values, label=label, hyper=f"{k}/L", oracle="minibatch" if k % 2 else "exact"))
        measured = traces[-1].mean("last", "gap")[1:]
        verdicts.append(verdict("gd_smooth_convex", (k,), t[1:], 3 * gap[1:], measured))
    verdicts.append(verdict("sgd_lower", (9,), t[1:], 0.02 / t[1:], traces[9].mean("last", "gap")[1:], ruling="holds"))
    heading = (
        "Ten step sizes of one optimizer, from 0.001 to 0.01: which of them keeps the rate that the theorem promises?"
    )
    return results("ten", heading, tuple(traces), tuple(verdicts))


def exact_zeros() -> Results:
    """One run reaches the minimiser exactly, another is there from the start."""
    t = checkpoints(1_000)
    traces = (
        trace("gd", t, np.where(t < 50, 0.5 * 0.7**t, 0.0)),
        trace("newton", t, np.zeros(t.shape)),
    )
    bound = 0.6 * 0.75 ** t[1:].astype(float)
    found = verdict(
        "gd_smooth_convex", (0,), t[1:], np.maximum(bound, 1e-300), traces[0].measured["last"]["gap"][0, 1:]
    )
    return results("zeros", "A run that ends at the minimiser", traces, (found,))


def one_checkpoint() -> Results:
    """A single reading, at the start."""
    return results("start", "Only the start was measured", (trace("gd", np.array([0]), np.array([0.5])),), ())


def no_verdicts() -> Results:
    """Nothing was judged; the horizon is short."""
    t = np.arange(6)
    return results("unjudged", "No theorem speaks of this", (trace("gd", t, 0.5 / (1 + t)),), ())


def no_minimiser() -> Results:
    """A separable problem: no gap and no distance exist, ‖∇R‖² does."""
    t = checkpoints(1_000)
    run = trace("gd", t, np.full(t.shape, np.nan), traits=frozenset())
    run = Trace(**{**run.__dict__, "measured": {"last": {**run.measured["last"], "grad_norm2": (1.0 / (1 + t))[None]}}})
    why = "not applicable: needs a minimiser, and the classes are separable: R has none (its infimum 0 is not attained)"
    return results("separable", "Separable data", (run,), (Verdict("gd_smooth_convex", (0,), "not applicable", why),))


def extremes() -> Results:
    """1e300 and 1e-300 in one picture, a formula as wide as the page, dollars and a broken formula in texts."""
    t = checkpoints(1_000)
    fall = 10.0 ** np.linspace(300, -300, t.size)
    traces = (
        trace("gd", t, np.stack([fall, 2 * fall]), label="costs $5, or $6, under_scored^names \\frac", floor=0.0),
        trace("gd", t, 1e-300 * np.ones(t.shape), label="a" * 60, floor=0.0),
    )
    verdicts = (
        verdict("broken", (0,), t[1:], 5 * fall[1:], fall[1:]),
        verdict("wide", (1,), t[1:], np.full(t.size - 1, 1e-299), np.full(t.size - 1, 1e-300)),
    )
    terms = " + ".join(rf"\frac{{\sigma_{{{k}}}^2 \eta^{{{k}}}}}{{\mu^{{{k}}} b_{{{k}}}}}" for k in range(14))
    texts = {"broken": r"$\nosuchmacro{1}$", "wide": f"${terms}$"}
    facts = {"broken": {"title": "A theorem with a title of some length, and a formula that no one can read"}}
    return results("extremes", "From $10^{300}$ down to 1e-300", traces, verdicts, formulas=texts, theorems=facts)


def judged_average() -> Results:
    """A theorem about the average, where only the last point was asked for."""
    t = checkpoints(300)
    gap = 0.5 / (1 + t) * np.exp(0.2 * noise(4, t.size))
    readings = {"last": lambda x: x, "average": lambda x: 2 * x}
    traces = (
        trace("gd", t, gap[:1], outputs=readings),
        trace("sgd", t, gap, outputs=readings, oracle="minibatch"),
    )
    facts = {"sgd_average": {"title": "SGD smooth convex", "output": "average", "quantity": "gap"}}
    found = verdict("sgd_average", (1,), t[1:], 3.0 / t[1:], traces[1].mean("average", "gap")[1:])
    return results("averaged", "What the theorem speaks of is drawn", traces, (found,), theorems=facts)


def empty() -> Results:
    """An experiment without a run."""
    return results("empty", "", (), ())


GOLDEN: dict[str, Callable[[], Results]] = {
    make.__name__: make
    for make in (
        quickstart, worst_case_sweep, seeded_sweep, diverging, ten_curves, exact_zeros, one_checkpoint, no_verdicts,
        no_minimiser, extremes, extreme_floor, floors_apart, shared_bound, many_curves, judged_average, empty,
    )
}  # fmt: skip
