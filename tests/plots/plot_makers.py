"""What golden results are made of: checkpoints, traces, verdicts, the facts of the theorems they name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from convlab.core.results import Kind, Results
from convlab.core.setting import Hyper, Known, Setting
from convlab.core.trace import Trace
from convlab.core.verdict import Ruling, Verdict

FORMULAS = {
    "gd_smooth_convex": r"$\frac{L\Vert\theta_0-\theta^\ast\Vert^2}{4t+2}$",
    "sgd_strongly_convex": r"$(1-\eta\mu)^{2t}D^2 + \frac{2\eta\sigma_\ast^2}{\mu}$",
    "newton_local_quadratic": r"\frac{M}{2\mu}\,\mathrm{dist}_{t-1}^2",
    "sgd_lower": r"$\frac{\sigma^2}{8\mu t}$",
}
THEOREMS: dict[str, dict[str, Any]] = {
    "gd_smooth_convex": {"title": "GD smooth convex", "output": "last", "quantity": "gap", "sense": "every run"},
    "sgd_strongly_convex": {
        "title": "SGD strongly convex, constant step",
        "output": "last",
        "quantity": "dist2",
        "sense": "expectation",
    },
    "newton_local_quadratic": {"title": "Newton local quadratic", "output": "last", "quantity": "dist2"},
    "sgd_lower": {"title": "Noise floor of SGD", "output": "last", "quantity": "gap", "kind": "lower"},
}


def checkpoints(horizon: int, count: int = 40) -> np.ndarray:
    """0, 1 and the horizon, and what lies between evenly in log t."""
    return np.unique(np.concatenate([[0], np.geomspace(1, horizon, count).round()])).astype(int)


def noise(seeds: int, steps: int, seed: int = 7) -> np.ndarray:
    """Standard normal numbers [S, K], always the same."""
    return np.random.Generator(np.random.PCG64(seed)).standard_normal((seeds, steps))


def trace(
    optimizer: str,
    t: np.ndarray,
    gap: np.ndarray,
    *,
    dist2: np.ndarray | None = None,
    status: tuple[str, ...] | None = None,
    label: str = "",
    hyper: str = "1/L",
    oracle: str = "exact",
    floor: float = 1e-30,
    outputs: Mapping[str, Callable[[np.ndarray], np.ndarray]] | None = None,
    traits: frozenset[str] = frozenset({"has minimiser"}),
    problem: str = "logistic",
    parameters: Mapping[str, Any] = MappingProxyType({}),
    known: Mapping[str, float] = MappingProxyType({}),
    step: float = 0.1,
    error: float = 0.0,
    **more: Any,
) -> Trace:
    """A cell whose gap is given ([K] or [S, K]); the other quantities follow from it unless they are given too."""
    gap = np.atleast_2d(np.asarray(gap, dtype=float))
    dist2 = gap * 2 if dist2 is None else np.atleast_2d(dist2)
    readings = outputs or {"last": lambda x: x}
    return Trace(
        setting=Setting(
            problem,
            oracle,
            optimizer,
            int(t[-1]),
            traits,
            known={name: Known(value, "exact") for name, value in known.items()},
            hyper={"step_size": Hyper(hyper, step)},
            problem_parameters=parameters,
        ),
        t=t,
        seeds=tuple(range(gap.shape[0])),
        measured={o: {"gap": f(gap), "grad_norm2": f(gap) * 3, "dist2": f(dist2)} for o, f in readings.items()},
        floor={"gap": floor, "grad_norm2": floor, "dist2": floor},
        error={"gap": error, "grad_norm2": 0.0, "dist2": 0.0},
        status=status or ("done",) * gap.shape[0],
        label=label or f"{optimizer}, step_size = {hyper}",
        **more,
    )


def verdict(
    theorem: str, cells: tuple[int, ...], t: np.ndarray, bound: np.ndarray, measured: np.ndarray, **more: Any
) -> Verdict:
    """The ruling that these numbers deserve; NaN and t = 0 are left out."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs, ratio = np.log(bound), measured / bound
    worst = int(np.nanargmax(ratio))
    ruling: Ruling = "violated" if ratio[worst] > 1 + 1e-9 else "holds"
    values: dict[str, Any] = {
        "ruling": ruling, "why": "measured/bound stays below 1", "worst_ratio": float(ratio[worst]),
        "worst_t": int(t[worst]), "t": t, "log_bound": logs, "ratio": ratio,
    }  # fmt: skip
    return Verdict(theorem, cells, **{**values, **more})


def results(
    name: str,
    heading: str,
    traces: tuple[Trace, ...],
    verdicts: tuple[Verdict, ...],
    *,
    kind: Kind = "trajectory",
    outputs: tuple[str, ...] = ("last",),
    formulas: Mapping[str, str] = FORMULAS,
    theorems: Mapping[str, Mapping[str, Any]] = THEOREMS,
    **more: Any,
) -> Results:
    return Results(name, heading, kind, traces, verdicts, outputs, formulas, theorems=theorems, **more)
