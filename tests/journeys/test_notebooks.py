"""The notebooks run on a finished data root, as a person's Jupyter runs them, and are committed without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.projects import ROOT

NOTEBOOKS = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}


def test_all_notebooks_are_here() -> None:
    assert list(NOTEBOOKS) == ["compare_runs", "explore_a_coreset", "your_own_embeddings"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_is_committed_without_outputs(name: str) -> None:
    notebook = nbformat.read(NOTEBOOKS[name], as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    left = [cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]
    assert not left
    assert str(Path.home()) not in NOTEBOOKS[name].read_text() and str(ROOT) not in NOTEBOOKS[name].read_text()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_runs(name: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMCORE_DATA_ROOT", str(finished))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    # Neither a kernel of the person's own, nor history and connection files in their home.
    for variable in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "TMPDIR"):
        (tmp_path / variable).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / variable))
    notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
    resources = {"metadata": {"path": str(NOTEBOOKS[name].parent)}}
    NotebookClient(notebook, kernel_name="python3", timeout=600, resources=resources).execute()
    silent = [cell.source for cell in notebook.cells if cell.cell_type == "code" and not cell.outputs]
    assert not silent, "every cell of code shows something"
