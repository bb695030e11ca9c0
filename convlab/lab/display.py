"""What a notebook shows and a data frame holds: HTML tables, and pandas where it is installed."""

from __future__ import annotations

import functools
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any


def frame(columns: Mapping[str, Any]) -> Any:
    """A pandas data frame of these columns. pandas is no dependency: ImportError says what to install."""
    try:
        import pandas  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise ImportError("to_pandas needs pandas, which convlab does not depend on: pip install pandas") from None
    return pandas.DataFrame(dict(columns))


def table(header: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """An HTML table whose every text is escaped.

    >>> table(["a"], [["1 < 2"]])
    '<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1 &lt; 2</td></tr></tbody></table>'
    """
    head = _row(header, "th") if header else ""
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    body = "".join(_row(row, "td") for row in rows)
    return f"<table>{title}<thead>{head}</thead><tbody>{body}</tbody></table>"


def escaped(text: str) -> str:
    """The text as HTML shows it."""
    return html.escape(text)


def _row(texts: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(text)}</{tag}>" for text in texts) + "</tr>"


def short(value: float) -> str:
    """Two significant digits, without zeros in the exponent.

    >>> short(9.84e-7), short(1e-6), short(120.0)
    ('9.8e-7', '1e-6', '1.2e2')
    """
    mantissa, e, exponent = f"{value:.2g}".partition("e")
    return mantissa + (f"e{exponent[0].replace('+', '')}{exponent[1:].lstrip('0')}" if e else "")


def shown(figure: Any) -> Any:
    """The figure, which a notebook now shows by itself: without pyplot nobody has told it how."""
    figure._repr_png_ = functools.partial(_png, figure)
    return figure


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, facecolor="white")
    return buffer.getvalue()
