"""What was measured on a GPU, as a page and a figure beside its numbers: `python -m tests.benchmarks.gpu_page`.

Everything in results/benchmarks/gpu.md is read from gpu.json; without such a file the page says "not measured".
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from convlab.plots._style import Style, save, style

FOLDER = Path(__file__).parents[2] / "results" / "benchmarks"
FLAT = 1.3  # times the least time per step and run: from there on it counts as flat
CONTENDERS = ("convlab", "optax scan", "torch loop", "torch CUDA graph")

Rows = list[dict[str, Any]]


def curve(rows: Rows, work: str, dtype: str, contender: str) -> list[tuple[int, dict[str, Any]]]:
    chosen = [r for r in rows if (r["work"], r["dtype"], r["contender"]) == (work, dtype, contender) and "ns" in r]
    return sorted((r["width"], r) for r in chosen)


def flat_from(points: list[tuple[int, dict[str, Any]]]) -> str:
    """The least width whose time per step and run is within FLAT of the least one; "≥" where that is the widest."""
    least = min(row["ns"] for _, row in points)
    width = min(width for width, row in points if row["ns"] <= FLAT * least)
    return f"{width:,}" if width < points[-1][0] else f"≥ {width:,}"


def page(found: dict[str, Any] | None) -> str:
    lines = ["# On a GPU", ""]
    if found is None:
        return "\n".join([*lines, "Not measured: no GPU was at hand. `python -m tests.benchmarks.gpu` measures.", ""])
    place, ceilings, rows = found["place"], found["ceilings"], found["rows"]
    versions = ", ".join(f"{name} {place['versions'][name]}" for name in ("python", "jax", "optax"))
    worst = max(each["largest"] for each in found["agreement"])
    copy = ceilings["copy, bytes/s"]
    lines += [
        f"Measured on {found['date']} on one {place['device'].removeprefix('gpu: ')}, {versions}, by "
        "`python -m tests.benchmarks.gpu`; this page is written from gpu.json by "
        "`python -m tests.benchmarks.gpu_page`.",
        "",
        "![Time per step and run over the number of runs](gpu.svg)",
        "",
        "## Agreement with the CPU",
        "",
        "Through the runner, in float64: every measured quantity (gap, ‖∇R‖², ‖θ − θ*‖²) at every checkpoint, above "
        f"100 floors of its trace, against the same run on a CPU. Largest relative difference {worst:.1e}.",
        "",
        "| run | points | largest relative difference |",
        "| --- | ---: | ---: |",
        *(f"| {each['case'].strip(', ')} | {each['points']} | {each['largest']:.1e} |" for each in found["agreement"]),
        "",
        "## From which width on it is busy, and what share of the GPU is used there",
        "",
        f"Ceilings, measured in the same process: a large copy moves {copy / 1e12:.2f} TB/s (read and written); a "
        f"large matrix product does {ceilings['product, float64, operations/s'] / 1e12:.0f} Tflop/s in float64 and "
        f'{ceilings["product, float32, operations/s"] / 1e12:.0f} in float32 with precision "highest". '
        f"Width: runs at once, the least whose time per step and run is within {FLAT} of the least. Share of the "
        "copy's bandwidth: by the least traffic of a step, its iterate, read and written (the data of all works fits "
        "into the cache). Share of the product's operations: by those of the step's products. Both at the largest "
        "width.",
        "",
        "| work | dtype | width | ns/step/run | bandwidth | operations | optax scan / convlab | torch loop / convlab |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *_table(rows, ceilings),
        "",
        "Torch: batched operations with the gradient written by hand, in a Python loop. At small widths a step costs "
        "its launches, 10 to 20 µs, whatever the width: see all widths in the figure.",
        "",
        "## All widths: ns per step and run",
        "",
        "| work | dtype | runs | " + " | ".join(CONTENDERS) + " |",
        "| --- | --- | ---: |" + " ---: |" * len(CONTENDERS),
        *_all(rows),
        "",
    ]
    if "notes" in found:
        lines += ["## What was tried", "", *(f"- {note}" for note in found["notes"]), ""]
    return "\n".join(lines)


def _kinds(rows: Rows) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row["work"], row["dtype"]) for row in rows))


def _table(rows: Rows, ceilings: dict[str, float]) -> list[str]:
    lines = []
    for work, dtype in _kinds(rows):
        ours = curve(rows, work, dtype, "convlab")
        if not ours:
            continue
        width, last = ours[-1]
        bandwidth = last["bytes/s"] / ceilings["copy, bytes/s"]
        operations = last["operations/s"] / ceilings[f"product, {dtype}, operations/s"]
        ratios = []
        for name in ("optax scan", "torch loop"):
            both = [(row["ns"], mine["ns"]) for w, row in curve(rows, work, dtype, name) for v, mine in ours if v == w]
            ratios.append(f"{both[-1][0] / both[-1][1]:.2f}" if both else "–")
        shares = [f"{bandwidth:.2f}", f"{operations:.2f}"]
        cells = [work, dtype, flat_from(ours), f"{last['ns']:.3g} at {width:,}", *shares, *ratios]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _all(rows: Rows) -> list[str]:
    lines = []
    for work, dtype in _kinds(rows):
        curves = {name: dict(curve(rows, work, dtype, name)) for name in CONTENDERS}
        for width in sorted({width for each in curves.values() for width in each}):
            times = [f"{curves[name][width]['ns']:.3g}" if width in curves[name] else "–" for name in CONTENDERS]
            lines.append(f"| {work} | {dtype} | {width:,} | " + " | ".join(times) + " |")
    return lines


def draw(found: dict[str, Any]) -> Figure:
    """ns per step and run over the width in float64, a panel for each work; dotted: time per step constant."""
    rows = [row for row in found["rows"] if row["dtype"] == "float64"]
    works = list(dict.fromkeys(row["work"] for row in rows))
    with style():
        figure = Figure(figsize=(9.0, 5.4), layout="constrained")
        axes = figure.subplots(2, 3).flat
        for axis, work in zip(axes, works, strict=False):
            for index, name in enumerate(CONTENDERS):
                points = curve(rows, work, "float64", name)
                if not points:
                    continue
                line = Style(index).line("-")
                line.set_data([w for w, _ in points], [row["ns"] for _, row in points])
                line.set_label(name)
                axis.add_line(line)
                if name == "convlab":
                    (first, row), last = points[0], points[-1][0]
                    ends = [row["ns"], row["ns"] * first / last]
                    axis.plot([first, last], ends, color="0.6", linewidth=0.8, linestyle=":", label="slope −1")
            axis.set(xscale="log", yscale="log", title=work, xlabel="runs at once", ylabel="ns per step and run")
            axis.title.set_fontsize(8.5)
            axis.autoscale_view()
            axis.grid(True)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        spare = figure.axes[len(works)]
        spare.axis("off")
        order = [*range(len(labels))]
        spare.legend([handles[i] for i in order], [labels[i] for i in order], loc="center left", frameon=False)
        device = found["place"]["device"].removeprefix("gpu: ")
        figure.suptitle(f"One {device}, float64, {found['date']}: time per step and run", fontsize=9.5)
    return figure


def main() -> None:
    path = FOLDER / "gpu.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    (FOLDER / "gpu.md").write_text(page(found), encoding="utf-8")
    if found is not None:
        save(draw(found), FOLDER / "gpu")


if __name__ == "__main__":
    main()
