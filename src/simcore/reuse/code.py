"""Fingerprint of the code that a node runs: its module and every module of the package that it can reach.

Comments, docstrings and formatting do not count, so rewording a docstring re-makes nothing; a changed
statement anywhere below the node re-makes its artefacts. Nor does the version of Python count.
"""

import ast
import hashlib
import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

# These modules change how a run talks or is set up, never what it makes. Parameter *values* are
# fingerprinted on their own.
NEUTRAL = frozenset(
    {
        "simcore.errors",
        "simcore.files",
        "simcore.parameters",
        "simcore.progress",
        "simcore.tracking",
        "simcore.workspace",
    }
)


@cache
def _module_path(name: str) -> Path | None:
    """Return the source file of module `name`, or None when there is no such module."""
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for scope in ast.walk(tree):
        if isinstance(scope, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = scope.body[0] if scope.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                scope.body = scope.body[1:]
    return tree


def _spell(part: Any) -> str:
    """Return a part of a syntax tree as text, the same in every version of Python.

    `ast.dump` is not: 3.12 gave functions and classes a field, and 3.13 stopped writing empty ones. Here they are never
    written, so a field that a later version adds does not count until it is used; nor are empty texts in f-strings, of
    which 3.12 puts one behind `{width}` in `f"{x:<{width}}"`.

    Example:
        >>> _spell(ast.parse("x = f()"))
        "Module(body=[Assign(targets=[Name(id='x',ctx=Store())],value=Call(func=Name(id='f',ctx=Load())))])"
    """
    if isinstance(part, ast.JoinedStr):
        said = [value for value in part.values if not isinstance(value, ast.Constant) or value.value]
        return f"JoinedStr({_spell(said)})"
    if isinstance(part, ast.AST):
        fields = [f"{name}={_spell(value)}" for name, value in ast.iter_fields(part) if value not in (None, [])]
        return f"{type(part).__name__}({','.join(fields)})"
    if isinstance(part, list):
        return f"[{','.join(map(_spell, part))}]"
    # Not repr, which escapes the characters that this version's Unicode does not know.
    return ascii(part)


def _imported(tree: ast.Module, package: str) -> set[str]:
    """Return the names of the package's modules that `tree` imports, inside functions too."""
    names: set[str] = set()
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Import):
            names.update(alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            names.add(statement.module)
            names.update(f"{statement.module}.{alias.name}" for alias in statement.names)
    return {name for name in names if name == package or name.startswith(f"{package}.")}


@cache
def _read(name: str) -> tuple[str, frozenset[str]] | None:
    """Return (digest of the module's statements, modules it imports)."""
    path = _module_path(name)
    if path is None:
        return None
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = _imported(tree, name.partition(".")[0])
    digest = hashlib.sha256(_spell(_without_docstrings(tree)).encode()).hexdigest()
    return digest, frozenset(imported)


def _is_neutral(name: str) -> bool:
    return any(name == neutral or name.startswith(f"{neutral}.") for neutral in NEUTRAL)


def reachable_modules(module: str) -> list[str]:
    """Return the sorted names of the package's modules that `module` can reach, itself included, `NEUTRAL` ones not.

    Example:
        >>> "simcore.datasets.atomic" in reachable_modules("simcore.datasets.tables")
        True
    """
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen or _is_neutral(name):
            continue
        entry = _read(name)
        if entry is None:
            continue
        seen.add(name)
        waiting.extend(entry[1])
    return sorted(seen)


def code_fingerprint(function: Callable[..., Any]) -> str:
    """Return the hex sha256 of all statements that `function` can reach within its package.

    The unit is the module: a node is re-made when any module it can reach changes in more than words.
    """
    digest = hashlib.sha256(f"{function.__module__}.{function.__qualname__}".encode())
    for name in reachable_modules(function.__module__):
        entry = _read(name)
        assert entry is not None
        digest.update(f"{name}:{entry[0]}\n".encode())
    return digest.hexdigest()
