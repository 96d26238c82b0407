"""The report as one HTML file that needs no network."""

import base64
import hashlib
import json
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from simcore.reporting.answer import compose_highlights
from simcore.reporting.report import Figure, Report
from simcore.reporting.sections import compose_sections
from simcore.reporting.tiles import Tile


def _data_uri(tile: Tile) -> str:
    return "data:image/png;base64," + base64.b64encode(tile.png).decode("ascii")


def _png_size(tile: Tile) -> tuple[int, int]:
    """Return width and height from the PNG header: the page keeps its layout while images load."""
    return int.from_bytes(tile.png[16:20], "big"), int.from_bytes(tile.png[20:24], "big")


def _inert_json(text: str) -> Markup:
    """Return JSON text that cannot end the script element it stands in, nor open a comment there."""
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 (JSON with <, > and & escaped)


def _figure_json(block: Figure) -> Markup:
    return _inert_json(block.figure.to_json())


def _script_hash(script: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii") + "'"


@lru_cache(maxsize=1)
def _plotly() -> tuple[Markup, str]:
    """Return plotly.js as a JSON string, and the hash under which the page may run it."""
    script = get_plotlyjs()
    return _inert_json(json.dumps(script)), _script_hash(script)


@lru_cache(maxsize=1)
def page_environment() -> Environment:
    """Return how templates of this package are rendered: everything from outside is escaped."""
    environment = Environment(
        loader=PackageLoader("simcore.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"data_uri": _data_uri, "png_size": _png_size, "figure_json": _figure_json}
    environment.filters["kind"] = lambda block: type(block).__name__.lower()
    return environment


def trusted_text(name: str) -> Markup:
    """Return a style sheet or script of this package as it is."""
    environment = page_environment()
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])  # noqa: S704 (a file of this package)


def render_report(report: Report) -> str:
    """Return the report as one HTML page: images, styles, scripts and figures inside, no network.

    Everything from outside is escaped, and a content security policy forbids loading anything and running
    any script but the report's own two. plotly.js (4.6 MB) is included once, and only when there
    is a figure; figures are drawn when they come near the window. Same report, same text.

    Example:
        >>> page = render_report(Report(title="A run", answer="Nothing was run.", command="kedro run"))
        >>> "not evaluated: no labels" in page, "https://" in page
        (True, False)
    """
    sections = compose_sections(report)
    has_figures = any(isinstance(block, Figure) for section in sections for block in section.blocks)
    plotly, plotly_hash = _plotly() if has_figures else (Markup(), "")
    script = trusted_text("report.js")
    context: dict[str, Any] = {
        "report": report,
        "highlights": compose_highlights(report),
        "sections": sections,
        "style": trusted_text("report.css"),
        "script": script,
        "plotly": plotly,
        "script_hashes": Markup(f"{_script_hash(script)} {plotly_hash}".strip()),  # noqa: S704 (base64 digests)
    }
    return page_environment().get_template("report.html.j2").render(context)
