"""docs/rulings.md: its stories are those of the committed results; `python -m tests.test_rulings_page` renews them."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from convlab.cli.story import show_story
from convlab.core.results import Results
from convlab.core.theorem import Theorem
from convlab.core.verdict import RULINGS, Verdict
from convlab.lab import catalog, condense
from convlab.lab.judge import judge
from convlab.lab.story import chosen, story
from tests.experiments.committed import results_of

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "rulings.md"
PICTURE = ROOT / "results" / "rulings" / "violated"
BLOCK = re.compile(r"(<!-- generated: (story|myth)(?: ([^\n]+))? -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def printed(results: Results, theorem: Theorem, verdict: Verdict) -> str:
    """What the command prints, 100 columns wide."""
    out = io.StringIO()
    show_story(story(results, theorem, verdict), verdict, Console(file=out, width=100, color_system=None))
    return "```text\n" + "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines()) + "```\n"


def told(name: str, theorem: str, label: str) -> tuple[Verdict, str]:
    results = results_of(name)
    (verdict,) = chosen(results, theorem, label)
    return verdict, printed(results, catalog.load("theorems", theorem), verdict)


def myth() -> tuple[Results, Theorem, Verdict]:
    """The page's own theorem, ruled on a committed run; the results are what is drawn of it."""
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(program, names)
    theorem: Theorem = names["THEOREM"]
    results = results_of("acceleration_and_conditioning")
    (true,) = chosen(results, "heavy_ball_quadratic", "heavy ball, on least_squares")
    assert true.ruling == "holds"
    verdict = judge("myth:THEOREM", theorem, [results.traces[true.cells[0]]], (0,), results.kind)
    drawn = dataclasses.replace(
        results,
        title="The heavy ball's rate, taken for a bound",
        traces=(results.traces[true.cells[0]],),
        verdicts=(verdict,),
        formulas={"myth:THEOREM": theorem.formula},
        theorems={"myth:THEOREM": {**results.theorems["heavy_ball_quadratic"], "title": theorem.title}},
        landscapes=(),
    )
    return drawn, theorem, verdict


def generated(kind: str, words: str) -> str:
    if kind == "myth":
        return printed(*myth())
    name, theorem, label = words.split(" ", 2)
    return told(name, theorem, label)[1]


def renewed(text: str) -> str:
    return BLOCK.sub(lambda match: match[1] + generated(match[2], match[3] or "") + match[5], text)


def test_the_stories_are_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert renewed(text) == text, "run `python -m tests.test_rulings_page`"


def test_each_ruling_has_its_story_under_its_heading() -> None:
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert [section.splitlines()[0].lower() for section in sections] == list(RULINGS)
    for ruling, section in zip(RULINGS, sections, strict=True):
        (found,) = BLOCK.findall(section)
        assert re.match(rf"```text\n[✓✗] {ruling}  ", found[3])
        assert re.search(r"!\[[^\]]+\]\(\.\./results/", section)


def test_every_link_and_picture_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / target).is_file(), target


def test_the_myth_misses_by_the_factor_of_the_residual_polynomial() -> None:
    """Along an eigenvector the error is ρᵗ|U_t(c) − ρ U_{t−1}(c)|, |c| ≤ 1: it is off by (1 + t(1 + ρ))² at most."""
    _, _, verdict = myth()
    assert verdict.worst_t is not None
    assert verdict.worst_ratio is not None
    rho = (1 - 0.025**0.5) / (1 + 0.025**0.5)  # κ = 40
    assert 1 < verdict.worst_ratio <= (1 + verdict.worst_t * (1 + rho)) ** 2


def test_what_the_page_says_of_the_catalogue_is_true() -> None:
    """No committed experiment has a ruling "violated"."""
    for folder in sorted(path.parent.name for path in (ROOT / "results").glob("*/index.json")):
        results = results_of(folder)
        assert not [condense.shared_label(results, v) for v in results.verdicts if v.ruling == "violated"]


def _draw() -> None:
    """The picture, as far as there is something to judge."""
    from convlab.plots import _style

    results, _, verdict = myth()
    assert verdict.t is not None
    assert verdict.ratio is not None
    assert verdict.log_bound is not None
    keep = ~np.isnan(verdict.ratio)
    assert verdict.vacuous is not None
    curve = {"t": verdict.t[keep], "ratio": verdict.ratio[keep], "log_bound": verdict.log_bound[keep]}
    curve["vacuous"] = verdict.vacuous[keep]
    drawn = dataclasses.replace(results, verdicts=(dataclasses.replace(verdict, **curve),))
    PICTURE.parent.mkdir(exist_ok=True)
    _style.save(catalog.load("plots", "bound_ratio")(drawn), PICTURE)


if __name__ == "__main__":
    _draw()
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
