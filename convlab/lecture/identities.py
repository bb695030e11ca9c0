"""Identities of matrix calculus, among them (5.99)–(5.108) of *Mathematics for Machine Learning*, outputs first.

The table has a line for each: its formula, where it is valid, the largest relative error of the closed form against
automatic differentiation over random inputs of every size, and the largest condition number where something is
inverted. The closed forms are computed with numpy alone.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from convlab.calculus.identities import IDENTITIES, Identity, IdentityCheck, check_identity
from convlab.calculus.identities.check import LARGEST, TOLERANCE
from convlab.calculus.inputs import CalculusError, whole
from convlab.lecture.shown import Shown, digits

_NEAREST = 3  # names that an error line offers


def run(sizes: int = LARGEST, seed: int = 0, names: tuple[str, ...] = ()) -> Shown:
    """Check the identities of these names (all of them where none is given) at the sizes 1, …, ``sizes``."""
    largest = whole("identities", sizes, "sizes", 1, LARGEST)
    chosen = _chosen(names)
    checks = [check_identity(identity, range(1, largest + 1), seed) for identity in chosen]
    rows = tuple(_row(identity, check) for identity, check in zip(chosen, checks, strict=True))
    return Shown(
        ("number", "name", "formula", "valid where", "rel. error", "cond.", "sizes", "holds"),
        rows,
        (*_notes(checks), *(check.why for check in checks if not check.holds)),
        well=all(check.holds for check in checks),
    )


def _chosen(names: Sequence[str]) -> list[Identity]:
    """In the order of the list, each once; a number such as 5.103 is also a name."""
    known = {identity.name: identity for identity in IDENTITIES}
    numbers = {identity.number: identity.name for identity in IDENTITIES if identity.number}
    wanted = set()
    for name in names:
        name = numbers.get(name, name)
        if name not in known:
            near = difflib.get_close_matches(name, [*known, *numbers], n=_NEAREST, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else "without --name all are listed"
            raise CalculusError(f"identities: there is no identity '{name[:60]}'; {hint}")
        wanted.add(name)
    return [identity for identity in IDENTITIES if not names or identity.name in wanted]


def _row(identity: Identity, check: IdentityCheck) -> tuple[str, ...]:
    condition = "" if check.condition is None else f"{check.condition:.1f}"
    sizes = f"1–{check.sizes[-1]}" if len(check.sizes) > 1 else "1"
    verdict = "yes" if check.holds else "NO"
    return (
        identity.number,
        identity.name,
        identity.text,
        identity.conditions,
        digits(check.error),
        condition,
        sizes,
        verdict,
    )


def _notes(checks: Sequence[IdentityCheck]) -> tuple[str, ...]:
    worst = max(checks, key=lambda check: check.error)
    held = sum(check.holds for check in checks)
    return (
        "Outputs first: ∂f_ij/∂X_kl stands at [i, j, k, l]. Numbers are those of Mathematics for Machine Learning, "
        "section 5.5.",
        f"Relative error: the largest ‖autodiff − closed form‖/‖closed form‖. It may be {TOLERANCE:.0e}, times the "
        "condition number (cond.) where something is inverted.",
        f"{held} of {len(checks)} hold; the largest error is {digits(worst.error)}, of {worst.name}.",
    )
