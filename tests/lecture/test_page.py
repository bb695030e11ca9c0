"""docs/calculus.md: every line of code on it runs and prints what it says; `python -m tests.lecture.test_page` renews
the list at its end."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import jax

from convlab.lecture.contents import ITEMS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "calculus.md"
BLOCK = re.compile(r"(<!-- generated: contents -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def contents() -> str:
    """Each item with its functions, its tests, its command and what it draws."""
    rows = ["| the lecture | in `convlab.calculus` | tests | to run | to look at |", "| --- | --- | --- | --- | --- |"]
    for item in ITEMS:
        functions = ", ".join(f"`{name}`" for name in item.functions)
        look = [f"[figure](../results/calculus/{item.name}.svg)"] if item.figure else []
        if item.experiment:
            look.append(f"[{item.experiment}](../results/{item.experiment}/README.md)")
        tests = f"[{Path(item.tests).name}](../{item.tests})"
        seen = ", ".join(look) or "its table"
        rows.append(f"| {item.title} | {functions} | {tests} | `convlab calculus {item.name}` | {seen} |")
    return "\n".join(rows) + "\n"


def renewed(text: str) -> str:
    return BLOCK.sub(lambda match: match[1] + contents() + match[3], text)


def test_every_line_of_code_prints_what_the_page_says() -> None:
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE))
    page = doctest.DocTestParser().get_doctest(code, {}, PAGE.name, str(PAGE), 0)
    assert len(page.examples) > 40
    before = jax.config.jax_enable_x64
    told: list[str] = []
    try:
        results = doctest.DocTestRunner(verbose=False).run(page, out=told.append)
    finally:
        jax.config.update("jax_enable_x64", before)
    assert results.failed == 0, "".join(told)


def test_the_list_at_the_end_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert renewed(text) == text, "run `python -m tests.lecture.test_page`"


def test_every_link_and_picture_is_there_and_every_item_is_named() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (PAGE.parent / target).is_file(), target
    for item in ITEMS:
        assert f"convlab calculus {item.name}" in text.replace("\n", " ")


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
