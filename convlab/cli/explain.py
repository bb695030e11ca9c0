"""What one plug-in is: a theorem with its assumptions and instance, all else with its parameters.

Nothing is run; of a problem its example is built, to tell how its minimum is known.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from convlab.core.errors import ConvlabError
from convlab.lab.catalog import CATALOG
from convlab.lab.faults import given, one_line
from convlab.lab.signature import Parameter, PlugIn, described
from convlab.lab.spec import FROM_PROBLEM

if TYPE_CHECKING:
    from convlab.core.theorem import Theorem

_KEPT = 100  # columns of an explanation, at most
_OPTAX_PAGES = "https://optax.readthedocs.io/en/latest/api/optimizers.html"


def explain(name: str, allow_code: bool) -> None:
    """Everything of this name; ConvlabError with the nearest name where there is nothing."""
    if ":" in name:  # code from outside: only a theorem says more than its signature
        _show_theorem(PlugIn("theorems", name), allow_code)
        return
    for number, found in enumerate(CATALOG.named(name)):
        if number:
            click.echo()
        if found.fault:
            raise ConvlabError(f"{found.kind[:-1]} '{name}' cannot be used: {found.path}: {found.fault}")
        if found.kind == "theorems":
            _show_theorem(found, allow_code)
        elif found.parameters is None:
            _show_optax(name)
        else:
            _show_plug_in(found, found.parameters)


def _show_plug_in(found: PlugIn, parameters: tuple[Parameter, ...]) -> None:
    click.echo(click.style(f"{found.name}: {found.kind[:-1]}", bold=True))
    for line in _paragraphs(found.doc):
        click.echo(f"  {line}".rstrip())
    takes = [] if found.kind == "plots" else [one for one in parameters if one.name not in FROM_PROBLEM]
    rows = [] if found.kind == "plots" else [("takes", "\n".join(_taken(one) for one in takes) or "no parameters")]
    if found.kind == "optimizers":
        rows.append(("oracle", f"{_oracle(found.constants.get('ORACLE'))}, unless an experiment names another"))
    if traits := found.constants.get("TRAITS"):
        rows.append(("traits", traits if isinstance(traits, str) else ", ".join(sorted(traits))))
    if found.kind == "problems":
        rows.append(("minimum", _minimum(found)))
    _show_rows([*rows, ("file", str(found.path))])


def _minimum(found: PlugIn) -> str:
    """How R* is known of the problem's own example."""
    from convlab.lab.minimum import told

    example = found.constants["EXAMPLE"]
    of = ", ".join(f"{name} = {given(value)}" for name, value in example.items()) if isinstance(example, dict) else ""
    return f"{told(CATALOG.load('problems', found.name)(**example))}\n(of the example {of})"


def _taken(parameter: Parameter) -> str:
    """A parameter, what it takes, and its default."""
    default = parameter.default
    if parameter.required:
        end = "required"
    elif default is None:
        end = "optional"
    else:
        end = f"default {given(list(default) if isinstance(default, tuple) else default)}"
    return f"{parameter.name}: {described(parameter.forms)}; {end}"


def _oracle(asked: Any) -> str:
    if not isinstance(asked, dict):
        return "exact"
    return ", ".join([str(asked.get("name")), *(f"{key} = {given(v)}" for key, v in asked.items() if key != "name")])


def _show_optax(name: str) -> None:
    click.echo(click.style(f"{name}: optimizer", bold=True))
    _show_rows(
        [
            ("of", f"optax, which documents it: {_OPTAX_PAGES}"),
            ("takes", "its own parameters by name, such as learning_rate = 0.03 or learning_rate = '1/L'"),
            ("oracle", "exact, unless an experiment names another"),
            ("help", f"python -c 'import optax; help({name})'"),
        ]
    )


def _show_theorem(found: PlugIn, allow_code: bool) -> None:
    from convlab.core.theorem import SENSES

    theorem: Theorem = CATALOG.load("theorems", found.name, allow_code)
    click.echo(click.style(f"{found.name}: {theorem.title}", bold=True))
    sense = SENSES[theorem.sense]
    _show_rows(
        [
            ("states", theorem.statement),
            ("of", f"{theorem.quantity} at the output '{theorem.output}', {theorem.valid}, {sense}"),
            ("kind", f"{theorem.kind} bound" + (f"; its rate is {theorem.rate.written}" if theorem.rate else "")),
            ("needs", "\n".join(assumption.words for assumption in theorem.assumes)),
            ("constants", ", ".join(theorem.constants) or "none"),
            ("source", theorem.source),
            ("instance", _instance(theorem)),
            ("file", found.name if found.path is None else str(found.path)),
        ]
    )


def _instance(theorem: Theorem) -> str:
    """The instance in the words of an experiment file, and what it reaches."""
    instance = theorem.instance
    tables = [f"{key}: {_table(value)}" for key, value in instance.spec.items()]
    reaches = "attains the bound" if instance.reaches == 1 else f"reaches {instance.reaches:.4g} of the bound"
    return "\n".join([*tables, f"{reaches}: {instance.note}"])


def _table(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {one}" for key, one in value.items())
    return str(value)


def _show_rows(rows: Iterable[tuple[str, str]]) -> None:
    """What, and the text on it in lines that fit; a file's path stays whole."""
    for what, text in rows:
        parts = text.splitlines() or [""]
        wrapped = [line for part in parts for line in ([part] if what in ("file", "help") else _wrapped(part, 12))]
        for number, line in enumerate(wrapped):
            click.echo(f"{what if number == 0 else '':<10}  {line}")


def _paragraphs(doc: str) -> list[str]:
    """A docstring in lines that fit; an indented or an example's line stays as it is."""
    lines: list[str] = []
    for paragraph in doc.strip().split("\n\n"):
        listed = paragraph.splitlines()
        verbatim = any(line.startswith((" ", ">>>")) for line in listed)
        lines += [*([""] if lines else []), *(listed if verbatim else _wrapped(" ".join(listed), 2))]
    return [one_line(line) for line in lines]


def _wrapped(text: str, indent: int) -> list[str]:
    columns = min(_KEPT, max(shutil.get_terminal_size((_KEPT, 24)).columns, 40))
    return textwrap.wrap(text, columns - indent, break_long_words=False, break_on_hyphens=False) or [""]
