"""Toy theorems and traces whose rulings are plain: a bound given as a function of t, measurements given as numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convlab.core.setting import Hyper, Known, Setting
from convlab.core.theorem import Instance, Rate, Theorem, needs
from convlab.core.trace import Trace
from convlab.core.verdict import Verdict
from convlab.lab.judge import judge

CHECKPOINTS = [0, 1, 2, 5, 10]


def theorem_of(bound: Callable[[Setting, int], float] | None = None, **changes: Any) -> Theorem:
    """The quantity "gap" at "last" is at most ``bound(setting, t)``; the bound is 1/t unless told."""
    chosen = bound or (lambda setting, t: 1 / max(t, 0.5))
    facts: dict[str, Any] = {
        "title": "toy",
        "statement": "",
        "source": "",
        "assumes": (needs("convex", "a convex risk"),),
        "output": "last",
        "quantity": "gap",
        "sense": "every run",
        "valid": "every t >= 1",
        "formula": "$1/T$",
        "rate": Rate("power", lambda setting: -1.0, "1/T"),
        "instance": Instance({}, 1.0, lambda setting, t: math.nan, ""),
        "log_bound": lambda setting, t: math.log(chosen(setting, t)) if chosen(setting, t) > 0 else -math.inf,
        "constants": (),
    }
    return Theorem(**{**facts, **changes})


def newton_of(constant: float = 1.0) -> Theorem:
    """dist2 at t + 1 is at most constant·(dist2 at t)²."""
    return theorem_of(
        log_bound=None,
        log_step=lambda setting, previous: math.log(constant) + 2 * math.log(previous),
        valid="per step",
        quantity="dist2",
        rate=Rate("order", lambda setting: 2.0, "quadratic"),
    )


def setting_of(
    horizon: int = 100, traits: Sequence[str] = ("convex", "gradient step"), dtype: str = "float64", **known: float
) -> Setting:
    return Setting(
        problem="toy",
        oracle="toy",
        optimizer="toy",
        horizon=horizon,
        traits=frozenset(traits),
        known={name: Known(value, "exact") for name, value in known.items()},
        hyper={"step_size": Hyper("1", 1.0)},
        dtype=dtype,
    )


def trace_of(
    t: Sequence[int] | np.ndarray,
    values: Any,
    setting: Setting | None = None,
    floor: float = 0.0,
    error: float = 0.0,
    output: str = "last",
    quantity: str = "gap",
) -> Trace:
    values = np.atleast_2d(np.asarray(values, dtype=float))
    return Trace(
        setting=setting or setting_of(int(max(t))),
        t=np.asarray(t),
        seeds=tuple(range(values.shape[0])),
        measured={output: {quantity: values}},
        floor={quantity: floor},
        error={quantity: error},
        status=tuple("diverged" if np.isnan(row).any() else "done" for row in values),
    )


def ruled(theorem: Theorem, *traces: Trace, sweep: str = "trajectory") -> Verdict:
    return judge("toy", theorem, traces, tuple(range(len(traces))), sweep)  # type: ignore[arg-type]


def chi_squares(seeds: int, mean: np.ndarray | float, key: int = 11) -> np.ndarray:
    """Gaussian squares with these means at CHECKPOINTS, independent: the skewness of a one-dimensional gap."""
    return np.random.default_rng(key).standard_normal((seeds, len(CHECKPOINTS))) ** 2 * mean
