"""The pages made from bench.json: results/benchmarks/README.md, and the table in the notes beside this file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks import figure
from tests.benchmarks.table import contender_rows, goal_rows

NOTES = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- generated: goals -->", "<!-- end of what is generated -->"


def write(record: Mapping[str, Any], out: Path, notes: bool) -> list[Path]:
    """README.md and bench.svg/.png in ``out``; with ``notes`` also the goals in tests/benchmarks/README.md."""
    drawn = figure.draw(record, out / "bench")
    page = out / "README.md"
    page.write_text("\n".join(_page(record, bool(drawn))) + "\n", encoding="utf-8")
    written = [out / "bench.json", page, *drawn]
    if notes and NOTES.is_file():
        text = NOTES.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        if rest:
            table = "\n".join(_goals(record))
            NOTES.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")
            written.append(NOTES)
    return written


def _page(record: Mapping[str, Any], drawn: bool) -> Iterator[str]:
    yield from (
        "# Benchmarks",
        "",
        "Written by `make bench`; what is compared, and how fair that is, stands in",
        "[tests/benchmarks](../../tests/benchmarks/README.md). Medians of interleaved rounds in one warm process,",
        "after what was computed has been compared. Ratios hold better than times: they are taken round by round.",
        "",
        "## Goals",
        "",
    )
    yield from _goals(record)
    if drawn:
        yield from ("", "![ns per step and run of each contender, and over sizes](bench.svg)")
    for key, work in record["works"].items():
        yield from ("", f"## {key}: {work['title']}", "")
        if "failed" in work:
            yield f"Not measured on {work['date']}: {work['failed']}"
            continue
        yield from _work(work)


def _goals(record: Mapping[str, Any]) -> Iterator[str]:
    yield "| goal | cores | limit | measured | min – max | |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for row in goal_rows(record):
        yield f"| {' | '.join(_cell(cell) for cell in row)} |"


def _work(work: Mapping[str, Any]) -> Iterator[str]:
    count = max((len(each.get("rounds", ())) for each in work["contenders"]), default=0)
    small = "; a small size, to try it" if work["quick"] else ""
    versions = ", ".join(f"{name} {version}" for name, version in work["versions"].items())
    yield f"{work['date']}, {work['machine']}, {work['threads']} cores, {count} rounds{small}; {versions}."
    over = f"{work['baseline']} / it" if work["baseline"] else ""
    yield from ("", f"| contender | {work['unit']} | min – max | {over} | compared; what it did |")
    yield "| --- | ---: | ---: | ---: | --- |"
    for *cells, _ in contender_rows(work):
        yield f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
