"""Risks in 60 digits, minimised by Newton's method with a frozen float64 Hessian: what gaps are held against."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import mpmath
import numpy as np

from convlab.core.problem import Problem, risk_of

mp = mpmath.mp.clone()
mp.dps = 60
Vector = list[Any]


def number(value: Any) -> Any:
    return mp.mpf(float(value))


def vector(values: Any) -> Vector:
    return [number(value) for value in values]


def dot(a: Sequence[Any], b: Sequence[Any]) -> Any:
    return mp.fsum(x * y for x, y in zip(a, b, strict=True))


def logistic(problem: Problem) -> tuple[Callable[[Vector], Any], Callable[[Vector], Vector]]:
    X, y = problem.data
    rows = [vector(label * row) for row, label in zip(X, y, strict=True)]
    ridge, n = number(problem.constants["ridge"]), len(rows)

    def risk(theta: Vector) -> Any:
        return mp.fsum(mp.log1p(mp.exp(-dot(row, theta))) for row in rows) / n + ridge / 2 * dot(theta, theta)

    def gradient(theta: Vector) -> Vector:
        slopes = [-1 / (1 + mp.exp(dot(row, theta))) for row in rows]
        columns = zip(*rows, strict=True)
        return [dot(slopes, column) / n + ridge * t for column, t in zip(columns, theta, strict=True)]

    return risk, gradient


def least_squares(problem: Problem) -> tuple[Callable[[Vector], Any], Callable[[Vector], Vector]]:
    X, y = problem.data
    rows, labels = [vector(row) for row in X], vector(y)
    ridge, n = number(problem.constants["ridge"]), len(rows)

    def left(theta: Vector) -> Vector:
        return [dot(row, theta) - label for row, label in zip(rows, labels, strict=True)]

    def risk(theta: Vector) -> Any:
        return dot(left(theta), left(theta)) / (2 * n) + ridge / 2 * dot(theta, theta)

    def gradient(theta: Vector) -> Vector:
        slopes, columns = left(theta), zip(*rows, strict=True)
        return [dot(slopes, column) / n + ridge * t for column, t in zip(columns, theta, strict=True)]

    return risk, gradient


def log_sum_exp(problem: Problem) -> tuple[Callable[[Vector], Any], Callable[[Vector], Vector]]:
    A, s = problem.constants["A"], number(problem.constants["scale"])
    offsets = problem.constants.get("b", np.zeros((2, len(A)))) if isinstance(problem.constants, dict) else None
    assert offsets is not None
    rows = [vector(row) for row in np.concatenate([A, -A])]
    shift = vector(offsets.reshape(-1))

    def powers(theta: Vector) -> Vector:
        return [mp.exp((dot(row, theta) + b) / s) for row, b in zip(rows, shift, strict=True)]

    def risk(theta: Vector) -> Any:
        return s * mp.log(mp.fsum(powers(theta)))

    def gradient(theta: Vector) -> Vector:
        weights = powers(theta)
        total = mp.fsum(weights)
        return [dot(weights, column) / total for column in zip(*rows, strict=True)]

    return risk, gradient


def single_neuron(problem: Problem) -> tuple[Callable[[Vector], Any], Callable[[Vector], Vector]]:
    inputs, labels = (vector(values) for values in problem.data)
    n = len(inputs)

    def risk(theta: Vector) -> Any:
        w, v = theta
        return mp.fsum((v * mp.tanh(w * x) - y) ** 2 for x, y in zip(inputs, labels, strict=True)) / (2 * n)

    def gradient(theta: Vector) -> Vector:
        w, v = theta
        t = [mp.tanh(w * x) for x in inputs]
        p = [v * each - y for each, y in zip(t, labels, strict=True)]
        along = mp.fsum(a * v * (1 - b**2) * x for a, b, x in zip(p, t, inputs, strict=True))
        return [along / n, dot(p, t) / n]

    return risk, gradient


RISKS = {
    "logistic": logistic,
    "least_squares": least_squares,
    "log_sum_exp": log_sum_exp,
    "single_neuron": single_neuron,
}


class Exact:
    """R in 60 digits, its zero of ∇R nearest to what the problem certified, and the least value."""

    def __init__(self, problem: Problem) -> None:
        self.risk, self.gradient = RISKS[problem.name](problem)
        centre = problem.optimum if problem.stationary is None else problem.stationary
        assert centre is not None
        hessian = np.asarray(jax.jit(jax.hessian(functools.partial(risk_of, problem)))(centre.hi))
        inverse = [vector(row) for row in np.linalg.inv(hessian)]
        theta = vector(centre.hi)
        for _ in range(40):
            slope = self.gradient(theta)
            step = [dot(row, slope) for row in inverse]
            theta = [a - b for a, b in zip(theta, step, strict=True)]
            if max(abs(s) for s in step) < mp.mpf(10) ** -54:
                break
        else:
            raise AssertionError("60-digit Newton did not converge")
        self.theta_star, self.minimum = theta, self.risk(theta)

    def gap(self, theta: Any) -> Any:
        return self.risk(vector(theta)) - self.minimum


def agrees(problem: Problem, theta_star: Vector, minimum: Any) -> None:
    """hi + lo lies within its radius of θ*, R(θ*) in its interval, one spacing wide, and D is ‖θ*‖ from above."""
    optimum = problem.optimum
    assert optimum is not None
    doubled = [number(hi) + number(lo) for hi, lo in zip(optimum.hi, optimum.lo, strict=True)]
    error = mp.sqrt(mp.fsum((a - b) ** 2 for a, b in zip(doubled, theta_star, strict=True)))
    assert float(error) <= float(optimum.radius) < 1e-20 * problem.known["D"].value
    assert number(optimum.risk_low) <= minimum <= number(optimum.risk_high)
    assert float(optimum.risk_high) - float(optimum.risk_low) <= 2.0**-52 * float(optimum.risk_high)
    distance = mp.sqrt(dot(theta_star, theta_star))
    assert distance <= problem.known["D"].value <= distance * (1 + mp.mpf(10) ** -13)
