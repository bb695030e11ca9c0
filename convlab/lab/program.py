"""The program of a run: what a compilation depends on, and the optimizer it builds from traced numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from convlab.core.expression import Expression
from convlab.core.optimizer import Judged
from convlab.core.output import Output
from convlab.core.problem import Problem


class Program(NamedTuple):
    """What a compilation depends on besides shapes: all hashable, no number that varies from run to run."""

    build: Callable[..., optax.GradientTransformation]
    judged: Judged
    options: tuple[tuple[str, Any], ...]  # static hyperparameters
    schedules: tuple[tuple[str, Expression], ...]  # hyperparameters that are expressions in t
    outputs: tuple[tuple[str, Output], ...]
    handed: tuple[str, ...] = ()  # which of the problem's "project" and "prox" are handed over


def arguments_of(program: Program, hyper: dict[str, Any]) -> dict[str, Any]:
    """The optimizer's real-valued arguments: traced numbers, and schedules whose names are traced as well."""
    schedules = dict(program.schedules)

    def argument(name: str, value: Any) -> Any:
        if name not in schedules:
            return value
        dtype = jnp.result_type(*value.values())
        return lambda t: schedules[name]({**value, "t": jnp.asarray(t, dtype)}, jnp)

    return {name: argument(name, value) for name, value in hyper.items()}


def transformation(
    program: Program, problem: Problem, arguments: dict[str, Any]
) -> optax.GradientTransformationExtraArgs:
    """The optimizer, built inside the trace; a problem's projection and prox are handed over to one that asks."""
    project, simple = problem.project, problem.simple
    if "project" in program.handed and project is not None:
        arguments = {**arguments, "project": lambda theta: project(theta, problem.constants)}
    if "prox" in program.handed and simple is not None:
        arguments = {**arguments, "prox": lambda theta, eta: simple.prox(theta, eta, problem.constants)}
    return optax.with_extra_args_support(program.build(**dict(program.options), **arguments))


def step_size_of(arguments: dict[str, Any], t: jax.Array) -> jax.Array:
    """η_t, where the optimizer has a step size: compiled only where an output reads it."""
    given = arguments.get("step_size", arguments.get("learning_rate", jnp.nan))
    return jnp.asarray(given(t) if callable(given) else given)
