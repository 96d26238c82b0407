"""What the code may not do: unpickle, evaluate, start shells; and every exception from the linter says why."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import ROOT

SOURCES = sorted((ROOT / "src").rglob("*.py"))
PROGRAMS = [*SOURCES, *sorted((ROOT / "tools").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]

FORBIDDEN = {
    "eval": "evaluates text",
    "exec": "evaluates text",
    "compile": "evaluates text",
    "__import__": "imports by a computed name",
    "pickle.load": "unpickles",
    "pickle.loads": "unpickles",
    "pickle.Unpickler": "unpickles",
    "joblib.load": "unpickles",
    "shelve.open": "unpickles",
    "marshal.loads": "unmarshals",
    "pandas.read_pickle": "unpickles",
    "pd.read_pickle": "unpickles",
    "yaml.load": "builds any object",
    "yaml.unsafe_load": "builds any object",
    "yaml.full_load": "builds any object",
    "os.system": "starts a shell",
    "os.popen": "starts a shell",
    "subprocess.getoutput": "starts a shell",
    "tempfile.mktemp": "names a file that anybody may make first",
}
# Classes beside tensors that weight files may hold; nothing of theirs runs.
ALLOWED_GLOBALS = {"src/simcore/backbones/checkpoints.py": ["argparse.Namespace"]}


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` of a name or an attribute, `?` in place of what is neither."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return "?"


def keywords(call: ast.Call) -> dict[str, ast.expr]:
    return {each.arg: each.value for each in call.keywords if each.arg is not None}


def is_constant(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def faults(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, what is wrong) of every call that is not allowed."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name, given = dotted(call.func), keywords(call)
        last = name.rpartition(".")[2]
        if name in FORBIDDEN:
            yield call.lineno, f"`{name}` {FORBIDDEN[name]}"
        if name in ("torch.load", "torch.jit.load") and not is_constant(given.get("weights_only"), True):
            yield call.lineno, f"`{name}` without `weights_only=True` unpickles"
        if name in ("np.load", "numpy.load") and not is_constant(given.get("allow_pickle"), False):
            yield call.lineno, f"`{name}` without `allow_pickle=False`"
        if "shell" in given and not is_constant(given["shell"], False):
            yield call.lineno, f"`{name}` with `shell=`"
        if last in ("extractall", "unpack_archive") or (last == "extract" and name != last and ".str." not in name):
            yield call.lineno, f"`{name}` unpacks an archive: members are read in place instead"


@pytest.mark.parametrize(
    "line",
    [
        "eval(text)",
        "pickle.load(file)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "os.system('ls')",
        "subprocess.run('ls', shell=True)",
        "subprocess.run('ls', shell=flag)",
        "tar.extractall(folder)",
    ],
)
def test_the_check_sees_what_is_forbidden(line: str) -> None:
    assert list(faults(ast.parse(line)))


def test_nothing_is_unpickled_evaluated_or_run_in_a_shell() -> None:
    assert len(SOURCES) > 200
    found = [
        f"{path.relative_to(ROOT)}:{line}: {fault}"
        for path in PROGRAMS
        for line, fault in faults(ast.parse(path.read_text()))
    ]
    assert found == []


def test_classes_that_weight_files_may_hold_are_listed_here() -> None:
    found = {}
    for path in SOURCES:
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and dotted(call.func).endswith(("safe_globals", "add_safe_globals")):
                (names,) = call.args
                assert isinstance(names, ast.List)
                found[str(path.relative_to(ROOT))] = [dotted(name) for name in names.elts]
    assert found == ALLOWED_GLOBALS


def test_the_linter_s_security_rules_are_on_and_each_exception_says_why() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in settings["select"]
    # S101: assert states for the type checker what the code has just made sure of.
    assert [rule for rule in settings["ignore"] if rule.startswith("S")] == ["S101"]
    loosened = {where for where, rules in settings["per-file-ignores"].items() if any(r.startswith("S") for r in rules)}
    assert loosened == {"tests/**", "benchmarks/**"}
    exceptions = []
    for path in SOURCES:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(r"noqa:[^#]*\bS\d{3}", line):
                exceptions.append(f"{path.relative_to(ROOT)}:{number}")
                assert re.search(r"noqa:\s*(?:[A-Z]+\d+,?\s*)+\(?[A-Za-z<]\S* \S+ ?\S*", line), (
                    f"{path}:{number}: no reason"
                )
    assert exceptions, "the search finds none at all"
    bare = [path for path in SOURCES if re.search(r"#\s*noqa(?!:)|#\s*ruff:\s*noqa", path.read_text())]
    assert bare == []


def test_servers_listen_on_this_machine_only() -> None:
    """The tracking server, its page and the pipeline graph; nobody else on the network can reach them by default."""
    makefile = (ROOT / "Makefile").read_text()
    (viz,) = [line for line in makefile.splitlines() if "kedro viz run" in line]
    assert "--host 127.0.0.1" in viz
    (page,) = [line for line in makefile.splitlines() if "mlflow ui" in line]
    assert "--host" not in page  # taken from the configuration
    servers = [line for line in makefile.splitlines() if "mlflow server" in line]
    assert all("--host 127.0.0.1" in line for line in servers)
    hosts = {
        str(path.relative_to(ROOT)): found
        for path in sorted((ROOT / "conf").rglob("*.yml"))
        if (found := re.findall(r"^\s*host:\s*(\S+)", path.read_text(), re.MULTILINE))
    }
    assert hosts == {"conf/base/mlflow.yml": ["127.0.0.1"]}
    for path in PROGRAMS:
        assert "0.0.0.0" not in path.read_text(), path


def test_nothing_is_said_to_anybody_at_start() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for name in ("DO_NOT_TRACK := true", "MLFLOW_DISABLE_TELEMETRY := true"):
        assert f"export {name}" in makefile
    assert not list(Path(ROOT).glob("*.pem")) and not list(Path(ROOT).glob("conf/*/credentials*"))
