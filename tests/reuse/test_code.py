"""The fingerprint of a node's code."""

import ast
import hashlib
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


SOURCE = '''
"""Words."""
import math as m
from pathlib import *

@staticmethod
class A(dict, metaclass=type):
    x: int = 0x10

    async def f(self, a, /, b=1.5, *c, d=None, e, **g) -> None:
        """Words."""
        async with self as (p, q):
            return {**g, 1: {2, *c}}, [i async for i in a if i], lambda: (yield)

def h(n):
    global z
    match n:
        case {"k": [1, *_], **rest} | A(x=None) if rest:
            z = f"{n:<{n}}{n:}{n!r:>{n}.2f}\U0001fae8{{" "\U0001fae8" f"{n=}"
    try:
        z[1:, ...] += 1j
    except* OSError as error:
        raise ValueError(b"\\xff", u"u") from error
    else:
        del z
    return not -n < m.pi <= (w := 3)
'''


def test_the_digest_of_a_text_is_the_same_in_every_version_of_python() -> None:
    spelled = code._spell(code._without_docstrings(ast.parse(SOURCE)))
    assert hashlib.sha256(spelled.encode()).hexdigest() == (
        "daa7c5c66dca995cf8c469569425eb7c494744a22f8036445263ba7ce4b7342f"
    )


def test_syntax_trees_that_differ_are_spelled_differently() -> None:
    texts = [
        "f(a, b)",
        "f(a)(b)",
        "f((a, b))",
        "f([a, b])",
        "f('a', b)",
        "f(a=b)",
        "f(**a, b=b)",
        "{**a, None: b}",
        "{a: b}",
    ]
    texts += [
        "x = None",
        "x = 0",
        "x = 0.0",
        "x = False",
        "x = ''",
        "x = b''",
        "x = []",
        "x = ()",
        "x: y",
        "x: y = None",
    ]
    texts += ["lambda *, a, b=None: 0", "lambda *, a=None, b: 0", "lambda *, a, b: 0", "lambda a, b=None, /: 0"]
    assert len({code._spell(ast.parse(text)) for text in texts}) == len(texts)
