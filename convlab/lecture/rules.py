"""Sum, product, quotient and chain rule, for functions of several inputs and outputs, and for partial derivatives.

The table has a line for each rule: its formula, the largest difference of its two sides over random smooth functions
and points, relative to the largest entry, and which sizes were tried. Both sides are computed by automatic
differentiation: the left one of the combination, the right one of its parts.
"""

from __future__ import annotations

from convlab.calculus.rules import RULES, RuleCheck, check_rule
from convlab.lecture.shown import Shown, digits


def run() -> Shown:
    checks = [check_rule(rule) for rule in RULES]
    rows = tuple(
        (check.rule.name, check.rule.text, digits(check.error), _sizes(check), "yes" if check.holds else "NO")
        for check in checks
    )
    worst = max(checks, key=lambda check: check.error)
    return Shown(
        ("rule", "formula", "error", "sizes tried", "holds"),
        rows,
        (
            "Outputs first: J[i, j] = ∂f_i/∂x_j, ∇f is a row. Functions have n inputs and m outputs, with l and k in "
            f"between; of every size {worst.draws} sets of random functions were tried.",
            "Error: the largest difference of the two sides, relative to the largest entry. A rule holds within "
            f"{digits(worst.tolerance)}; the largest error is {digits(worst.error)}, "
            f"of '{worst.rule.name}'.",
        ),
        well=all(check.holds for check in checks),
    )


def _sizes(check: RuleCheck) -> str:
    """As "n,m: 1,1  2,3"; a rule for numbers alone has no sizes."""
    if not check.letters:
        return "numbers"
    tried = ("".join(str(getattr(sizes, letter)) + "," for letter in check.letters)[:-1] for sizes in check.shapes)
    return f"{','.join(check.letters)} = " + "  ".join(tried)
