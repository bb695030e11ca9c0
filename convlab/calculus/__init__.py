"""The lecture's calculus for any JAX function: derivatives, Taylor expansions, identities, and checks of all of them.

Outputs come first, everywhere: an index says which output, the next one along which input it is differentiated. It
knows nothing of optimization. docs/calculus.md walks through it.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from convlab.calculus.taylor import TaylorPolynomial, taylor, taylor_along  # now: the name is that of its file

if TYPE_CHECKING:
    from convlab.calculus.check import DerivativeCheck, check_derivative
    from convlab.calculus.counterexamples import flat_function, peano_function
    from convlab.calculus.derivatives import (
        flatten_jacobian,
        gradient,
        hessian,
        hessian_vector_product,
        jacobian,
        jacobian_vector_product,
        tensor_jacobian,
        unflatten_jacobian,
        value_and_gradient,
        vector_jacobian_product,
    )
    from convlab.calculus.differences import (
        DifferenceErrors,
        backward_quotient,
        central_quotient,
        complex_step,
        difference_errors,
        forward_quotient,
        ridders_quotient,
    )
    from convlab.calculus.directional import directional_derivative, directional_derivatives
    from convlab.calculus.expectation import gauss_hermite_expectation, taylor_expectation
    from convlab.calculus.graph import GraphSweep, Node, forward_graph, reverse_graph, tangent_graph
    from convlab.calculus.identities import IDENTITIES, Identity, IdentityCheck, check_identity
    from convlab.calculus.inputs import CalculusError
    from convlab.calculus.layers import Layer, Sweep, forward_sweep, reverse_sweep, tangent_sweep
    from convlab.calculus.random_functions import SmoothFunction, random_nonzero_function, random_smooth_function
    from convlab.calculus.remainder import taylor_remainder, taylor_remainders
    from convlab.calculus.rules import RULES, Rule, RuleCheck, chain_jacobians, check_rule
    from convlab.calculus.slopes import Slope, log_slope
    from convlab.calculus.steepest import SteepestAscent, steepest_ascent

# Name -> its file. Each is imported when it is asked for: a run needs four of them.
_FILES = {
    name: file
    for file, names in {
        "check": "DerivativeCheck check_derivative",
        "counterexamples": "flat_function peano_function",
        "derivatives": "flatten_jacobian gradient hessian hessian_vector_product jacobian jacobian_vector_product "
        "tensor_jacobian unflatten_jacobian value_and_gradient vector_jacobian_product",
        "differences": "DifferenceErrors backward_quotient central_quotient complex_step difference_errors "
        "forward_quotient ridders_quotient",
        "directional": "directional_derivative directional_derivatives",
        "expectation": "gauss_hermite_expectation taylor_expectation",
        "graph": "GraphSweep Node forward_graph reverse_graph tangent_graph",
        "identities": "IDENTITIES Identity IdentityCheck check_identity",
        "inputs": "CalculusError",
        "layers": "Layer Sweep forward_sweep reverse_sweep tangent_sweep",
        "random_functions": "SmoothFunction random_nonzero_function random_smooth_function",
        "remainder": "taylor_remainder taylor_remainders",
        "rules": "RULES Rule RuleCheck chain_jacobians check_rule",
        "slopes": "Slope log_slope",
        "steepest": "SteepestAscent steepest_ascent",
    }.items()
    for name in names.split()
}

__all__ = [
    "IDENTITIES",
    "RULES",
    "CalculusError",
    "DerivativeCheck",
    "DifferenceErrors",
    "GraphSweep",
    "Identity",
    "IdentityCheck",
    "Layer",
    "Node",
    "Rule",
    "RuleCheck",
    "Slope",
    "SmoothFunction",
    "SteepestAscent",
    "Sweep",
    "TaylorPolynomial",
    "backward_quotient",
    "central_quotient",
    "chain_jacobians",
    "check_derivative",
    "check_identity",
    "check_rule",
    "complex_step",
    "difference_errors",
    "directional_derivative",
    "directional_derivatives",
    "flat_function",
    "flatten_jacobian",
    "forward_graph",
    "forward_quotient",
    "forward_sweep",
    "gauss_hermite_expectation",
    "gradient",
    "hessian",
    "hessian_vector_product",
    "jacobian",
    "jacobian_vector_product",
    "log_slope",
    "peano_function",
    "random_nonzero_function",
    "random_smooth_function",
    "reverse_graph",
    "reverse_sweep",
    "ridders_quotient",
    "steepest_ascent",
    "tangent_graph",
    "tangent_sweep",
    "taylor",
    "taylor_along",
    "taylor_expectation",
    "taylor_remainder",
    "taylor_remainders",
    "tensor_jacobian",
    "unflatten_jacobian",
    "value_and_gradient",
    "vector_jacobian_product",
]


def __getattr__(name: str) -> Any:
    if name in _FILES:
        found = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_FILES[name]}"), name)
        return found
    if name.isidentifier() and not name.startswith("__") and importlib.util.find_spec(f"{__name__}.{name}"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_FILES})
