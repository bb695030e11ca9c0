"""Settings, and traces sampled from exact laws, of the instances that the theorems name: numpy only, nothing is run."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from convlab.core.setting import Hyper, Known, Setting
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace

TRAITS = {
    "gd_smooth_convex": {"gradient step", "exact oracle", "convex", "smooth", "has minimiser"},
    "gd_strongly_convex_distance": {"gradient step", "exact oracle", "smooth", "strongly convex"},
    "gd_strongly_convex_gap": {"gradient step", "exact oracle", "smooth", "strongly convex"},
    "sgd_smooth_convex_average": {"gradient step", "unbiased", "convex smooth samples", "has minimiser"},
    "sgd_strongly_convex": {"gradient step", "unbiased", "convex smooth samples", "strongly convex"},
    "newton_local_quadratic": {
        "full Newton step",
        "exact oracle",
        "twice differentiable",
        "strongly convex",
        "Lipschitz Hessian",
    },
}
# The theorems whose instances are written down by hand here; `tests/contracts` asks the same of every theorem.
NAMES = tuple(sorted(TRAITS))
THEOREMS: dict[str, Theorem] = {name: importlib.import_module(f"convlab.theorems.{name}").THEOREM for name in NAMES}


def setting_of(
    name: str, horizon: int, step_size: float | None = None, written: str | None = None, **known: float
) -> Setting:
    """A setting that meets every assumption of a theorem, with these constants."""
    hyper = {} if step_size is None else {"step_size": Hyper(written or repr(step_size), step_size)}
    return Setting(
        problem="by hand",
        oracle="by hand",
        optimizer="by hand",
        horizon=horizon,
        traits=frozenset(TRAITS[name]),
        known={key: Known(value, "exact") for key, value in known.items()},
        hyper=hyper,
    )


def instance_of(name: str, scale_f: float = 1.0, scale_x: float = 1.0) -> Setting:
    """The setting of a theorem's own instance, after R(θ) ↦ c·R(θ/s): curvatures scale by c/s², noise by c/s."""
    c, s = scale_f, scale_x
    curvature = c / s**2
    match name:
        case "gd_smooth_convex":
            return setting_of(name, 50, 1 / curvature, L=curvature, D=s)
        case "gd_strongly_convex_distance" | "gd_strongly_convex_gap":
            return setting_of(name, 50, 0.2 / curvature, L=9 * curvature, mu=curvature, D=s, initial_gap=2.5 * c)
        case "sgd_smooth_convex_average":
            L = 0.18 * curvature
            known = {"L": L, "mu": L, "L_expected": L, "D": s, "sigma_star": c / s}
            return setting_of(name, 100, 1 / (200**0.5 * curvature), **known)
        case "sgd_strongly_convex":
            known = {"L": curvature, "mu": curvature, "L_expected": curvature, "D": s, "sigma_star": c / s}
            return setting_of(name, 20, 0.5 / curvature, **known)
        case "newton_local_quadratic":
            return setting_of(name, 3, mu=curvature, M=curvature / s, D=0.1 * s)
    raise KeyError(name)


def trace_of(
    theorem: Theorem, setting: Setting, values: np.ndarray, t: np.ndarray, floor: float = 0.0, error: float = 0.0
) -> Trace:
    """A trace of the theorem's output and quantity [S, K]; rows with NaN have diverged."""
    values = np.atleast_2d(values)
    return Trace(
        setting=setting,
        t=np.asarray(t),
        seeds=tuple(range(values.shape[0])),
        measured={theorem.output: {theorem.quantity: values}},
        floor={theorem.quantity: floor},
        error={theorem.quantity: error},
        status=tuple("diverged" if np.isnan(row).any() else "done" for row in values),
    )


def run_of(name: str, setting: Setting, seeds: int = 256) -> Trace:
    """What the instance's run would measure: the closed form, or for an expectation the simulated recursion itself."""
    theorem = THEOREMS[name]
    t = np.arange(setting.horizon + 1)
    if theorem.sense == "every run":
        closed = [theorem.instance.expected(setting, int(k)) for k in t]
        return trace_of(theorem, setting, np.array([closed]), t)
    read = _average_gap if theorem.output == "average" else _distance
    path = noisy_line(setting, seeds, np.random.default_rng(2024))
    if theorem.output == "average":  # only its checkpoints, as the lab keeps them
        t = np.unique(np.geomspace(1, setting.horizon, 12).round().astype(int))
    return trace_of(theorem, setting, read(path, setting)[:, t], t)


def noisy_line(setting: Setting, seeds: int, generator: np.random.Generator) -> np.ndarray:
    """θ_0 … θ_T [seeds, T + 1] on (L/2)θ² with Gaussian additive noise, by the recursion."""
    eta, sigma, theta = setting.step_size(), setting["sigma_star"], np.full(seeds, setting["D"])
    path = [theta]
    for _ in range(setting.horizon):
        theta = theta - eta * (setting["L"] * theta + sigma * generator.standard_normal(seeds))
        path.append(theta)
    return np.stack(path, axis=1)


def _average_gap(path: np.ndarray, setting: Setting) -> np.ndarray:
    means = np.cumsum(path, axis=1)[:, :-1] / np.arange(1, path.shape[1])
    return setting["L"] / 2 * np.concatenate([path[:, :1], means], axis=1) ** 2


def _distance(path: np.ndarray, setting: Setting) -> np.ndarray:
    return path**2


def times(theorem: Theorem, factor: float) -> Theorem:
    """The theorem with its bound multiplied."""
    shift = float(np.log(factor))

    def moved(bound: Callable[..., float] | None) -> Callable[..., float] | None:
        return None if bound is None else lambda *arguments: bound(*arguments) + shift

    return replace(theorem, log_bound=moved(theorem.log_bound), log_step=moved(theorem.log_step))
