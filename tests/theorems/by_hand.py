"""Settings by hand, convex functions on the line, and what the judge says of a setting: what these tests share."""

from __future__ import annotations

import importlib
import math

import numpy as np

from convlab.core.setting import Hyper, Known, Setting
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.lab.judge import inapplicable

NAMES = (
    *("gd_smooth_convex_average", "gd_gradient_norm", "gd_gradient_norm_from_gap", "gd_polyak_lojasiewicz"),
    *("gd_nonconvex", "gd_exact_line_search", "gd_quadratic", "gd_power_law"),
    *("polyak_smooth", "polyak_nonsmooth", "polyak_strongly_convex"),
)
THEOREMS: dict[str, Theorem] = {name: importlib.import_module(f"convlab.theorems.{name}").THEOREM for name in NAMES}


def setting(horizon: int = 10, step_size: float | None = None, **known: float) -> Setting:
    return Setting(
        *("by hand", "by hand", "by hand"),
        horizon=horizon,
        known={name: Known(value, "exact") for name, value in known.items()},
        hyper={} if step_size is None else {"step_size": Hyper(repr(step_size), step_size)},
    )


def bound(name: str, where: Setting, t: int) -> float:
    log_bound = THEOREMS[name].log_bound
    assert log_bound is not None
    return math.exp(log_bound(where, t))


class Convex:
    """μx²/2 + Σ w_k h_k on the line, h_k' = clip(x, −a_k, b_k): minimised at 0, curvature from μ to Σ w_k + μ = 1."""

    def __init__(self, generator: np.random.Generator, mu: float = 0.0) -> None:
        pieces = int(generator.integers(1, 5))
        weights = generator.dirichlet(np.ones(pieces)) * (1 - mu)
        self.weights, self.mu = weights, mu
        self.left, self.right = 10.0 ** generator.uniform(-3, 0.5, (2, pieces))

    def slope(self, x: float) -> float:
        return float(self.weights @ np.clip(x, -self.left, self.right)) + self.mu * x

    def value(self, x: float) -> float:
        kink = self.right if x > 0 else self.left
        inner, size = np.minimum(abs(x), kink), abs(x)
        return float(self.weights @ (inner**2 / 2 + kink * (size - inner))) + self.mu * x**2 / 2


def functions(count: int, mu: float = 0.0) -> list[tuple[Convex, float]]:
    """Functions with L = 1, and starts."""
    generator = np.random.default_rng(11)
    return [(Convex(generator, mu), float(10.0 ** generator.uniform(-2, 1))) for _ in range(count)]


def objection(name: str, **changed: object) -> str | None:
    """What the judge says of a setting that has every trait the theorem asks for, and L = 1."""
    theorem = THEOREMS[name]
    traits = frozenset(each.trait for each in theorem.assumes if each.trait)
    known = {"L": 1.0, "mu": 0.1, "D": 1.0, "G": 1.0, "mu_PL": 0.1, "initial_gap": 1.0, "capacity": 1.0, "source": 1.0}
    step, law = changed.get("step", 0.5), {"source": changed.get("source", 1.0)}
    where = setting(5, float(step), **{**known, **law})  # type: ignore[arg-type]
    where = Setting(**{**vars(where), "traits": traits})
    ones = np.ones((1, 2))
    trace = Trace(where, np.array([0, 5]), (0,), {theorem.output: {theorem.quantity: ones}}, {}, {}, ("done",))
    return inapplicable(theorem, trace)
