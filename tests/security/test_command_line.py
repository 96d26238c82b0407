"""`kedro run` with hostile `--params`: one sentence and an exit code, no traceback, nothing written elsewhere."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from kedro.framework.cli.cli import KedroCLI
from kedro.framework.project import pipelines

from tests.projects import ROOT, type_command

HOSTILE = [
    "nonsense=1",
    "__proto__.polluted=1",
    "__class__=1",
    "_x.y=1",
    "constructor.prototype=1",
    "selection=1",
    "selection.tau=abc",
    "selection.tau=.nan",
    "selection.tau=1e999",
    "selection.tau.x=1",
    "selection.tau={a: 1}",
    "selection.seed=-1",
    "selection.seed=99999999999999999999999999",
    "images.image_size=-5",
    f"selection.tau={'x' * 5000}",
    f"{'x' * 5000}=1",
    "selection.t\u202eau=1",
    "selection.tau=\u202e0.9",
    "sel\nection=1",
    "selection.tau=0.9\nselection.x=1",
    "<script>alert(1)</script>=1",
    "selection",
    "=1",
    "selection.tau=[1,2",
    "selection.tau=${selection.tau}",
    "selection.tau=${nonsense:1}",
    "target.source=${oc.env:HOME}",
    "target.source=coco@-1",
    f"target.source={'é' * 300}",
    "arms.<script>.openset=all",
    "arms.a/b.openset=all",
    "comparison.arms=../x",
    "comparison.arms=x+x",
    "method=../byol",
    "method=__init__",
    "pretraining.backbone=../../x",
    "retrieval.method=os.system",
    "run_id=../../x",
    "pretraining.coreset=/dev/zero",
    "images.cache_gib=1e999",
    "data_root=",
    "data_root=/dev/null/x",
    "data_root=/proc/nothing",
]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Result]:
    """Return the command line in this process, which a script cannot tell from a process of its own."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("KEDRO_LOGGING_CONFIG", str(ROOT / "conf" / "logging.yml"))

    def typed(params: str) -> Result:
        root = "" if params.startswith("data_root") else f"data_root={tmp_path},"
        command = ["run", "--env", "test", "--pipelines", "ingestion", "--params", f"{root}{params}"]
        try:
            return CliRunner().invoke(KedroCLI(ROOT), command)
        finally:
            pipelines.set_requested(None)

    return typed


# Half a second each: every other one waits for the long tests.
SPREAD = [
    pytest.param(params, marks=pytest.mark.long) if number % 2 else params for number, params in enumerate(HOSTILE)
]


@pytest.mark.parametrize("params", SPREAD, ids=lambda params: params.encode("unicode_escape").decode()[:30])
def test_hostile_parameters_end_with_a_sentence(params: str, run: Callable[[str], Result], tmp_path: Path) -> None:
    result = run(params)
    assert result.exit_code not in (0, None)
    assert isinstance(result.exception, SystemExit), result.exception
    *_, last = [line for line in result.output.splitlines() if line.strip()]
    assert last.startswith("Error: ") and last.isprintable() and len(last) < 6000, last
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
@pytest.mark.parametrize("params", ["__proto__.polluted=1", "target.source=a\nb", f"selection.tau={'x' * 5000}"])
def test_a_process_of_its_own_says_the_same(params: str, tmp_path: Path) -> None:
    told = type_command(
        "run", "--env", "test", "--pipelines", "ingestion", "--params", f"data_root={tmp_path},{params}"
    )
    assert told.returncode == 1
    *_, last = [line for line in told.stdout.splitlines() if line.strip()]
    assert last.startswith("Error: ") and "Traceback" not in told.stdout
