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
from golden_kinds import KINDS
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

import convlab.plots
from convlab.core.errors import ConvlabError
from convlab.core.results import Results
from convlab.plots._style import save, style
from convlab.plots._text import formula

FOLDER = Path(convlab.plots.__file__).parent
PLOTS = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
EVERY = {**GOLDEN, **{make.__name__: make for make in KINDS}}
DRAWS = {  # what each plot is about; the others are drawn from everything
    "condition_numbers": ("conditions",),
    "contours": ("plane", "planes"),
    "quadratic_model": ("models",),
    "rates": ("many_rates",),
    "step_size_map": ("step_sizes",),
    "steps_to_epsilon": ("quickstart", "worst_case_sweep", "seeded_sweep", "accuracies", "epochs", "network"),
    "up_steps": ("quickstart", "diverging", "seeded_sweep", "up_and_down", "epochs", "network"),
}
NEED = {  # what each of them says it needs where there is none of it
    "condition_numbers": "two or more known values of kappa",
    "contours": "a problem with two parameters",
    "quadratic_model": "steps whose model was measured",
    "rates": "a verdict with a measured slope",
    "step_size_map": "two or more constant values of step_size",
    "steps_to_epsilon": "a run whose gap falls",
    "up_steps": "two checkpoints or more",
}
GREY_AREA = 1.5  # pixels at 100 dpi by which the boxes of two texts may touch


def plotter(name: str) -> Callable[[Results], Figure]:
    return importlib.import_module(f"convlab.plots.{name}").plot


@pytest.fixture(
    params=[(plot, result) for plot in PLOTS for result in DRAWS.get(plot, EVERY)], ids="-".join, scope="module"
)
def figure(request: pytest.FixtureRequest) -> Iterator[Figure]:
    plot, result = request.param
    with style():
        made = plotter(plot)(EVERY[result]())
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


def test_no_text_lies_on_another(figure: Figure) -> None:
    renderer = FigureCanvasAgg(figure).get_renderer()
    for axes in figure.axes:
        texts = [text for text in axes.texts if text.get_text()]
        found = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
        for i, (words, box) in enumerate(found):
            for other, second in found[:i]:
                wide = min(box.x1, second.x1) - max(box.x0, second.x0)
                high = min(box.y1, second.y1) - max(box.y0, second.y0)
                assert min(wide, high) < GREY_AREA, (words, other)


def test_axes_have_labels_and_positive_limits(figure: Figure) -> None:
    for axes in figure.axes:
        assert axes.get_xlabel()
        assert axes.get_ylabel() or "slope" in axes.get_xlabel() or "per step" in axes.get_xlabel()
        for scale, limits in ((axes.get_xscale(), axes.get_xlim()), (axes.get_yscale(), axes.get_ylim())):
            assert scale in ("log", "linear")
            assert np.isfinite(limits).all()
            assert limits[0] != limits[1]
            assert scale == "linear" or min(limits) > 0


@pytest.mark.parametrize("name", ["gap_curves", "bound_ratio"])
def test_the_default_plots_are_drawn_on_logarithmic_y_axes(name: str) -> None:
    for make in EVERY.values():
        assert all(axes.get_yscale() == "log" for axes in plotter(name)(make()).axes)


def test_lines_hold_only_what_a_logarithm_takes(figure: Figure) -> None:
    for axes in figure.axes:
        for line in axes.get_lines():
            if line.get_transform() == axes.transData:
                x, y = (np.asarray(values, dtype=float) for values in line.get_data())
                for values, scale in ((x, axes.get_xscale()), (y, axes.get_yscale())):
                    shown = ~np.isnan(values)
                    assert np.isfinite(values[shown]).all(), line.get_label()
                    assert scale == "linear" or (values[shown] > 0).all(), line.get_label()


@pytest.mark.parametrize("name", [name for name in PLOTS if name in DRAWS])
def test_results_without_a_word_on_it_are_an_error_of_one_line(name: str) -> None:
    messages = {}
    for result, make in EVERY.items():
        if result not in DRAWS[name]:
            made = make()
            try:
                plotter(name)(made).canvas.draw()
            except ConvlabError as error:
                messages[made.name] = str(error)
    assert messages
    for result, message in messages.items():
        assert "\n" not in message
        assert message.startswith(f"{result}: {name} needs ")
        assert NEED[name] in message
    with pytest.raises(ConvlabError, match=NEED[name]):
        plotter(name)(EVERY["empty"]())


@pytest.mark.parametrize(
    ("name", "result"),
    [(name, result) for name in PLOTS for result in DRAWS.get(name, ("quickstart", "diverging"))[:1]],
)
def test_files_are_the_same_bytes_twice(name: str, result: str, tmp_path: Path) -> None:
    first = save(plotter(name)(EVERY[result]()), tmp_path / "a")
    again = plotter(name)(EVERY[result]())
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
    result = EVERY[DRAWS.get(name, ("seeded_sweep",))[0]]()
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
    for make in EVERY.values():
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
