"""The table of docs/reliability.md rests on tests that are there."""

import ast

import pytest

from benchmarks._faults import ROWS, Row
from tests.projects import ROOT


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.fault)
def test_every_row_names_tests_that_exist(row: Row) -> None:
    assert row.tests
    for test in row.tests:
        file, _, name = test.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name in found if name else any(each.startswith("test_") for each in found), test


def test_every_row_stands_in_the_document() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert all(f"| {row.fault} | {row.injected} | {row.expected} |" in text for row in ROWS)
