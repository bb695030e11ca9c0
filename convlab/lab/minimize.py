"""`minimize`: any optimizer on any JAX function, in one compiled loop that stops by itself."""

from __future__ import annotations

import difflib
import functools
import operator
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from convlab.core.errors import ConvlabError
from convlab.core.optimizer import Judged, params_are_judged
from convlab.lab import catalog
from convlab.lab.solution import (
    ALL_STEPS,
    GRADIENT_NOT_FINITE,
    REACHED,
    RUNNING,
    VALUE_NOT_FINITE,
    History,
    Solution,
    trimmed,
)

_MOST_STEPS = 2**31 - 2
_KEPT = 64  # compiled programs at once; the one not used for longest is let go


def minimize(
    f: Callable[..., jax.Array],
    x0: Any,
    optimizer: optax.GradientTransformation,
    *,
    steps: int,
    tolerance: float | None = None,
    args: tuple[Any, ...] = (),
    every: int = 1,
    keep_points: bool = False,
) -> Solution:
    """x_{t+1} = x_t + (the optimizer's update at ∇f(x_t)) for t = 0, 1, …, until ‖∇f(x_t)‖₂ ≤ tolerance.

    ``f(x, *args)`` is a real scalar of any pytree x of floating-point arrays; ``x0`` is such a pytree, a float, or a
    list of numbers, which is an array. ``optimizer`` is any optax transformation, such as ``convlab.gd(0.1)``,
    ``convlab.newton()`` or ``optax.lbfgs()``; it is handed value, grad and value_fn, as optax's line searches need.
    At most ``steps`` steps are taken; the loop ends before at the ``tolerance``, or where value or gradient is no
    longer finite. The history records t = 0, every ``every``-th step and the last, with ``keep_points`` the points too.
    Where the optimizer's file defines ``judged``, x, value and gradient norm are those of the judged point.

    The dtypes of x0 are kept and no setting of jax is changed. It works inside jit and vmap, where the history keeps
    its full length. The program is compiled once for each f, optimizer, steps, every, and shapes: f and optimizer are
    told apart by identity, so keep them, since a second ``convlab.gd(0.1)`` is another optimizer and compiles again.
    x0, args and tolerance may change freely, and so may what vmap maps over; there every recorded step copies the
    history, so that long runs want a larger ``every``.

    Raises ConvlabError in one line where an argument does not fit.

    >>> import convlab
    >>> gd = convlab.gd(step_size=0.25)
    >>> found = convlab.minimize(lambda x: (x - 3.0) ** 2, 0.0, gd, steps=1000, tolerance=1e-3)
    >>> found.status
    'gradient norm 0.00073 reached the tolerance 0.001 after 13 steps'
    >>> round(float(found.x), 2), found.converged, found.history.t.shape
    (3.0, True, (14,))
    """
    steps, every = _whole("steps", steps, _MOST_STEPS), _whole("every", every, _MOST_STEPS)
    _check_optimizer(optimizer)
    _check_function(f)
    if not isinstance(args, tuple):
        raise ConvlabError(f"minimize: args is {_kind(args)}, not a tuple; write args=(data,)")
    point, limit = _start(x0), _checked_tolerance(tolerance)
    try:
        program = _program(f, optimizer, _judged_of(optimizer), steps, every, bool(keep_points))
    except TypeError:
        raise ConvlabError("minimize: f has no hash, by which its program is kept; wrap it: lambda x: f(x)") from None
    solution = program(point, args, limit)
    return solution if isinstance(solution.code, jax.core.Tracer) else trimmed(solution)


@functools.lru_cache(maxsize=_KEPT)
def _program(
    f: Callable[..., jax.Array],
    optimizer: optax.GradientTransformation,
    judged: Judged,
    steps: int,
    every: int,
    keep_points: bool,
) -> Callable[[Any, tuple[Any, ...], Any], Solution]:
    """The jitted run; it remembers its compilations as long as it is kept here."""

    def run(x0: Any, args: tuple[Any, ...], tolerance: jax.Array) -> Solution:
        out = jax.eval_shape(f, x0, *args)
        _check_scalar(out)
        return _solve(
            lambda x: jnp.asarray(f(x, *args), out.dtype), x0, optimizer, judged, tolerance, steps, every, keep_points
        )

    return jax.jit(run)


