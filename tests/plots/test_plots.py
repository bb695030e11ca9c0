"""Every plot, found by its file, drawn from every golden result; warnings are errors."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from golden import GOLDEN
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from plot_makers import checkpoints

import convlab.plots
from convlab.core.results import Results
from convlab.plots._layout import formula
from convlab.plots._style import save, style

FOLDER = Path(convlab.plots.__file__).parent
PLOTS = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
GREY_AREA = 1.5  # pixels at 100 dpi by which the boxes of two texts may touch


def plotter(name: str) -> Callable[[Results], Figure]:
    return importlib.import_module(f"convlab.plots.{name}").plot


@pytest.fixture(params=[(plot, result) for plot in PLOTS for result in GOLDEN], ids="-".join, scope="module")
def figure(request: pytest.FixtureRequest) -> Iterator[Figure]:
    plot, result = request.param
    with style():
        made = plotter(plot)(GOLDEN[result]())
        made.canvas.draw()
        yield made


def boxes(figure: Figure) -> dict[str, Bbox]:
    """What must not lie on one another: lines of the header, axes with their labels, the legend."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    found = {f"text {text.get_text()!r}": text.get_window_extent(renderer) for text in figure.texts}
    found |= {axes.get_label(): axes.get_tightbbox(renderer) for axes in figure.axes}
    return found | {f"legend {i}": legend.get_window_extent(renderer) for i, legend in enumerate(figure.legends)}


@pytest.mark.parametrize("name", PLOTS)
def test_the_first_line_describes_the_plot(name: str) -> None:
    tree = ast.parse((FOLDER / f"{name}.py").read_text())
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "plot")
    line = (ast.get_docstring(function) or "").splitlines()[0]
    assert 20 < len(line) <= 115
    assert [argument.arg for argument in function.args.args] == ["results"]


def test_nothing_leaves_the_page(figure: Figure) -> None:
    width, height = figure.bbox.width, figure.bbox.height
    for name, box in boxes(figure).items():
        assert box.x0 >= 0, name
        assert box.x1 <= width, name
        assert box.y0 >= 0, name
        assert box.y1 <= height, name


def test_the_legend_has_a_margin(figure: Figure) -> None:
    renderer = FigureCanvasAgg(figure).get_renderer()
    assert all(legend.get_window_extent(renderer).y0 >= 0.09 * figure.dpi for legend in figure.legends)


def test_nothing_lies_on_anything(figure: Figure) -> None:
    found = list(boxes(figure).items())
    for i, (name, box) in enumerate(found):
        for other, second in found[:i]:
            wide = min(box.x1, second.x1) - max(box.x0, second.x0)
            high = min(box.y1, second.y1) - max(box.y0, second.y0)
            assert min(wide, high) < GREY_AREA, (name, other)


def test_axes_have_labels_and_positive_limits(figure: Figure) -> None:
    for axes in figure.axes:
        assert axes.get_xlabel()
        assert axes.get_ylabel()
        for scale, limits in ((axes.get_xscale(), axes.get_xlim()), (axes.get_yscale(), axes.get_ylim())):
            assert scale == "log"
            assert 0 < limits[0] < limits[1] < np.inf


def test_lines_hold_only_what_a_logarithm_takes(figure: Figure) -> None:
    for axes in figure.axes:
        for line in axes.get_lines():
            if line.get_transform() == axes.transData:
                x, y = (np.asarray(values, dtype=float) for values in line.get_data())
                assert (x > 0).all(), line.get_label()
                assert ((y > 0) & np.isfinite(y) | np.isnan(y)).all(), line.get_label()


@pytest.mark.parametrize("name", PLOTS)
@pytest.mark.parametrize("result", ["quickstart", "diverging"])
def test_files_are_the_same_bytes_twice(name: str, result: str, tmp_path: Path) -> None:
    first = save(plotter(name)(GOLDEN[result]()), tmp_path / "a")
    again = plotter(name)(GOLDEN[result]())
    for number in (1, 2):
        second = save(again, tmp_path / f"b{number}")
        for left, right in zip(first, second, strict=True):
            assert left.read_bytes() == right.read_bytes()
    root = ElementTree.parse(first[0]).getroot()
    assert not [node for node in root.iter() if node.tag.endswith("}text")]  # letters are outlines
    assert {path.name for path in tmp_path.iterdir()} == {f"{n}.{s}" for n in ("a", "b1", "b2") for s in ("svg", "png")}


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.svg").write_text("old")
    made = plotter("gap_curves")(GOLDEN["no_verdicts"]())

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(made, "savefig", fail)
    with pytest.raises(RuntimeError):
        save(made, tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]
    assert (tmp_path / "a.svg").read_text() == "old"


@pytest.mark.parametrize("name", PLOTS)
def test_a_users_settings_change_nothing_and_stay(name: str, tmp_path: Path) -> None:
    result = GOLDEN["seeded_sweep"]()
    expected = save(plotter(name)(result), tmp_path / "a")
    with matplotlib.rc_context({"font.size": 30, "text.usetex": True, "axes.facecolor": "black", "svg.hashsalt": "x"}):
        before = dict(matplotlib.rcParams)
        found = save(plotter(name)(result), tmp_path / "b")
        assert dict(matplotlib.rcParams) == before
    assert found[0].read_bytes() == expected[0].read_bytes()


def test_plots_need_neither_pyplot_nor_jax() -> None:
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert "pyplot" not in name
                assert name.split(".")[0] not in ("jax", "optax", "scipy"), path.name
                if name.startswith("convlab"):
                    assert name.startswith(("convlab.core", "convlab.plots")), path.name


