r"""A theorem's formula for the terminal: mathtext as one line of plain characters."""

from __future__ import annotations

import re

_WORDS = {
    **{"eta": "η", "mu": "μ", "kappa": "κ", "lambda": "λ", "rho": "ρ", "sigma": "σ", "theta": "θ", "alpha": "α"},
    **{"delta": "δ", "Delta": "Δ"},
    **{"Gamma": "Γ", "sum": "Σ", "approx": " ≈ ", "leq": " ≤ ", "Vert": "‖", "|": "‖", "inf": "inf ", "in": " ∈ "},
    **{"max": "max", "ln": "ln", "{": "{", "}": "}", ",": " ", " ": " ", "left": "", "right": "", "le": " ≤ "},
}
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_OPEN, _CLOSE = "\x01", "\x02"  # round a fraction, until it is known what stands beside it
_FACTOR = r"[\w(√‖|𝓛{]"
_ENDED = r"[\w)²³⁴*}𝓛]"
_ATOM = re.compile(r"√?([A-Za-z\u0370-\u03ff𝓛]|[0-9.]+|\([^()]*\)|‖[^‖]*‖)[²³⁴*]*(_(\w|\([^()]*\)))?[²³⁴*]*")


def plain(mathtext: str) -> str:
    r"""The formula without markup; a command that is not known here stays as it is written.

    >>> plain(r"$\frac{LD^2}{2}\,\max\{\frac{1}{2Th+1},\,(1-h)^{2T}\},\ h=\eta L$")
    '(LD²/2) max{1/(2Th + 1), (1 − h)^(2T)}, h = ηL'
    >>> plain(r"$\frac{D^2}{2\eta(1-2\eta\mathcal{L})T}+\frac{\eta\sigma_*^2}{1-2\eta\mathcal{L}}$")
    'D²/(2η(1 − 2η𝓛)T) + ησ*²/(1 − 2η𝓛)'
    """
    text, _ = _row(mathtext.strip("$"), 0)
    beside = rf"(?<={_ENDED}){_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}"
    followed = rf"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}(?=\s?{_FACTOR}|\^)"
    before = ""
    while before != text:  # from the inmost fraction outwards
        before = text
        text = re.sub(beside, r"(\1)", re.sub(followed, r"(\1)", text))
        text = re.sub(f"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}", r"\1", text) if text == before else text
    text = re.sub(r"(?<=[\w)²³⁴*}|‖])\s*([-+=])\s*(?=[\w(√|‖])", r" \1 ", text)
    return re.sub(r"\s+", " ", re.sub(r",(?=\S)", ", ", text)).replace("-", "−").strip()


def _row(text: str, at: int) -> tuple[str, int]:
    """What stands from ``at`` to the end of its group, and where that is."""
    parts: list[str] = []
    while at < len(text) and text[at] != "}":
        mark = text[at]
        piece, at = _argument(text, at + (mark in "^_"))
        parts.append(_script(mark, piece) if mark in "^_" else piece)
    return "".join(parts), at


def _argument(text: str, at: int) -> tuple[str, int]:
    """One group, command or character, and where it ends."""
    if text[at] == "{":
        inner, end = _row(text, at + 1)
        return inner, end + 1
    if text[at] != "\\":
        return text[at], at + 1
    found = re.match(r"[A-Za-z]+\s*|.", text[at + 1 :])
    name = found[0] if found else ""
    after, name = at + 1 + len(name), name.strip() or " "
    if name == "frac":
        above, after = _argument(text, after)
        below, after = _argument(text, after)
        return f"{_OPEN}{_term(above)}/{_atom(below)}{_CLOSE}", after
    if name in ("sqrt", "mathcal", "mathrm"):
        inner, after = _argument(text, after)
        return {"sqrt": f"√{_atom(inner)}", "mathcal": "𝓛", "mathrm": f" {inner.strip()} "}[name], after
    return _WORDS.get(name, f"\\{name} "), after


def _atom(text: str) -> str:
    """The text in parentheses, unless it is one symbol or number."""
    return text if _ATOM.fullmatch(text) else f"({text.strip()})"


def _term(text: str) -> str:
    """The text in parentheses where it is a sum."""
    outside, before = text, ""
    while before != outside:
        before, outside = outside, re.sub(r"\([^()]*\)", "", outside)
    return f"({text})" if re.search(r"[-+]", outside) else text


def _script(mark: str, inner: str) -> str:
    if inner == "*":
        return inner
    if mark == "^" and inner.isdecimal():
        return inner.translate(_RAISED)
    return mark + _atom(inner)
