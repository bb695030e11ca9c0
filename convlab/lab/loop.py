"""The loop: one step of every run at once, in compiled blocks. The only place that differentiates f_t.

The layout is runs = seeds × hyperparameters, by nested `vmap` with the hyperparameters inside: an oracle's sample
belongs to a seed, so that one gathered batch serves all of them. Random numbers are drawn for a block of steps at a
time. The host drives from checkpoint to checkpoint with traced begin and end, so that no compilation depends on the
horizon.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from convlab.core.expression import Expression
from convlab.core.optimizer import Judged
from convlab.core.oracle import Oracle
from convlab.core.output import Output
from convlab.core.problem import Problem, Theta


class Program(NamedTuple):
    """What a compilation depends on besides shapes: all hashable, no number that varies from run to run."""

    build: Callable[..., optax.GradientTransformation]
    judged: Judged
    options: tuple[tuple[str, Any], ...]  # static hyperparameters
    schedules: tuple[tuple[str, Expression], ...]  # hyperparameters that are expressions in t
    outputs: tuple[tuple[str, Output], ...]


class Carry(NamedTuple):
    """The state of all runs; every leaf has leading axes [seeds, hyperparameters]."""

    theta: Theta
    optimizer: Any
    oracle: Any
    outputs: tuple[Any, ...]


def transformation(program: Program, hyper: dict[str, Any]) -> optax.GradientTransformationExtraArgs:
    """The optimizer, built inside the trace from traced numbers; a schedule's names are traced as well."""
    schedules = dict(program.schedules)

    def argument(name: str, value: Any) -> Any:
        if name not in schedules:
            return value
        dtype = jnp.result_type(*value.values())
        return lambda t: schedules[name]({**value, "t": jnp.asarray(t, dtype)}, jnp)

    arguments = {name: argument(name, value) for name, value in hyper.items()}
    return optax.with_extra_args_support(program.build(**dict(program.options), **arguments))


@functools.partial(jax.jit, static_argnames=("program", "count"))
def start(
    program: Program, problem: Problem, oracle: Oracle, hyper: dict[str, Any], keys: jax.Array, count: int
) -> Carry:
    """The carry before step 0: θ0 for every run, of ``count`` hyperparameters (which may hold no traced number)."""

    def one(values: dict[str, Any], key: jax.Array) -> Carry:
        theta = problem.theta0
        outputs = tuple(output.init(theta) for _, output in program.outputs)
        return Carry(theta, transformation(program, values).init(theta), oracle.init(problem, theta), outputs)

    of_a_seed = jax.vmap(one, (0, None), axis_size=count)
    return Carry(*jax.vmap(of_a_seed, (None, 0))(hyper, keys))


@functools.partial(jax.jit, static_argnames=("program",), donate_argnames=("carry",))
def advance(
    program: Program,
    problem: Problem,
    oracle: Oracle,
    hyper: dict[str, Any],
    keys: jax.Array,
    carry: Carry,
    begin: jax.Array,
    end: jax.Array,
) -> Carry:
    """Steps begin, …, end − 1 of every run."""

    def step(values: dict[str, Any], carry: Carry, sample: Any, t: jax.Array) -> Carry:
        f, oracle_state = oracle.show(problem, oracle.constants, carry.theta, carry.oracle, sample, t)
        value, grad = jax.value_and_grad(f)(carry.theta)
        seen = program.judged(carry.optimizer, carry.theta)
        outputs = tuple(
            output.update(state, t, seen, value, grad)
            for (_, output), state in zip(program.outputs, carry.outputs, strict=True)
        )
        optimizer = transformation(program, values)
        updates, state = optimizer.update(grad, carry.optimizer, carry.theta, value=value, grad=grad, value_fn=f)
        return Carry(optax.apply_updates(carry.theta, updates), state, oracle_state, outputs)

    every_run = jax.vmap(jax.vmap(step, (0, 0, None, None)), (None, 0, 0, None))
    draw = jax.vmap(functools.partial(oracle.draw, problem, oracle.constants), (0, None), 1)

    def block(number: jax.Array, carry: Carry) -> Carry:
        first = number * oracle.block
        samples = draw(keys, number)

        def one(i: jax.Array, carry: Carry) -> Carry:
            sample = jax.tree.map(lambda leaf: jax.lax.dynamic_index_in_dim(leaf, i, keepdims=False), samples)
            return every_run(hyper, carry, sample, first + i)

        low, high = jnp.maximum(begin - first, 0), jnp.minimum(end - first, oracle.block)
        return Carry(*jax.lax.fori_loop(low, high, one, carry))

    return Carry(*jax.lax.fori_loop(begin // oracle.block, (end - 1) // oracle.block + 1, block, carry))


@functools.partial(jax.jit, static_argnames=("program",))
def points(program: Program, carry: Carry) -> dict[str, Theta]:
    """Each output's point, for every run: what a checkpoint keeps."""

    def one(carry: Carry) -> dict[str, Theta]:
        theta = program.judged(carry.optimizer, carry.theta)
        return {
            name: output.read(state, theta)
            for (name, output), state in zip(program.outputs, carry.outputs, strict=True)
        }

    return jax.vmap(jax.vmap(one))(carry)
