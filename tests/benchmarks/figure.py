"""The figure: what a step of a run costs each contender, and how that scales."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from convlab.plots import _style

_AXES = {"T": "horizon T", "runs": "runs at once", "d": "dimension d", "n": "rows n", "batch": "rows of a batch"}
_STARTS_AT_ONE = ("d", "batch")  # the axes along which a step has more to do: slope 1 is drawn


def draw(record: Mapping[str, Any], path_without_suffix: Path) -> tuple[Path, ...]:
    """Writes SVG and PNG; nothing where nothing was measured."""
    bars = {
        key: work
        for key, work in record["works"].items()
        if work.get("unit") == "ns/step/run" and not work["axes"] and any("rounds" in c for c in work["contenders"])
    }
    curves = next(
        (work for work in record["works"].values() if work.get("axes", {}).get("T", {}).get("numba") == []), None
    )
    if not bars and curves is None:
        return ()
    with _style.style():
        heights = [1.0 + 0.24 * _measured(work) for work in bars.values()]
        figure = Figure(figsize=(9.6, sum(heights) + (5.2 if curves else 0.2)), layout="constrained")
        parts = figure.subfigures(
            2 if bars and curves else 1, 1, height_ratios=[sum(heights), 5.0][: 2 if curves and bars else 1]
        )
        above, below = parts if bars and curves else (parts, parts)
        if bars:
            axes = above.subplots(len(bars), 1, squeeze=False, height_ratios=heights)[:, 0]
            for place, (key, work) in zip(axes, bars.items(), strict=True):
                _bars(place, key, work)
        if curves:
            _curves(below, curves)
    return _style.save(figure, path_without_suffix)


def _measured(work: Mapping[str, Any]) -> int:
    return sum("rounds" in each for each in work["contenders"])


def _bars(place: Axes, key: str, work: Mapping[str, Any]) -> None:
    rows = sorted(
        (each for each in work["contenders"] if "rounds" in each), key=lambda each: -statistics.median(each["rounds"])
    )
    for height, each in enumerate(rows):
        rounds = each["rounds"]
        middle = statistics.median(rounds)
        own = each["name"].startswith("convlab")
        place.barh(height, middle, color=_style.COLOURS[0 if own else 6], height=0.7, alpha=1.0 if own else 0.7)
        place.plot([min(rounds), max(rounds)], [height, height], color=_style.INK, linewidth=1.0)
        place.text(
            max(rounds) * 1.08,
            height,
            f"{middle:,.3g}" if middle < 1e3 else f"{middle:,.0f}",
            va="center",
            fontsize=_style.SMALL,
        )
    place.set_xscale("log")
    least, most = (limit(limit(e["rounds"]) for e in rows) for limit in (min, max))
    place.set_xlim(least / 2.5, most * 3)
    place.set_yticks(range(len(rows)), [each["name"] for each in rows])
    place.set_title(f"{key}: {work['title']}", loc="left", fontsize=_style.TITLE)
    place.set_xlabel("ns per step and run (median; line: least and largest round)")
    place.grid(axis="x")


def _curves(part: Any, work: Mapping[str, Any]) -> None:
    by_name = {each["name"]: each for each in work["contenders"]}
    part.suptitle(f"{work['title']} ({work['threads']} cores)", x=0.01, ha="left", fontsize=_style.TITLE)
    places = part.subplots(2, 3, sharey=True).flat
    for place, (axis, told) in zip(places, work["axes"].items(), strict=False):
        for number, who in enumerate(("convlab", "numba")):
            points = [
                (value, statistics.median(by_name[name]["rounds"]))
                for value, name in zip(told["values"], told.get(who) or [], strict=False)
                if "rounds" in by_name[name]
            ]
            if points:
                label = "convlab" if number == 0 else "numba, one run"
                style = {"color": _style.COLOURS[number], "marker": _style.MARKERS[number], "markersize": 4.2}
                place.plot(*zip(*points, strict=True), label=label, linewidth=1.3, **style)
                if number == 0 and axis in _STARTS_AT_ONE:
                    low, high = told["values"][0], told["values"][-1]
                    end = points[-1][1]
                    line = [end * low / high, end]
                    place.plot([low, high], line, color=_style.GREY, linestyle=_style.DOTS[0], label="slope 1")
        place.set_xscale("log")
        place.set_yscale("log")
        place.set_xlabel(_AXES[axis])
        place.grid()
    axes = part.axes
    for place in (axes[0], axes[3]):
        place.set_ylabel("ns per step and run")
    axes[-1].axis("off")
    handles, labels = axes[2].get_legend_handles_labels()
    axes[-1].legend(handles, labels, loc="center", frameon=False)
