"""The rules of differentiation, each a record: its formula, what it is about, its two sides. Outputs first: an entry of
a derivative is named by its output, then by its inputs. `rules` checks them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convlab.calculus import _rule_sides as of
from convlab.calculus._rule_sides import Pair


@dataclass(frozen=True)
class Rule:
    """``sides(*functions, x)`` gives the two sides that the rule says are equal, derivatives with outputs first: what
    automatic differentiation finds for the combination, and what the rule makes of the derivatives of the parts.

    ``functions`` says from where to where each function goes: "n->lm" takes shape (n,) and gives (l, m), "->" is a
    number's function of a number; with ", nonzero" it stays away from zero. ``at`` is the shape of x, that of the last
    function's input where it is empty.
    """

    name: str
    formula: str  # LaTeX
    text: str
    functions: tuple[str, ...]
    sides: Callable[..., Pair]
    at: str = ""


RULES: tuple[Rule, ...] = (
    Rule("sum", r"J_{f+g}=J_f+J_g", "J_(f+g) = J_f + J_g", ("n->m", "n->m"), of.sum_of_two),
    Rule(
        "linearity",
        r"J_{\alpha f+\beta g}=\alpha J_f+\beta J_g",
        "J_(αf+βg) = α J_f + β J_g",
        ("n->m", "n->m"),
        of.linearity,
    ),
    Rule("product", r"\nabla(fg)=g\,\nabla f+f\,\nabla g", "∇(f g) = g ∇f + f ∇g", ("n->", "n->"), of.product),
    Rule(
        "scalar times vector",
        r"J_{fg}=g\,\nabla f+f\,J_g",
        "J_(f g) = g ∇f + f J_g, f a number, g a column, ∇f a row",
        ("n->", "n->m"),
        of.scalar_times_vector,
    ),
    Rule(
        "inner product",
        r"\nabla(f^\top g)=g^\top J_f+f^\top J_g",
        "∇(fᵀg) = gᵀJ_f + fᵀJ_g",
        ("n->m", "n->m"),
        of.inner_product,
    ),
    Rule(
        "elementwise product",
        r"J_{f\odot g}=\operatorname{diag}(g)J_f+\operatorname{diag}(f)J_g",
        "J_(f⊙g) = diag(g) J_f + diag(f) J_g",
        ("n->m", "n->m"),
        of.elementwise_product,
    ),
    Rule(
        "product of matrices",
        r"\frac{\partial(AB)}{\partial x_j}=\frac{\partial A}{\partial x_j}B+A\frac{\partial B}{\partial x_j}",
        "∂(AB)/∂x_j = (∂A/∂x_j) B + A (∂B/∂x_j)",
        ("n->ml", "n->lk"),
        of.matrix_product,
    ),
    Rule(
        "quotient",
        r"J_{f/g}=\frac{g\,J_f-f\,\nabla g}{g^2}",
        "J_(f/g) = (g J_f − f ∇g) / g², g a number, not 0",
        ("n->m", "n->, nonzero"),
        of.quotient,
    ),
    Rule(
        "partial derivative of a sum",
        r"\frac{\partial(f+g)}{\partial x_j}=\frac{\partial f}{\partial x_j}+\frac{\partial g}{\partial x_j}",
        "∂(f + g)/∂x_j = ∂f/∂x_j + ∂g/∂x_j",
        ("n->", "n->"),
        of.partial_sum,
    ),
    Rule(
        "partial derivative of a product",
        r"\frac{\partial(fg)}{\partial x_j}=\frac{\partial f}{\partial x_j}g+f\frac{\partial g}{\partial x_j}",
        "∂(f g)/∂x_j = (∂f/∂x_j) g + f (∂g/∂x_j)",
        ("n->", "n->"),
        of.partial_product,
    ),
    Rule(
        "partial derivative of a quotient",
        r"\frac{\partial(f/g)}{\partial x_j}"
        r"=\frac1{g^2}\Bigl(\frac{\partial f}{\partial x_j}g-f\frac{\partial g}{\partial x_j}\Bigr)",
        "∂(f/g)/∂x_j = ((∂f/∂x_j) g − f (∂g/∂x_j)) / g²",
        ("n->", "n->, nonzero"),
        of.partial_quotient,
    ),
    Rule(
        "partial derivative of a chain",
        r"\frac{\partial(f\circ g)_i}{\partial x_j}"
        r"=\sum_k\frac{\partial f_i}{\partial g_k}\frac{\partial g_k}{\partial x_j}",
        "∂(f∘g)_i/∂x_j = Σ_k (∂f_i/∂g_k) (∂g_k/∂x_j)",
        ("l->m", "n->l"),
        of.partial_chain,
    ),
    Rule("chain", r"J_{f\circ g}(x)=J_f(g(x))\,J_g(x)", "J_(f∘g) = J_f J_g", ("l->m", "n->l"), of.chain),
    Rule(
        "chain of three",
        r"J_{f\circ g\circ h}=J_f\,J_g\,J_h",
        "J_(f∘g∘h) = J_f J_g J_h",
        ("k->m", "l->k", "n->l"),
        of.chain_of_three,
    ),
    Rule(
        "several arguments",
        r"\frac{d}{dx}f(g(x),h(x))=\frac{\partial f}{\partial g}J_g+\frac{\partial f}{\partial h}J_h",
        "J of f(g(x), h(x)) = (∂f/∂g) J_g + (∂f/∂h) J_h",
        ("2l->m", "n->l", "n->l"),
        of.several_arguments,
    ),
    Rule(
        "total derivative",
        r"\frac{d}{dt}f(x(t))=\sum_i\frac{\partial f}{\partial x_i}\frac{dx_i}{dt}",
        "df/dt = Σ_i (∂f/∂x_i) (dx_i/dt)",
        ("n->", "->n"),
        of.total_derivative,
    ),
    Rule(
        "chain of tensor functions",
        r"\operatorname{mat}J_{f\circ g}=\operatorname{mat}J_f\,\operatorname{mat}J_g",
        "flattened J_(f∘g) = flattened J_f · flattened J_g",
        ("kl->mk", "nm->kl"),
        of.tensor_chain,
    ),
    Rule(
        "inverse function",
        r"J_{f^{-1}}(f(x))=J_f(x)^{-1}",
        "J_(f⁻¹) = (J_f)⁻¹",
        ("n->n", "n->n"),
        of.inverse_function,
        at="2n",
    ),
    Rule(
        "implicit function",
        r"F(x,y(x))=0:\quad J_y=-\Bigl(\frac{\partial F}{\partial y}\Bigr)^{-1}\frac{\partial F}{\partial x}",
        "F(x, y(x)) = 0: J_y = −(∂F/∂y)⁻¹ ∂F/∂x",
        ("n->mm", "m->mm", "n->m"),
        of.implicit_function,
    ),
    Rule(
        "product, second order",
        r"\nabla^2(fg)=g\,\nabla^2f+\nabla f^\top\nabla g+\nabla g^\top\nabla f+f\,\nabla^2g",
        "∇²(f g) = g ∇²f + ∇fᵀ∇g + ∇gᵀ∇f + f ∇²g",
        ("n->", "n->"),
        of.second_order_product,
    ),
    Rule(
        "Leibniz",
        r"(fg)^{(n)}=\sum_{k=0}^n\binom nk f^{(k)}g^{(n-k)}",
        f"(f g)⁽ⁿ⁾ = Σ_k (n over k) f⁽ᵏ⁾ g⁽ⁿ⁻ᵏ⁾, n = 0 … {of.ORDERS}",
        ("->", "->"),
        of.leibniz,
    ),
    Rule(
        "chain, second order",
        r"\nabla^2(f\circ g)_i=J_g^\top\,\nabla^2f_i\,J_g+\sum_k\frac{\partial f_i}{\partial g_k}\nabla^2g_k",
        "∇²(f∘g)_i = J_gᵀ ∇²f_i J_g + Σ_k (∂f_i/∂g_k) ∇²g_k",
        ("l->m", "n->l"),
        of.second_order_chain,
    ),
)
