"""The tables of the documents from the stored results: one section a measurement, tables regenerated, words kept."""

import json
import re
from pathlib import Path
from typing import Any

from benchmarks._machine import RESULTS

DOCUMENTS = Path(__file__).parents[1] / "docs"


def _cell(value: Any) -> str:
    if isinstance(value, dict) and "median_s" in value:
        return f"{value['median_s']:.3g} ({value['min_s']:.3g} to {value['max_s']:.3g}, n={value['n']})"
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def render(record: dict[str, Any]) -> str:
    """Return a stored result as Markdown: its rows as a table; settings, machine, versions and date below.

    Times are medians in seconds with their spread and number of runs.
    """
    rows = record["rows"]
    header = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(name.replace("_", " ") for name in header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(_cell(row.get(name, "")) for name in header) + " |" for row in rows]
    facts = {**record["settings"], **record["machine"], **record["versions"]}
    words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())
    return "\n".join(lines) + f"\n\n*{record['date']}: {words}.*"


def write_documents() -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->` by the tables of the stored results."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(DOCUMENTS.glob("*.md"))}
    for path in sorted(RESULTS.glob("*.json")):
        name = path.stem
        block = f"<!-- {name} -->\n{render(json.loads(path.read_text()))}\n<!-- /{name} -->"
        pattern = re.compile(rf"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
        places = [document for document, text in texts.items() if pattern.search(text)]
        if not places:
            raise SystemExit(f"no document has a place for {name}: add <!-- {name} --><!-- /{name} --> with words")
        for document in places:
            texts[document] = pattern.sub(lambda _, block=block: block, texts[document])
    for document, text in texts.items():
        if document.read_text(encoding="utf-8") != text:
            document.write_text(text, encoding="utf-8")
