"""The loop: one step of every run at once, in compiled blocks. The only place that differentiates f_t.

The layout is runs = seeds × hyperparameters, by nested `vmap` with the hyperparameters inside: an oracle's sample
belongs to a seed, so that one gathered batch serves all of them. Random numbers are drawn for a block of steps at a
time. The host drives from checkpoint to checkpoint with traced begin and end, so that no compilation depends on the
horizon.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from convlab.core.optimizer import params_are_judged
from convlab.core.oracle import Oracle
from convlab.core.output import Seen
from convlab.core.problem import Problem, Theta, completed
from convlab.lab.program import Program, arguments_of, step_size_of, transformation

_FOR_OUTPUTS = 2**32 - 1  # folded into a seed's key for what outputs draw; blocks of steps are numbered from 0


class Carry(NamedTuple):
    """The state of all runs; every leaf has leading axes [seeds, hyperparameters]."""

    theta: Theta
    optimizer: Any
    oracle: Any
    outputs: tuple[Any, ...]


@functools.partial(jax.jit, static_argnames=("program", "count"))
def start(
    program: Program, problem: Problem, oracle: Oracle, hyper: dict[str, Any], keys: jax.Array, count: int
) -> tuple[Carry, Any]:
    """The carry before step 0, θ0 for every run, and room for the samples of a block: `advance` draws them, so that
    the drawing is compiled once.

    ``count`` is the number of hyperparameters at once, which may hold no traced number.
    """

    def one(values: dict[str, Any], key: jax.Array) -> Carry:
        theta = problem.theta0
        state = transformation(program, problem, arguments_of(program, values)).init(theta)
        seen, own = program.judged(state, theta), jax.random.fold_in(key, _FOR_OUTPUTS)
        outputs = tuple(output.init(seen, own) for _, output in program.outputs)
        return Carry(theta, state, oracle.init(problem, theta), outputs)

    of_a_seed = jax.vmap(one, (0, None), axis_size=count)
    carry = Carry(*jax.vmap(of_a_seed, (None, 0))(hyper, keys))
    drawn = jax.eval_shape(lambda: _draw(problem, oracle, keys, jnp.zeros((), jnp.int64)))
    return carry, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), drawn)


def _draw(problem: Problem, oracle: Oracle, keys: jax.Array, block: jax.Array) -> Any:
    """The samples of a block for every seed: leaves [seeds, steps, …], as they are drawn and kept."""
    return jax.vmap(functools.partial(oracle.draw, problem, oracle.constants), (0, None))(keys, block)


def _step(program: Program, problem: Problem, oracle: Oracle, values: Any, carry: Carry, sample: Any, t: Any) -> Carry:
    """Step t of one run: show f_t, differentiate it, let the outputs look, move."""
    f, oracle_state = oracle.show(problem, oracle.constants, carry.theta, carry.oracle, sample, t)
    value, grad = jax.value_and_grad(f)(carry.theta)
    arguments = arguments_of(program, values)
    seen = Seen(carry.theta, *completed(problem, carry.theta, value, grad), step_size_of(arguments, t))
    if program.judged is not params_are_judged:
        point = program.judged(carry.optimizer, carry.theta)  # compiled only where an output reads what is seen there
        seen = Seen(point, *completed(problem, point, *jax.value_and_grad(f)(point)), seen.step_size)
    outputs = tuple(
        output.update(state, t, seen) for (_, output), state in zip(program.outputs, carry.outputs, strict=True)
    )
    optimizer = transformation(program, problem, arguments)
    updates, state = optimizer.update(grad, carry.optimizer, carry.theta, value=value, grad=grad, value_fn=f)
    return Carry(optax.apply_updates(carry.theta, updates), state, oracle_state, outputs)


@functools.partial(jax.jit, static_argnames=("program", "together"), donate_argnames=("carry", "samples"))
def advance(
    program: Program,
    problem: Problem,
    oracle: Oracle,
    hyper: dict[str, Any],
    keys: jax.Array,
    carry: Carry,
    samples: Any,
    begin: jax.Array,
    end: jax.Array,
    together: int = 1,
) -> tuple[Carry, Any]:
    """Steps begin, …, end − 1 of every run. ``samples`` are those of the last block that was entered, handed on; those
    of `start` are none.

    ``together`` steps form an inner loop whose length is known when it is compiled: a GPU asks the host after each turn
    of a loop whether there is another, unless the number of turns is known. The numbers are the same.
    """
    step = functools.partial(_step, program, problem, oracle)
    every_run = jax.vmap(jax.vmap(step, (0, 0, None, None)), (None, 0, 0, None))
    first = begin // oracle.block
    held = (begin - 1) // oracle.block  # −1 before step 0: none

    def block(number: jax.Array, both: tuple[Carry, Any]) -> tuple[Carry, Any]:
        carry, samples = both
        fresh = (number != first) | (held != first)
        samples = jax.lax.cond(fresh, lambda: _draw(problem, oracle, keys, number), lambda: samples)

        def one(i: jax.Array, carry: Carry) -> Carry:
            sample = jax.tree.map(lambda leaf: jax.lax.dynamic_index_in_dim(leaf, i, 1, keepdims=False), samples)
            return Carry(*every_run(hyper, carry, sample, number * oracle.block + i))

        def several(first: jax.Array, carry: Carry) -> Carry:
            return Carry(*jax.lax.fori_loop(0, together, lambda k, each: one(first + k, each), carry))

        low = jnp.maximum(begin - number * oracle.block, 0)
        high = jnp.minimum(end - number * oracle.block, oracle.block)
        if together > 1:
            turns = (high - low) // together
            carry = jax.lax.fori_loop(0, turns, lambda turn, c: several(low + turn * together, c), carry)
            low += turns * together
        return jax.lax.fori_loop(low, high, one, carry), samples

    carry, samples = jax.lax.fori_loop(first, (end - 1) // oracle.block + 1, block, (carry, samples))
    return carry, samples


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