def test_the_template_of_the_readme_draws(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (FOLDER / "README.md").read_text(), flags=re.DOTALL)
    names: dict[str, Callable[[Results], Figure]] = {}
    exec(compile(code, "README.md", "exec"), names)
    for make in GOLDEN.values():
        save(names["plot"](make()), tmp_path / "figure")


def test_every_formula_of_the_catalogue_is_mathtext() -> None:
    written = [
        keyword.value.value
        for path in (FOLDER.parent / "theorems").glob("[!_]*.py")
        for keyword in ast.walk(ast.parse(path.read_text()))
        if isinstance(keyword, ast.keyword) and keyword.arg == "formula" and isinstance(keyword.value, ast.Constant)
    ]
    for text in written:
        assert formula(text) == text, f"matplotlib cannot read {text}"


def entries(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def labels(axes: Axes) -> list[str]:
    return [str(line.get_label()) for line in axes.get_lines()]


@pytest.mark.parametrize(
    ("result", "curves", "bounds", "marks"),
    [
        ("quickstart", 4, 3, ["below the rounding floor: not judged"]),
        ("worst_case_sweep", 2, 1, ["diverged: the last finite checkpoint"]),
        ("seeded_sweep", 2, 1, []),
        ("diverging", 4, 1, ["diverged: the last finite checkpoint"]),
        ("ten_curves", 10, 2, []),
        ("exact_zeros", 2, 1, ["zero, or below the axis"]),
        ("one_checkpoint", 1, 0, []),
        ("no_verdicts", 1, 0, []),
        ("no_minimiser", 1, 0, []),
        ("extremes", 2, 2, []),
        ("extreme_floor", 2, 0, ["zero, or below the axis", "below the rounding floor: not judged"]),
        ("floors_apart", 3, 1, ["zero, or below the axis", "below the rounding floor: not judged"]),
        ("shared_bound", 3, 2, []),
        ("many_curves", 18, 1, []),
        ("judged_average", 3, 1, []),
        ("empty", 0, 0, []),
    ],
)
def test_the_legend_of_gap_curves(result: str, curves: int, bounds: int, marks: list[str]) -> None:
    found = entries(plotter("gap_curves")(GOLDEN[result]()))
    assert len(found) == curves + bounds + len(marks)
    assert found[len(found) - len(marks) :] == marks


def test_gap_curves_of_the_quickstart() -> None:
    made = plotter("gap_curves")(GOLDEN["quickstart"]())
    gap, distance = made.axes
    assert "R(" in gap.get_ylabel()
    assert "squared distance" in distance.get_ylabel()
    assert [text for text in entries(made) if "32 seeds" in text] == ["SGD, step_size = 0.5/L_max (32 seeds)"]
    assert len(gap.collections) == 1  # one band: a single deterministic run has none
    assert labels(gap).count("_bound gd_smooth_convex") == 1
    assert labels(distance).count("_bound newton_local_quadratic") == 1
    assert "_below" in labels(gap)
    assert any("Trajectory" in text.get_text() for text in made.texts)
    assert any("holds (worst measured/bound" in text.get_text() for text in made.texts)


def test_a_worst_case_sweep_says_so_and_shows_one_point_per_horizon() -> None:
    made = plotter("gap_curves")(GOLDEN["worst_case_sweep"]())
    assert any("Worst-case sweep: the instance depends on" in text.get_text() for text in made.texts)
    (line,) = (line for line in made.axes[0].get_lines() if line.get_label() == "gd, step_size = 1/L")
    (bound,) = (line for line in made.axes[0].get_lines() if str(line.get_label()).startswith("_bound"))
    np.testing.assert_array_equal(line.get_xdata(), [10, 100, 1_000, 10_000, 100_000])
    np.testing.assert_allclose(line.get_ydata(), bound.get_ydata(), rtol=1e-12)
    assert labels(made.axes[0]).count("_diverged") == 3


def test_divergence_is_marked_where_it_happens() -> None:
    (axes,) = plotter("gap_curves")(GOLDEN["diverging"]()).axes
    crosses = {float(line.get_xdata()[0]) for line in axes.get_lines() if line.get_label() == "_diverged"}
    t = checkpoints(3_000)
    assert crosses == {t[t < 700].max(), t[t < 60].max(), t[t <= 200].max()}  # where the last finite means are
    assert sum("diverged" in text.get_text() for text in axes.texts) == 3


def test_many_verdicts_become_a_count_and_alarms_stay() -> None:
    results = GOLDEN["ten_curves"]()
    first = results.verdicts[3]
    alarm = type(first)(**{**first.__dict__, "ruling": "violated", "expect": "holds"})
    changed = Results(**{**results.__dict__, "verdicts": (*results.verdicts, alarm)})
    header = [text.get_text() for text in plotter("bound_ratio")(changed).texts]
    assert "12 verdicts: 11 hold, 1 violated" in header
    assert any("violated" in line and "lr = 4e-3" in line for line in header)


def test_bound_ratio_of_a_sweep_lies_on_one() -> None:
    (axes,) = plotter("bound_ratio")(GOLDEN["worst_case_sweep"]()).axes
    (line,) = (line for line in axes.get_lines() if str(line.get_label()).startswith("GD smooth"))
    np.testing.assert_allclose(line.get_ydata(), 1.0, rtol=1e-12)
    assert labels(axes).count("_worst") == 1
