"""Golden results at the limits of an axis, of a legend, and of what is worth drawing twice."""

from __future__ import annotations

import numpy as np
from plot_makers import checkpoints, results, trace, verdict

from convlab.core.results import Results
from convlab.core.verdict import Verdict


def extreme_floor() -> Results:
    """From 1e300 down to 1e-300 in one panel, through a rounding floor; a second run ends far above it."""
    t = checkpoints(1_000)
    traces = (
        trace("gd", t, 10.0 ** np.linspace(300, -300, t.size), floor=1e-200),
        trace("sgd", t, 10.0 ** np.linspace(300, -290, t.size), floor=1e-200),
    )
    return results("extreme floor", "A rounding floor in a range beyond float64", traces, ())


def floors_apart() -> Results:
    """Newton down to 1e-290 without a floor; GD ends in a floor of its own; one run has an infimum alone."""
    t = checkpoints(1_000)
    newton = 10.0 ** np.maximum(-290.0, -(np.minimum(t, 300.0) ** 1.5))
    traces = (
        trace("gd", t, np.maximum(0.5 * 0.9 ** np.minimum(t, 700.0), 3e-31), floor=1e-29),
        trace("newton", t, newton, floor=0.0),
        trace("sgd", t, 0.5 / (1 + t), floor=0.0),
    )
    found = verdict("gd_smooth_convex", (2,), t[1:], 0.6 / t[1:], 0.5 / (1 + t[1:]))
    return results("floors", "One run knows no rounding floor", traces, (found,))


def shared_bound() -> Results:
    """A sweep with one bound for three curves, of which one attains it; another verdict judged nothing."""
    horizons = np.array([10, 100, 1_000, 10_000])
    bound = 1 / (2.0 * horizons + 1)
    traces, verdicts = [], []
    for k, problem in enumerate(("huber", "quadratic", "cubic")):
        for horizon in horizons:
            t, label = checkpoints(int(horizon)), f"gd, on {problem}, T = {horizon}"
            traces.append(trace("gd", t, (1 - 0.4 * k) / (2.0 * t + 1), label=label, hyper=f"{k}/L", floor=0.0))
        cells = tuple(range(4 * k, 4 * k + 4))
        verdicts.append(verdict("gd_smooth_convex", cells, horizons, bound, (1 - 0.4 * k) * bound))
    verdicts.append(
        Verdict(
            "sgd_lower", (8, 9, 10, 11), "inconclusive", "nothing to judge", t=horizons, log_bound=np.log(bound / 9)
        )
    )
    return results("shared", "One bound, three curves", tuple(traces), tuple(verdicts), kind="worst-case sweep")


def many_curves() -> Results:
    """Eighteen short labels, and a theorem's formula that takes a line of its own; no problem has a minimiser."""
    t = checkpoints(1_000)
    gaps = [0.5 / (1 + t * 2.0**-k) for k in range(18)]
    traces = tuple(
        trace("gd", t, gap, label=f"gd, step_size = {k + 1}/L", hyper=f"{k + 1}/L", traits=frozenset())
        for k, gap in enumerate(gaps)
    )
    verdicts = tuple(verdict("gd_smooth_convex", (k,), t[1:], 1.5 * gap[1:], gap[1:]) for k, gap in enumerate(gaps))
    return results("many", "Eighteen step sizes", traces, verdicts)
