"""The fingerprint of a node's code."""

import sys
from pathlib import Path

import pytest

from simcore.reuse import code


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Write a package of three modules, of which `node` reaches `helper`; return a function that edits and measures."""
    root = tmp_path / "toy"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "node.py").write_text("def run():\n    from toy import helper\n    return helper.one()\n")
    (root / "helper.py").write_text('def one():\n    """Say one."""\n    return 1\n')
    (root / "other.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def measure(**edits: str) -> str:
        for name, text in edits.items():
            (root / f"{name}.py").write_text(text)
        for name in [name for name in sys.modules if name.split(".")[0] == "toy"]:
            del sys.modules[name]
        code._read.cache_clear()
        code._module_path.cache_clear()
        from toy.node import run

        return code.code_fingerprint(run)

    yield measure
    for name in [name for name in sys.modules if name.split(".")[0] == "toy"]:
        del sys.modules[name]


def test_words_do_not_count(package) -> None:
    before = package()
    assert package(helper='# why\ndef one():\n    """Say one, loudly."""\n    return 1\n') == before


def test_statements_below_the_node_count(package) -> None:
    before = package()
    assert package(helper="def one():\n    return 2\n") != before


def test_unreached_modules_do_not_count(package) -> None:
    before = package()
    assert package(other="x = 2\n") == before


def test_stages_do_not_depend_on_the_report() -> None:
    for stage in ("retrieval", "embedding", "clustering", "selection", "pretraining"):
        reached = code.reachable_modules(f"simcore.pipelines.{stage}.nodes")
        assert not [name for name in reached if name.startswith("simcore.reporting")], stage
