"""The two sides of each rule of differentiation, outputs first: what automatic differentiation finds for the
combination, and what the rule makes of the derivatives of the parts. `_rule_list` gives them their names and formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any

import jax
import jax.numpy as jnp

from convlab.calculus import inputs
from convlab.calculus.derivatives import flatten_jacobian, gradient, hessian, jacobian, tensor_jacobian
from convlab.calculus.directional import directional_derivative, directional_derivatives
from convlab.calculus.inputs import CalculusError, Function

Pair = tuple[jax.Array, jax.Array]
ORDERS = 4  # of Leibniz' rule: all from 0 to it


def chain_jacobians(*jacobians: Any) -> jax.Array:
    """J_f J_g … of the Jacobians of f ∘ g ∘ …, the outermost first: N×M times M×L is N×L, outputs first.

    CalculusError where one has not as many columns, its inputs, as the next has rows, its outputs.

    >>> chain_jacobians(jnp.ones((2, 3)), jnp.ones((3, 4))).shape
    (2, 4)
    """
    where = "chain_jacobians"
    if not jacobians:
        raise CalculusError(f"{where}: there is no Jacobian; give them from the outermost function's on")
    product, *others = (inputs.array(where, J, f"Jacobian {i}", (None, None)) for i, J in enumerate(jacobians, 1))
    for i, inner in enumerate(others, 1):
        outer = jnp.shape(jacobians[i - 1])
        if outer[1] != inner.shape[0]:
            raise CalculusError(
                f"{where}: Jacobian {i} has shape {outer} and Jacobian {i + 1} has shape {inner.shape}; N×M times M×L "
                f"is needed, but the outer one takes {outer[1]} inputs and the inner gives {inner.shape[0]} outputs"
            )
        product = product @ inner
    return product


def sum_of_two(f: Function, g: Function, x: Any) -> Pair:
    return jacobian(lambda x: f(x) + g(x), x), jacobian(f, x) + jacobian(g, x)


def linearity(f: Function, g: Function, x: Any) -> Pair:
    return jacobian(lambda x: 1.5 * f(x) - 0.75 * g(x), x), 1.5 * jacobian(f, x) - 0.75 * jacobian(g, x)


def product(f: Function, g: Function, x: Any) -> Pair:
    return gradient(lambda x: f(x) * g(x), x), g(x) * gradient(f, x) + f(x) * gradient(g, x)


def scalar_times_vector(f: Function, g: Function, x: Any) -> Pair:
    return jacobian(lambda x: f(x) * g(x), x), jnp.outer(g(x), gradient(f, x)) + f(x) * jacobian(g, x)


def inner_product(f: Function, g: Function, x: Any) -> Pair:
    return gradient(lambda x: f(x) @ g(x), x), g(x) @ jacobian(f, x) + f(x) @ jacobian(g, x)


def elementwise_product(f: Function, g: Function, x: Any) -> Pair:
    by_rule = jnp.diag(g(x)) @ jacobian(f, x) + jnp.diag(f(x)) @ jacobian(g, x)
    return jacobian(lambda x: f(x) * g(x), x), by_rule


def matrix_product(A: Function, B: Function, x: Any) -> Pair:
    by_rule = jnp.einsum("irj,rk->ikj", tensor_jacobian(A, x), B(x))
    by_rule += jnp.einsum("ir,rkj->ikj", A(x), tensor_jacobian(B, x))
    return tensor_jacobian(lambda x: A(x) @ B(x), x), by_rule


def quotient(f: Function, g: Function, x: Any) -> Pair:
    by_rule = (g(x) * jacobian(f, x) - jnp.outer(f(x), gradient(g, x))) / g(x) ** 2
    return jacobian(lambda x: f(x) / g(x), x), by_rule


def _partials(f: Function, x: Any) -> jax.Array:
    """∂f/∂x_j for every j, stacked in front: each the derivative of t ↦ f(x + t e_j), the other variables held."""
    along: Function = lambda e: directional_derivative(f, x, e)  # noqa: E731 - a name for the formula's ∂/∂x_j
    found: jax.Array = jax.vmap(along)(jnp.eye(x.size, dtype=x.dtype))
    return found


def partial_sum(f: Function, g: Function, x: Any) -> Pair:
    return _partials(lambda x: f(x) + g(x), x), _partials(f, x) + _partials(g, x)


def partial_product(f: Function, g: Function, x: Any) -> Pair:
    return _partials(lambda x: f(x) * g(x), x), _partials(f, x) * g(x) + f(x) * _partials(g, x)


def partial_quotient(f: Function, g: Function, x: Any) -> Pair:
    by_rule = (_partials(f, x) * g(x) - f(x) * _partials(g, x)) / g(x) ** 2
    return _partials(lambda x: f(x) / g(x), x), by_rule


def partial_chain(f: Function, g: Function, x: Any) -> Pair:
    of_f, of_g = _partials(f, g(x)), _partials(g, x)
    by_rule = sum(jnp.outer(of_g[:, k], of_f[k]) for k in range(len(of_f)))
    return _partials(lambda x: f(g(x)), x), jnp.asarray(by_rule)


def chain(f: Function, g: Function, x: Any) -> Pair:
    return jacobian(lambda x: f(g(x)), x), chain_jacobians(jacobian(f, g(x)), jacobian(g, x))


def chain_of_three(f: Function, g: Function, h: Function, x: Any) -> Pair:
    by_rule = chain_jacobians(jacobian(f, g(h(x))), jacobian(g, h(x)), jacobian(h, x))
    return jacobian(lambda x: f(g(h(x))), x), by_rule


def several_arguments(f: Function, g: Function, h: Function, x: Any) -> Pair:
    of_both: Callable[[Any, Any], jax.Array] = lambda y, z: f(jnp.stack([y, z]))  # noqa: E731 - f(y, z) as in the text
    y, z = g(x), h(x)
    by_rule = jacobian(lambda y: of_both(y, z), y) @ jacobian(g, x)
    by_rule += jacobian(lambda z: of_both(y, z), z) @ jacobian(h, x)
    return jacobian(lambda x: of_both(g(x), h(x)), x), by_rule


def total_derivative(f: Function, curve: Function, t: Any) -> Pair:
    of_f, rates = gradient(f, curve(t)), directional_derivative(curve, t, jnp.ones_like(t))
    along = directional_derivative(lambda t: f(curve(t)), t, jnp.ones_like(t))
    return along, jnp.asarray(sum(of_f[i] * rates[i] for i in range(rates.size)))


def tensor_chain(f: Function, g: Function, x: Any) -> Pair:
    whole, outer, inner = (tensor_jacobian(*each) for each in ((lambda x: f(g(x)), x), (f, g(x)), (g, x)))
    out, middle = jnp.shape(f(g(x))), jnp.shape(g(x))
    return flatten_jacobian(whole, out), chain_jacobians(flatten_jacobian(outer, out), flatten_jacobian(inner, middle))


def inverse_function(f: Function, g: Function, x: Any) -> Pair:
    """Of (u, v) ↦ (u + g(w), w), w = sinh(v) + f(u), whose inverse can be written down."""

    def forth(x: Any) -> jax.Array:
        w = jnp.sinh(x[1]) + f(x[0])
        return jnp.concatenate([x[0] + g(w), w])

    def back(y: Any) -> jax.Array:
        u = y[: y.size // 2] - g(y[y.size // 2 :])
        return jnp.concatenate([u, jnp.arcsinh(y[y.size // 2 :] - f(u))])

    return jacobian(back, forth(x)), jnp.linalg.inv(flatten_jacobian(tensor_jacobian(forth, x), (x.size,)))


def implicit_function(f: Function, g: Function, s: Function, x: Any) -> Pair:
    """F(x, y) = M(x, y)(y − s(x)) vanishes where y = s(x); |M_ij − δ_ij| < 1/2m, so that M is invertible."""
    m = jnp.size(s(x))

    def equation(x: Any, y: Any) -> jax.Array:
        M = jnp.eye(m, dtype=y.dtype) + (f(x) + g(y)) / (8.0 * m)
        found: jax.Array = M @ (y - s(x))
        return found

    y = s(x)
    by_rule = -jnp.linalg.solve(jacobian(lambda y: equation(x, y), y), jacobian(lambda x: equation(x, y), x))
    return jacobian(s, x), by_rule


def second_order_product(f: Function, g: Function, x: Any) -> Pair:
    mixed = jnp.outer(gradient(f, x), gradient(g, x))
    return hessian(lambda x: f(x) * g(x), x), g(x) * hessian(f, x) + mixed + mixed.T + f(x) * hessian(g, x)


def leibniz(f: Function, g: Function, x: Any) -> Pair:
    def up_to(f: Function) -> list[jax.Array]:
        return directional_derivatives(f, x, jnp.ones_like(x), ORDERS, "nested")

    of_f, of_g = up_to(f), up_to(g)
    by_rule = [sum(comb(n, k) * of_f[k] * of_g[n - k] for k in range(n + 1)) for n in range(ORDERS + 1)]
    return jnp.stack(up_to(lambda x: f(x) * g(x))), jnp.stack(by_rule)


def second_order_chain(f: Function, g: Function, x: Any) -> Pair:
    J, y = jacobian(g, x), g(x)
    by_rule = jnp.einsum("iab,aj,bk->ijk", hessian(f, y), J, J) + jnp.einsum(
        "ia,ajk->ijk", jacobian(f, y), hessian(g, x)
    )
    return hessian(lambda x: f(g(x)), x), by_rule
