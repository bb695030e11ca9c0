"""The items of the lecture, in its order: which functions each is about, and where it can be run and looked at.

An item is a file of this folder with a function ``run() -> Shown`` and, where there is a picture, ``draw() -> Figure``.
This list is plain data, so that ``convlab calculus`` can print it at once.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """One part of the lecture: ``functions`` of convlab.calculus, the file of its tests, whether it has a figure."""

    name: str
    title: str
    formula: str  # LaTeX
    functions: tuple[str, ...]
    tests: str
    figure: bool = False
    experiment: str = ""  # an experiment that shows it along real runs


ITEMS = (
    Item(
        "difference_quotient",
        "The derivative as the limit of difference quotients",
        r"\frac{df}{dx}=\lim_{h\to0}\frac{f(x+h)-f(x)}{h},\qquad\frac{d}{dx}x^n=n\,x^{n-1}",
        (
            *("check_derivative", "difference_errors", "forward_quotient", "backward_quotient", "central_quotient"),
            *("ridders_quotient", "complex_step", "log_slope"),
        ),
        "tests/calculus/test_check.py",
        figure=True,
    ),
    Item(
        "rules",
        "Product, quotient, sum and chain rule, with several inputs and outputs",
        r"J_{f\circ g}(x)=J_f(g(x))\,J_g(x)",
        ("RULES", "check_rule", "chain_jacobians", "random_smooth_function", "random_nonzero_function"),
        "tests/calculus/test_rules.py",
    ),
    Item(
        "gradient",
        "Partial derivatives; the gradient as a row",
        r"\nabla f(x)=\left(\frac{\partial f}{\partial x_1},\dots,\frac{\partial f}{\partial x_n}\right)",
        ("gradient", "value_and_gradient"),
        "tests/calculus/test_derivatives.py",
    ),
    Item(
        "steepest_ascent",
        "The gradient is the direction of steepest ascent",
        r"\arg\max_{\|u\|=1}f(x+hu)\;\to\;\frac{\nabla f(x)}{\|\nabla f(x)\|}",
        ("steepest_ascent",),
        "tests/calculus/test_steepest.py",
        figure=True,
    ),
    Item(
        "jacobian",
        "The Jacobian, its products with vectors, and df/dt",
        r"J_{ij}=\frac{\partial f_i}{\partial x_j},"
        r"\qquad\frac{df}{dt}=\sum_i\frac{\partial f}{\partial x_i}\frac{dx_i}{dt}",
        ("jacobian", "jacobian_vector_product", "vector_jacobian_product"),
        "tests/calculus/test_derivatives.py",
    ),
    Item(
        "tensor_jacobian",
        "The derivative of a matrix by a matrix, and its flattening",
        r"J_{ijkl}=\frac{\partial A_{ij}}{\partial B_{kl}}\in\mathbb{R}^{p\times q\times m\times n}",
        ("tensor_jacobian", "flatten_jacobian", "unflatten_jacobian"),
        "tests/calculus/test_derivatives.py",
    ),
    Item(
        "identities",
        "Identities of matrix calculus: closed forms against automatic differentiation",
        r"\frac{\partial}{\partial X}a^\top X^{-1}b=-X^{-\top}a\,b^\top X^{-\top}",
        ("IDENTITIES", "check_identity"),
        "tests/calculus/test_identities.py",
    ),
    Item(
        "backpropagation",
        "A chain of layers, backward with its intermediate derivatives and forward with tangents",
        r"\frac{\partial\ell}{\partial\theta_i}=\frac{\partial\ell}{\partial x_K}"
        r"\frac{\partial x_K}{\partial x_{K-1}}\cdots"
        r"\frac{\partial x_{i+1}}{\partial x_i}\frac{\partial x_i}{\partial\theta_i}",
        (
            *("Layer", "forward_sweep", "reverse_sweep", "tangent_sweep"),
            *("Node", "forward_graph", "reverse_graph", "tangent_graph"),
        ),
        "tests/calculus/test_layers.py",
    ),
    Item(
        "modes",
        "Forward against reverse mode: which is faster, by the numbers of inputs and outputs",
        r"\text{forward: }n\text{ sweeps},\qquad\text{reverse: }m\text{ sweeps}",
        ("jacobian",),
        "tests/calculus/test_derivatives.py",
        figure=True,
    ),
    Item(
        "hessian",
        "The Hessian, symmetric, of one output and of several",
        r"H_{ijk}=\frac{\partial^2f_i}{\partial x_j\,\partial x_k}",
        ("hessian", "hessian_vector_product"),
        "tests/calculus/test_derivatives.py",
    ),
    Item(
        "taylor",
        "Taylor polynomials of one variable, and the order of their remainder",
        r"T_n(x)=\sum_{k=0}^n\frac{f^{(k)}(x_0)}{k!}(x-x_0)^k",
        ("taylor", "taylor_remainder", "taylor_remainders"),
        "tests/calculus/test_taylor.py",
        figure=True,
    ),
    Item(
        "multivariate_taylor",
        "Taylor expansions of several variables: tensors, directional derivatives, linear and quadratic models",
        r"f(x_0+\delta)=\sum_k\frac{D^kf(x_0)\,\delta^k}{k!},\qquad\delta^k=\delta\otimes\dots\otimes\delta",
        ("taylor", "taylor_along", "directional_derivatives", "directional_derivative", "taylor_remainder"),
        "tests/calculus/test_taylor.py",
        figure=True,
        experiment="quadratic_model",
    ),
    Item(
        "taylor_expectation",
        "Expectations of functions of Gaussian variables by Taylor expansion",
        r"\mathbb{E}f(x)\approx\sum_{m}\frac{1}{2^m m!}\Bigl(\sum_{ij}\Sigma_{ij}\partial_i\partial_j\Bigr)^mf(\mu)",
        ("taylor_expectation", "gauss_hermite_expectation"),
        "tests/calculus/test_expectation.py",
        figure=True,
    ),
    Item(
        "counterexamples",
        "Where care is needed: one-sided limits, smooth but not analytic, mixed derivatives that differ",
        r"e^{-1/x^2},\qquad\frac{xy(x^2-y^2)}{x^2+y^2}",
        ("flat_function", "peano_function"),
        "tests/calculus/test_counterexamples.py",
    ),
)
