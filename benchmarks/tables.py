"""docs/benchmarks.md from the stored results: one section a measurement, tables regenerated, words kept."""

import json
import re
from pathlib import Path
from typing import Any

from benchmarks.machine import RESULTS

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, list):
        return " to ".join(_cell(item) for item in value)
    return str(value)


def render(result: dict[str, Any]) -> str:
    """Return a result as Markdown: its rows as a table, and a line on the machine.

    A result holds `machine`, and either `rows` (a list of equal dictionaries) or plain figures.
    """
    rows = result.get("rows")
    if rows is None:
        rows = [{"figure": name, "value": value} for name, value in result.items() if name != "machine"]
    header = list(rows[0])
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in header) + " |" for row in rows]
    machine = ", ".join(f"{name} {value}" for name, value in result["machine"].items())
    return "\n".join(lines) + f"\n\n*{machine}*"


def write_document() -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->` by the tables of the stored results."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for path in sorted(RESULTS.glob("*.json")):
        name = path.stem
        block = f"<!-- {name} -->\n{render(json.loads(path.read_text()))}\n<!-- /{name} -->"
        pattern = re.compile(rf"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"docs/benchmarks.md has no place for {name}: add <!-- {name} --><!-- /{name} --> with words")
        text = pattern.sub(lambda _, block=block: block, text)
    DOCUMENT.write_text(text, encoding="utf-8")
