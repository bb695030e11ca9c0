"""Golden results for plots of one question: step sizes, accuracies, rates, contours, conditions, up-steps, models."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from plot_makers import FORMULAS, THEOREMS, checkpoints, noise, results, trace, verdict

from convlab.core.results import Landscape, Results
from convlab.core.trace import Trace
from convlab.core.verdict import Slope, Verdict

GRADIENT = frozenset({"has minimiser", "gradient step"})


def step_sizes() -> Results:
    """GD on two quadratics and SGD with seeds: eleven step sizes up to 2.2/L, two horizons; a theorem up to 1/L."""
    factors = (0.1, 0.2, 0.4, 0.7, 1.0, 1.3, 1.6, 1.8, 1.95, 2.1, 2.2)
    traces: list[Trace] = []
    verdicts: list[Verdict] = []
    for method, horizon in (("gd", 30), ("gd", 300), ("sgd", 300)):
        for h in factors:
            t = np.arange(horizon + 1)
            gap = 0.5 * (0.95 * (1 - h * 0.02) ** (2 * t) + 0.05 * (1 - h) ** (2.0 * t))
            status: tuple[str, ...] = ("done",)
            if method == "sgd":
                gap = gap[None] * np.exp(0.3 * noise(8, t.size, seed=int(100 * h))) + 1e-3 * h / max(2 - h, 1e-3)
                status = ("done",) * 8
            if h > 2 and horizon > 100:
                gap, status = np.where(t < 200, gap, np.nan), ("diverged",) * len(status)
            words = f"{method}, step_size = {h:g}/L"
            traces.append(
                trace(
                    method, t, gap, label=words, hyper=f"{h:g}/L", step=h / 4, known={"L": 4.0}, traits=GRADIENT,
                    status=status, oracle="exact" if method == "gd" else "minibatch",
                )
            )  # fmt: skip
            if method == "gd" and h <= 1:
                judged, cell = t[1:], len(traces) - 1
                verdicts.append(verdict("gd_smooth_convex", (cell,), judged, 60 / (4 * h * judged + 2), gap[1:]))
    return results("steps", "Gradient descent is stable up to 2/L", tuple(traces), tuple(verdicts))


def accuracies() -> Results:
    """Worst cases of GD (T ~ 1/ε) and SGD (T ~ 1/ε², 16 seeds), and a fixed problem that knows no horizon."""
    horizons = np.array([10, 30, 100, 300, 1_000, 3_000, 10_000])
    traces: list[Trace] = []
    for horizon in horizons:
        t = checkpoints(int(horizon))
        traces.append(
            trace("gd", t, 0.8 / (t + 1.0), label="gd, on huber", problem="huber", parameters={"kink": "D/(2*T+1)"})
        )
    for horizon in horizons:
        t = checkpoints(int(horizon))
        gap = 0.6 / np.sqrt(t + 1.0) * np.exp(0.3 * noise(16, t.size, seed=int(horizon)))
        words = {"problem": "absolute", "parameters": {"kink": "D/sqrt(T)"}}
        traces.append(trace("sgd", t, gap, label="sgd, on absolute", oracle="noise", **words))
    for horizon in horizons:
        t = checkpoints(int(horizon))
        gap = 0.5 * 0.998 ** t.astype(float)
        traces.append(trace("gd", t, gap, label="gd, on quadratic", problem="quadratic", parameters={"mu": 0.001}))
    found = verdict("gd_smooth_convex", tuple(range(7)), horizons, 2 / (2.0 * horizons + 1), 0.8 / (horizons + 1.0))
    return results("accuracies", "Steps to an accuracy", tuple(traces), (found,), kind="worst-case sweep")


def many_rates() -> Results:
    """Twenty verdicts with slopes of four units; one as expected by a claim, one violated, one without a claim."""
    t = checkpoints(1_000)
    traces = [trace("gd", t, 0.5 / (1 + t) ** (0.5 + 0.1 * k), label=f"gd, step_size = {k + 1}/L") for k in range(20)]
    verdicts = []
    for k in range(8):
        value, wanted = -0.5 - 0.1 * k, k == 5
        verdicts += [
            Verdict(
                "gd_smooth_convex", (k,), "violated" if k == 1 else "holds", "",
                slope=Slope(value, value - 0.05, value + 0.02 * k, (30, 1_000)), claimed=None if k == 2 else -1.0,
                expect="holds" if wanted else None, expect_slope=(-1.2, -0.8) if wanted else None,
            )
        ]  # fmt: skip
    for k in range(8, 13):
        value = -0.3 / 3.0 ** (k - 8)
        slope = Slope(1.1 * value, 1.15 * value, 1.02 * value, (500, 1_000), "linear")
        verdicts += [Verdict("linear", (k,), "holds", "", slope=slope, claimed=value)]
    for k in range(13, 18):
        slope = Slope(1.0, 0.99, 1.01 + 0.01 * k, (10, 1_000), "power", "bound")
        verdicts += [Verdict("gd_smooth_convex", (k,), "holds", "", slope=slope, claimed=1.0)]
    order = Slope(1.97, 1.9, 2.02, (3, 6), "order")
    verdicts.append(Verdict("newton_local_quadratic", (18,), "holds", "", slope=order, claimed=2.0))
    facts = {**THEOREMS, "linear": {"title": "GD strongly convex", "rate_kind": "linear"}}
    return results("rates", "What was claimed and what was measured", tuple(traces), tuple(verdicts), theorems=facts)


def plane(count: int = 3, wild: bool = True) -> Results:
    """Runs on the quadratic (x² + 10 y²)/2; heavy ball turns about the minimiser, the last one may diverge."""
    x, y = np.linspace(-1.5, 2.5, 81), np.linspace(-1.2, 1.2, 81)
    risk = 0.5 * (x[None, :] ** 2 + 10 * y[:, None] ** 2)
    traces = []
    for k in range(count):
        t = np.arange(61)
        step = 0.03 * (k + 1) if k < count - 1 or not wild else 0.21
        if k == 1:
            way = 0.93**t * np.stack([2 * np.cos(0.3 * t), np.sin(0.3 * t + np.pi / 2)])
        else:
            way = np.stack([2 * (1 - step) ** t, (1 - 10 * step) ** t])
        gap = 0.5 * (way[0] ** 2 + 10 * way[1] ** 2)
        name = ("gd", "heavy_ball")[k == 1]
        traces.append(
            trace(name, t, gap, problem="quadratic", hyper=f"{step:g}", points=way.T[None], step=step, floor=1e-31)
        )
    land = Landscape(tuple(range(count)), x, y, risk, (0.0, 0.0))
    return results("plane", "Three ways down a valley", tuple(traces), (), landscapes=(land,))


def planes() -> Results:
    """Seven runs on one problem, whose domain ends (R = ∞), on a sheet of panels."""
    made = plane(7, wild=False)
    (land,) = made.landscapes
    risk = np.where(land.x[None, :] + land.y[:, None] > 2.8, np.finfo(float).max, land.risk)
    land = Landscape(land.cells, land.x, land.y, risk, None)
    return Results(**{**made.__dict__, "landscapes": (land,)})


def conditions() -> Results:
    """GD (steps ~ κ) and an accelerated method (~ √κ) at five condition numbers; the last one of GD is not reached."""
    traces = []
    for method, power in (("gd", 1.0), ("nesterov", 0.5)):
        for kappa in (10, 30, 100, 300, 1_000):
            t = checkpoints(10_000, 200)
            gap = 0.5 * np.exp(-t / kappa**power) if kappa < 1_000 or method == "nesterov" else 0.5 * 0.99997**t
            words = f"{method}, on quadratic, mu = L/{kappa}"
            traces.append(
                trace(
                    method, t, np.maximum(gap, 1e-33), label=words, problem="quadratic", known={"kappa": kappa},
                    parameters={"mu": f"L/{kappa}"},
                )
            )  # fmt: skip
    return results("conditions", "Acceleration takes the root of the condition number", tuple(traces), ())


def up_and_down() -> Results:
    """GD never goes up, a method goes up every second step, SGD at random; every step is a checkpoint."""
    t = np.arange(401)
    seesaw = 0.5 * 0.99**t * np.where(t % 2 == 0, 1.0, 1.3)
    walk = 0.5 / (1 + 0.1 * t) * np.exp(0.2 * noise(16, t.size))
    traces = (
        trace("gd", t, 0.5 * 0.97**t),
        trace("heavy_ball", t, seesaw),
        trace("sgd", t, walk, oracle="minibatch"),
    )
    return results("up", "Who goes up?", traces, ())


def modelled(optimizer: str, theta: np.ndarray, M: float, **more: Any) -> Trace:
    """A run on θ²/2 + (M/6)θ³, θ ≥ 0: θ [S, K] is the way; the model of each step misses (M/6)s³."""
    theta = np.atleast_2d(theta)
    t, gap, step = np.arange(theta.shape[1]), theta**2 / 2 + M / 6 * theta**3, np.diff(theta, axis=1)
    slope, curvature = (theta + M / 2 * theta**2)[:, :-1], (1 + M * theta)[:, :-1]
    steps = {
        "step2": step**2,
        "model_decrease": -slope * step - curvature * step**2 / 2,
        "model_error": M / 6 * step**3,
    }
    start = np.full((theta.shape[0], 1), np.nan)
    measured = {"gap": gap, "grad_norm2": np.pad(slope**2, ((0, 0), (0, 1))), "dist2": theta**2}
    measured |= {name: np.concatenate([start, values], axis=1) for name, values in steps.items()}
    traits = frozenset({"has minimiser", "twice differentiable", "Lipschitz Hessian"})
    made = trace(optimizer, t, gap, known={"M": M}, traits=traits, problem="cubic", **more)
    return dataclasses.replace(made, measured={"last": measured})


def models() -> Results:
    """GD, Newton down into the rounding floor, and GD with noise on a cubic, whose limit is attained; GD on a parabola,
    where nothing is missed; the first step of the noisy one is so long that its model foresees an increase."""
    gd, newton, line = [1.0], [1.0], [1.0]
    for _ in range(80):
        gd.append(gd[-1] - 0.25 * (gd[-1] + gd[-1] ** 2 / 2))
        newton.append(newton[-1] ** 2 / 2 / (1 + newton[-1]))
        line.append(0.8 * line[-1])
    noisy = np.abs(np.array(gd) + 0.01 * noise(8, 81))
    noisy[:, 0], noisy[:, 1] = 0.25, 1.0
    traces = (
        modelled("gd", np.array(gd), 1.0),
        modelled("newton", np.array(newton), 1.0),
        modelled("sgd", noisy, 1.0, oracle="minibatch"),
        modelled("gd", np.array(line), 0.0, label="gd, on a parabola"),
    )
    found = Verdict("quadratic_model_error", (0,), "holds", "", worst_ratio=1.0, worst_t=1)
    facts = {"quadratic_model_error": {"title": "Error of the model", "output": "last", "quantity": "observed_M"}}
    return results("models", "How good was the model?", traces, (found,), theorems=facts)


def linear_rates() -> Results:
    """Two exponentials with upper and lower bounds of linear rates: t on a linear axis."""
    t = checkpoints(500, 60)
    traces = tuple(trace(name, t, 0.5 * rate ** t.astype(float)) for name, rate in (("gd", 0.95), ("nesterov", 0.9)))
    facts = {
        "linear": {"title": "GD strongly convex", "output": "last", "quantity": "gap", "rate_kind": "linear"},
        "slowest": {"title": "Nesterov's chain", "kind": "lower", "rate_kind": "linear", "quantity": "gap"},
    }
    verdicts = [verdict("linear", (0,), t[1:], 0.9 * 0.955 ** t[1:].astype(float), traces[0].mean("last", "gap")[1:])]
    least = 0.01 * 0.88 ** t[1:].astype(float)
    for cell in (0, 1):
        ratio = traces[cell].mean("last", "gap")[1:] / least
        verdicts.append(Verdict(
            "slowest", (cell,), "holds", "", worst_ratio=float(ratio.min()), worst_t=int(t[1:][ratio.argmin()]),
            t=t[1:], log_bound=np.log(least), ratio=ratio,
        ))  # fmt: skip
    return results("linear", "Linear rates", traces, tuple(verdicts), theorems=facts, formulas=FORMULAS)


def epochs() -> Results:
    """GD (100 rows a step) and SGD (one) on 100 rows of data: what the x axes count are epochs."""
    slow, fast = checkpoints(100), checkpoints(10_000, 60)
    stray = 0.5 / (1 + 0.05 * fast) * np.exp(0.2 * noise(8, fast.size))
    traces = (
        trace("gd", slow, 0.5 / (1 + 0.2 * slow), rows_per_step=100.0, rows=100),
        trace("sgd", fast, stray, oracle="minibatch", rows_per_step=1.0, rows=100),
    )
    found = verdict("gd_smooth_convex", (0,), slow[1:], 3.0 / slow[1:], traces[0].mean("last", "gap")[1:])
    return results("epochs", "In epochs", traces, (found,), x="epochs")


def network() -> Results:
    """R* known from below alone, and theorems about gradients: one of smallest_gradient, one of a single step."""
    t = checkpoints(2_000)
    risk, squared = 0.3 + 0.4 / (1 + 0.01 * t), 0.5 / (1 + 0.1 * t)
    run = trace("gd", t, risk, error=0.7, traits=frozenset())
    measured = {name: {"gap": risk[None], "grad_norm2": squared[None]} for name in ("last", "smallest_gradient")}
    run = Trace(**{**run.__dict__, "measured": measured})
    facts = {
        "stationary": {"title": "Stationary points", "output": "smallest_gradient", "quantity": "grad_norm2"},
        "descent": {"title": "Descent lemma", "output": "last", "quantity": "decrease"},
    }
    verdicts = (
        verdict("stationary", (0,), t[1:], 4.0 / t[1:], squared[1:]),
        verdict("descent", (0,), t[1:5], 0.1 / t[1:5], 0.03 / t[1:5]),
    )
    return results("network", "A network", (run,), verdicts, theorems=facts, outputs=("last",))


KINDS = (
    step_sizes, accuracies, many_rates, plane, planes, conditions, up_and_down, models, linear_rates, epochs, network,
)  # fmt: skip