class _Carry(NamedTuple):
    """The params and what was found there; ``seen`` is the judged point, ``norm`` its gradient's."""

    t: jax.Array
    params: Any
    state: Any
    value: jax.Array
    grad: Any
    seen: Any
    seen_value: jax.Array
    norm: jax.Array
    history: tuple[jax.Array, jax.Array, Any]


def _solve(
    f: Callable[[Any], jax.Array],
    x0: Any,
    optimizer: optax.GradientTransformation,
    judged: Judged,
    tolerance: jax.Array,
    steps: int,
    every: int,
    keep_points: bool,
) -> Solution:
    method = optax.with_extra_args_support(optimizer)
    slots = -(-steps // every) + 1

    def look(t: jax.Array, params: Any, state: Any, history: tuple[Any, Any, Any] | None) -> _Carry:
        """Value and gradient at x_t, written to the history: t in ((k−1)·every, k·every] goes to place k."""
        value, grad = jax.value_and_grad(f)(params)
        seen, seen_value, seen_grad = params, value, grad
        if judged is not params_are_judged:
            seen = judged(state, params)
            seen_value, seen_grad = jax.value_and_grad(f)(seen)
        norm = _norm(seen_grad)
        kept = (seen_value, norm, seen if keep_points else None)
        if history is None:
            history = jax.tree.map(lambda leaf: jnp.full((slots, *leaf.shape), jnp.nan, leaf.dtype), kept)
        place = t // every + (t % every != 0)
        history = jax.tree.map(lambda array, leaf: array.at[place].set(leaf), history, kept)
        return _Carry(t, params, state, value, grad, seen, seen_value, norm, history)

    def step(carry: _Carry) -> _Carry:
        updates, state = method.update(
            carry.grad, carry.state, carry.params, value=carry.value, grad=carry.grad, value_fn=f
        )
        params = optax.apply_updates(carry.params, updates)
        return look(carry.t + 1, _like(params, carry.params), _like(state, carry.state), carry.history)

    start = look(jnp.zeros((), jnp.int32), x0, jax.tree.map(jnp.asarray, method.init(x0)), None)
    end = jax.lax.while_loop(lambda carry: _code(carry, tolerance, steps) == RUNNING, step, start)
    places = jnp.arange(slots, dtype=jnp.int32)
    t = jnp.where(places == places[-1], steps, places * every)
    last = end.t // every + (end.t % every != 0)
    values, norms, points = end.history
    history = History(jnp.where(places == last, end.t, t), values, norms, points)
    code = _code(end, tolerance, steps)
    return Solution(end.seen, end.seen_value, end.norm, end.t, code, tolerance.astype(end.norm.dtype), history)


def _code(carry: _Carry, tolerance: jax.Array, steps: int) -> jax.Array:
    """How the run ended, or that it goes on. A gradient that is not finite never reaches a tolerance."""
    ends: tuple[tuple[jax.Array, int], ...] = (
        (~jnp.isfinite(carry.seen_value), VALUE_NOT_FINITE),
        (~jnp.isfinite(carry.norm), GRADIENT_NOT_FINITE),
        (jnp.less_equal(carry.norm, tolerance.astype(carry.norm.dtype)), REACHED),
        (jnp.greater_equal(carry.t, steps), ALL_STEPS),
    )
    return jnp.select([where for where, _ in ends], [jnp.int32(code) for _, code in ends], jnp.int32(RUNNING))


def _norm(grad: Any) -> jax.Array:
    """‖·‖₂ over all leaves, in at least float32, scaled so that no square over- or underflows."""
    leaves = [leaf for leaf in jax.tree.leaves(grad) if leaf.size]
    dtype = jnp.result_type(jnp.float32, *leaves)
    largest = functools.reduce(jnp.maximum, [jnp.max(jnp.abs(leaf)).astype(dtype) for leaf in leaves])
    scale = jnp.where(largest > 0, largest, jnp.ones((), dtype))
    squares = [jnp.sum(jnp.square(leaf.astype(dtype) / scale)) for leaf in leaves]
    return scale * jnp.sqrt(functools.reduce(operator.add, squares))


def _like(new: Any, old: Any) -> Any:
    """Some transformations promote their state in the first step; a loop must keep its types."""
    return jax.tree.map(lambda a, b: jnp.asarray(a, b.dtype) if jnp.result_type(a) != b.dtype else a, new, old)


def _judged_of(optimizer: optax.GradientTransformation) -> Judged:
    """``judged`` of the file in ``convlab/optimizers`` that made the optimizer; else the params themselves."""
    for function in (optimizer.update, optimizer.init):
        module = getattr(function, "__module__", None) or ""
        if module.startswith("convlab.optimizers."):
            found: Judged = getattr(sys.modules[module], "judged", params_are_judged)
            return found
    return params_are_judged


def _check_function(f: Any) -> None:
    if not callable(f):
        hint = "; pass its risk, with args=(problem.data, problem.constants)" if hasattr(f, "risk") else ""
        raise ConvlabError(f"minimize: f is {_kind(f)}, not a function of x{hint}")


def _check_optimizer(optimizer: Any) -> None:
    if isinstance(optimizer, optax.GradientTransformation):
        return
    name = optimizer if isinstance(optimizer, str) else getattr(optimizer, "__name__", "")
    name = next(iter(difflib.get_close_matches(name, catalog.names("optimizers"), n=1)), "gd")
    example = catalog.CATALOG.load_module("optimizers", name).EXAMPLE
    call = f"convlab.{name}({', '.join(f'{key}={value!r}' for key, value in example.items())})"
    raise ConvlabError(f"minimize: optimizer is {_kind(optimizer)}, not an optax transformation; pass {call}")


def _check_scalar(out: Any) -> None:
    """f must give one real floating-point number."""
    if not hasattr(out, "shape"):
        raise ConvlabError(f"minimize: f returns {_kind(out)}; it must return one real number")
    if out.shape != ():
        raise ConvlabError(f"minimize: f returns an array of shape {out.shape}; a scalar is needed, such as its sum")
    if not jnp.issubdtype(out.dtype, jnp.floating):
        hint = "; take its real part or abs" if jnp.issubdtype(out.dtype, jnp.complexfloating) else ""
        raise ConvlabError(f"minimize: f returns {out.dtype}; it must return one real floating-point number{hint}")


def _start(x0: Any) -> Any:
    """x0 as arrays of floating-point numbers."""
    if isinstance(x0, list) and all(isinstance(leaf, int | float) for leaf in jax.tree.leaves(x0)):
        x0 = _array("x0", x0)
    paths, structure = jax.tree_util.tree_flatten_with_path(x0)
    leaves = []
    for path, leaf in paths:
        where = "x0" + jax.tree_util.keystr(path)
        array = _array(where, leaf)
        if not jnp.issubdtype(array.dtype, jnp.floating):
            hint = "split it into real and imaginary part" if array.dtype.kind == "c" else "write 1.0 for 1"
            raise ConvlabError(f"minimize: {where} is {array.dtype}; real floating-point numbers are needed: {hint}")
        leaves.append(jnp.asarray(array, array.dtype))  # without a weak type, which would compile once more
    if not sum(leaf.size for leaf in leaves):
        raise ConvlabError("minimize: x0 holds no numbers")
    return jax.tree.unflatten(structure, leaves)


def _array(where: str, leaf: Any) -> jax.Array:
    try:
        return jnp.asarray(leaf)
    except (TypeError, ValueError):
        raise ConvlabError(f"minimize: {where} is {_kind(leaf)} that is no array of numbers") from None


def _whole(name: str, value: Any, most: int) -> int:
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        hint = "; it is the length of the history, so jit may not trace it" if isinstance(value, jax.Array) else ""
        raise ConvlabError(f"minimize: {name} is {_kind(value)}, not a whole number{hint}") from None
    if not 1 <= number <= most:
        raise ConvlabError(f"minimize: {name} = {value} is out of range; a whole number from 1 to {most}")
    return number


def _checked_tolerance(tolerance: Any) -> jax.Array:
    """The tolerance as a number that may be traced, −1 for none."""
    limit = jnp.asarray(-1.0 if tolerance is None else _array("tolerance", tolerance), float)
    traced = isinstance(limit, jax.core.Tracer)
    if limit.shape != () or (tolerance is not None and not traced and not float(limit) >= 0):
        raise ConvlabError(f"minimize: tolerance = {tolerance} is no gradient norm; a number from 0 up, or None")
    return limit


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return f"'{value[:40]}'"
    name = getattr(value, "__name__", "")
    if callable(value) and name:
        return f"the function {name[:40]}"
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
