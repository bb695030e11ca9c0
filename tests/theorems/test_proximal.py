"""The theorems on proximal gradient methods: their proofs' steps and their bounds on random functions, in numpy."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from convlab.core.setting import Hyper, Known, Setting

THEOREMS = {
    name: importlib.import_module(f"convlab.theorems.{name}").THEOREM
    for name in (
        "proximal_gradient_convex",
        "proximal_gradient_strongly_convex",
        "accelerated_proximal_gradient_convex",
    )
}
Function = Callable[[np.ndarray], Any]


def setting(horizon: int, step_size: float, **known: float) -> Setting:
    return Setting(
        *("by hand", "by hand", "by hand"),
        horizon=horizon,
        known={name: Known(value, "exact") for name, value in known.items()},
        hyper={"step_size": Hyper(repr(step_size), step_size)},
    )


def bound(name: str, where: Setting, t: int) -> float:
    return math.exp(THEOREMS[name].log_bound(where, t))


def composites() -> Iterator[
    tuple[Function, Function, Function, Callable[[np.ndarray, float], np.ndarray], np.ndarray]
]:
    """f with L = 1, ∇f, h, its proximal map, and θ_0, such that 0 minimises f + h: f a sum of Huber functions plus a
    linear term that h = c‖θ‖₁, or the indicator of θ >= 0, holds."""
    generator = np.random.default_rng(17)
    for trial in range(60):
        d = int(generator.integers(1, 5))
        Q = np.linalg.qr(generator.standard_normal((d, d)))[0]
        weights, kinks = generator.uniform(0, 1, d) ** 3, 10.0 ** generator.uniform(-3, 0.5, d)
        weights[0] = 1.0
        c = 10.0 ** generator.uniform(-3, 0)
        slope = c * generator.uniform(-1, 1, d) if trial % 2 else np.abs(generator.standard_normal(d)) * c

        def f(x: np.ndarray, Q=Q, weights=weights, kinks=kinks, slope=slope) -> float:
            z = np.abs(Q @ x)
            inner = np.minimum(z, kinks)
            return float(weights @ (inner**2 / 2 + kinks * (z - inner)) + slope @ x)

        def gradient(x: np.ndarray, Q=Q, weights=weights, kinks=kinks, slope=slope) -> np.ndarray:
            return np.asarray(Q.T @ (weights * np.clip(Q @ x, -kinks, kinks)) + slope)

        start = generator.standard_normal(d)
        if trial % 2:
            yield (
                f,
                gradient,
                lambda x, c=c: c * float(np.abs(x).sum()),
                lambda x, eta, c=c: np.sign(x) * np.maximum(np.abs(x) - eta * c, 0.0),
                start,
            )
        else:
            yield (
                f,
                gradient,
                lambda x: 0.0 if (x >= 0).all() else math.inf,
                lambda x, eta: np.maximum(x, 0.0),
                np.abs(start),
            )


@pytest.mark.parametrize("h", [1.0, 0.4])
def test_the_potential_of_the_proof_does_not_increase_and_the_bound_holds(h: float) -> None:
    """2ηt·gap + η²t²‖v_t‖² + ‖θ_t − θ*‖², v_t the subgradient that the step leaves behind; η = h/L, L = 1."""
    reached = 0.0
    for f, gradient, simple, prox, theta in composites():
        D, least = float(np.linalg.norm(theta)), f(np.zeros_like(theta))
        where, before = setting(200, h, L=1.0, D=D), D**2
        for t in range(1, 201):
            moved = theta - h * gradient(theta)
            after = prox(moved, h)
            v = (moved - after) / h + gradient(after)
            theta, gap = after, f(after) + simple(after) - least
            if float(theta @ theta) < 1e-20 * D**2:
                break  # rounding decides
            potential = 2 * h * t * gap + (h * t) ** 2 * float(v @ v) + float(theta @ theta)
            assert potential <= before * (1 + 1e-12)
            before = potential
            assert gap <= bound("proximal_gradient_convex", where, t) * (1 + 1e-12)
            reached = max(reached, gap / bound("proximal_gradient_convex", where, t))
    assert 0.3 < reached < 1.0


def test_fista_keeps_its_bound() -> None:
    reached = 0.0
    for f, gradient, simple, prox, x in composites():
        D, least = float(np.linalg.norm(x)), f(np.zeros_like(x))
        where, y, size = setting(200, 1.0, L=1.0, D=D), x, 1.0
        for t in range(1, 201):
            after = prox(y - gradient(y), 1.0)
            larger = (1 + math.sqrt(1 + 4 * size**2)) / 2
            y, x, size = after + (size - 1) / larger * (after - x), after, larger
            gap, allowed = f(x) + simple(x) - least, bound("accelerated_proximal_gradient_convex", where, t)
            assert gap <= allowed * (1 + 1e-12) + 1e-15
            assert allowed <= 2 * D**2 / (t + 1) ** 2 * (1 + 1e-12)
            reached = max(reached, gap / allowed)
    assert 0.1 < reached < 1.0


@pytest.mark.parametrize("T", [1, 2, 7, 100])
def test_the_tight_bound_is_attained_at_every_horizon(T: int) -> None:
    """c|θ|, c = LD/(2T): a bound a little lower than D²/(4ηT) is none; the closed form is the recursion."""
    L, D = 3.0, 0.7
    where, x, c = setting(T, 1 / L, L=L, D=D), D, L * D / (2 * T)
    expected = THEOREMS["proximal_gradient_convex"].instance.expected
    for t in range(T + 1):
        assert c * x == pytest.approx(expected(where, t), rel=1e-12)
        assert t == 0 or c * x <= bound("proximal_gradient_convex", where, t) * (1 + 1e-12)
        gap, x = c * x, math.copysign(max(abs(x) - c / L, 0.0), x)
    assert gap == pytest.approx(bound("proximal_gradient_convex", where, T), rel=1e-12)


def test_strongly_convex_distances_contract_by_r() -> None:
    """On random quadratics plus c‖θ‖₁; that r is reached its instance shows."""
    generator = np.random.default_rng(5)
    for _ in range(15):
        d = int(generator.integers(1, 5))
        A = generator.standard_normal((d + 2, d))
        H = 0.9 * A.T @ A / np.linalg.norm(A, 2) ** 2 + 0.1 * np.eye(d)
        mu, c, b = float(np.linalg.eigvalsh(H)[0]), float(generator.uniform(0, 0.5)), generator.standard_normal(d)
        eta = float(generator.uniform(0.3, 1.9))

        def step(x: np.ndarray, H=H, b=b, c=c, eta=eta) -> np.ndarray:
            z = x - eta * (H @ x - b)
            return np.asarray(np.sign(z) * np.maximum(np.abs(z) - eta * c, 0.0))

        star = np.zeros(d)
        for _ in range(1_500):
            star = step(star)
        where = setting(20, eta, L=1.0, mu=mu, D=float(np.linalg.norm(star)))
        x = np.zeros(d)
        for t in range(21):
            allowed = bound("proximal_gradient_strongly_convex", where, t)
            assert float(np.sum((x - star) ** 2)) <= allowed * (1 + 1e-9) + 1e-20
            x = step(x)
