"""Pages about all there is, generated: the theorems of the catalogue, and the experiments with their rulings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from convlab.core.results import Results
from convlab.core.theorem import SENSES, Theorem

_SENSES = {**SENSES, "every run": "every run"}


def theorem_list(theorems: Iterable[tuple[str, Theorem]]) -> str:
    """The theorems as Markdown: what is proved, of what, under which hypotheses, and where it is attained."""
    found = list(theorems)
    parts = [
        "# The theorems",
        f"Generated from the {len(found)} files of this folder. `convlab explain NAME` prints one; every bound is held "
        "against its instance in the tests, where it must hold, and half of what it reaches must be ruled violated.",
    ]
    parts += [_entry(name, theorem) for name, theorem in found]
    return "\n\n".join(parts) + "\n"


def _entry(name: str, theorem: Theorem) -> str:
    bound = "lower bound" if theorem.kind == "lower" else "upper bound"
    rate = f", rate {theorem.rate.written}" if theorem.rate else ""
    facts = f"{bound} on {theorem.quantity} of the output `{theorem.output}`, {_SENSES[theorem.sense]}, {theorem.valid}"
    reach = (
        "its instance attains it"
        if theorem.instance.reaches == 1.0
        else f"its instance reaches {theorem.instance.reaches:g}"
    )
    lines = [
        f"## {name}",
        f"{theorem.title}: {facts}{rate}.",
        f"$$\n{theorem.statement}\n$$",
        "Needs " + "; ".join(assumption.words for assumption in theorem.assumes) + ".",
        f"Source: {theorem.source}. {reach[0].upper()}{reach[1:]} of the bound: {theorem.instance.note}."
        if theorem.instance.reaches != 1.0
        else f"Source: {theorem.source}. {reach[0].upper()}{reach[1:]}: {theorem.instance.note}.",
    ]
    return "\n\n".join(lines)


def experiment_list(results: Iterable[Results]) -> str:
    """The committed experiments as Markdown: title, rulings, and a link to each page."""
    rows = []
    for found in results:
        rulings = Counter(verdict.ruling for verdict in found.verdicts)
        words = ", ".join(f"{count} × {ruling}" for ruling, count in rulings.most_common())
        rows.append(f"| [{found.name}]({found.name}/README.md) | {found.title} | {found.kind} | {words} |")
    head = "| experiment | hypothesis | kind | rulings, each as claimed |\n| --- | --- | --- | --- |"
    return "\n".join(["# The experiments", "", head, *rows]) + "\n"
