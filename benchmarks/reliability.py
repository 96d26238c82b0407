"""Every fault that is injected on purpose, by its tests; rewrites the table of docs/reliability.md.

`python -m benchmarks reliability` runs all of it, `python -m benchmarks.reliability "disk full"` the rows of that name,
`--quick` leaves the long tests out, `--table` runs none.
"""

import argparse
import json
import os
import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks._faults import ROWS, Row
from benchmarks._machine import RESULTS, machine, versions

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "reliability.md"
STORE = RESULTS / "reliability" / "seen.json"
_BLOCK = re.compile(r"<!-- faults -->.*?<!-- /faults -->", re.DOTALL)


@dataclass
class Seen:
    """What came of the tests of one row."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)
    count: int = 0

    def words(self, row: Row) -> str:
        """Return it as a cell."""
        parts = [f"as expected in {self.passed} tests" if self.passed != 1 else "as expected in 1 test"]
        if not self.passed:
            parts = []
        if self.failed:
            parts.append(f"**otherwise** in {', '.join(f'`{name}`' for name in self.failed)}")
        if self.not_run:
            parts.append("; ".join(sorted(set(self.not_run))))
        return "; ".join(parts) or f"no test found in {', '.join(row.tests)}"


class Watcher:
    """A pytest plugin that notes how each test ended, and what it counted."""

    def __init__(self) -> None:
        self.ended: dict[str, tuple[str, str, int]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst of set-up, call and tear-down."""
        count = int(dict(report.user_properties).get("count", 1))
        if report.skipped and isinstance(report.longrepr, tuple):
            self.ended[report.nodeid] = ("not run", str(report.longrepr[2]).removeprefix("Skipped: "), 0)
        elif report.failed:
            self.ended[report.nodeid] = ("failed", "", count)
        elif report.when == "call" and report.nodeid not in self.ended:
            self.ended[report.nodeid] = ("passed", "", count)


def run(rows: list[Row], *, quick: bool) -> dict[str, dict[str, Any]]:
    """Return what was seen in the tests of `rows`, by fault; with `quick` without those that take minutes."""
    watcher = Watcher()
    asked = sorted({test for row in rows for test in row.tests})
    os.chdir(ROOT)
    pytest.main(
        [
            *asked,
            "-q",
            "-m",
            "not long" if quick else "",
            "-p",
            "no:cacheprovider",
            "--no-header",
            "-o",
            "addopts=--import-mode=importlib",
        ],
        [watcher],
    )
    date = datetime.now(UTC).date().isoformat()
    seen = {}
    for row in rows:
        of_row = Seen()
        for node, (how, why, count) in sorted(watcher.ended.items()):
            if not any(node == test or node.startswith((f"{test}::", f"{test}[", f"{test}/")) for test in row.tests):
                continue
            if how == "passed":
                of_row.passed += 1
                of_row.count += count
            elif how == "failed":
                of_row.failed.append(node)
            elif why.startswith("not run"):
                of_row.not_run.append(why)
        words = of_row.words(row) + (" (long tests left out)" if quick else "")
        seen[row.fault] = {"seen": words, "count": of_row.count, "date": date, "failed": len(of_row.failed)}
    return seen


def table(stored: dict[str, Any]) -> str:
    """Return the rows as Markdown."""
    lines = ["| fault | how it is injected | expected | seen | times |", "|---|---|---|---|---|"]
    for row in ROWS:
        found = stored["rows"].get(row.fault, {"seen": "not run yet", "count": 0})
        lines.append(f"| {row.fault} | {row.injected} | {row.expected} | {found['seen']} | {found['count']} |")
    if not stored["rows"]:
        return "\n".join(lines)
    told = stored["machine"]
    versions_told = ", ".join(f"{name} {each}" for name, each in stored.get("versions", {}).items())
    dates = sorted({found["date"] for found in stored["rows"].values()})
    lines += [
        "",
        f"*{' to '.join(dict.fromkeys((dates[0], dates[-1])))}: {told['processor']}, {told['cores']} cores, "
        f"{told['memory_gib']} GiB, {told['system']}, {versions_told}. Times: how often the fault was injected.*",
    ]
    return "\n".join(lines)


def main() -> int:
    """Run the rows that were asked for and rewrite the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability", description=__doc__)
    parser.add_argument("words", nargs="*", help="rows whose fault has these words; all without any")
    parser.add_argument("--quick", action="store_true", help="without the tests that take minutes")
    parser.add_argument("--table", action="store_true", help="only rewrite the table from what was seen before")
    asked = parser.parse_args()
    rows = [row for row in ROWS if not asked.words or any(word in row.fault for word in asked.words)]
    new = {} if asked.table else run(rows, quick=asked.quick)
    # Read afterwards: other rows may have been run meanwhile.
    stored = json.loads(STORE.read_text()) if STORE.exists() else {"rows": {}}
    if not asked.table:
        known = {row.fault for row in ROWS}
        kept = {fault: found for fault, found in stored["rows"].items() if fault in known}
        stored = {"rows": kept | new, "machine": machine(), "versions": versions()}
        STORE.parent.mkdir(parents=True, exist_ok=True)
        STORE.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    text = DOCUMENT.read_text(encoding="utf-8")
    block = f"<!-- faults -->\n{table(stored)}\n<!-- /faults -->"
    DOCUMENT.write_text(_BLOCK.sub(lambda _: block, text), encoding="utf-8")
    return int(any(found["failed"] for found in stored["rows"].values()))


if __name__ == "__main__":
    sys.exit(main())
