"""What the command line says when something is wrong."""

from pathlib import Path

import click
import pytest
from kedro.io.core import DatasetError

from simcore.errors import InputError
from simcore.session import SimCoreSession, _project_error


def test_project_error_is_found_behind_a_dataset_error() -> None:
    try:
        try:
            raise InputError("no images")
        except InputError as error:
            raise DatasetError("failed while saving") from error
    except DatasetError as error:
        assert isinstance(_project_error(error), InputError)


def test_other_errors_stay_what_they_are() -> None:
    assert _project_error(ValueError("bug")) is None


class Failing(SimCoreSession):
    def __init__(self, root: Path) -> None:
        self._root = root

    def _data_root(self) -> Path:
        return self._root


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Failing:
    def run(self, *_args, **_kwargs):
        raise InputError("`tau` is 2")

    monkeypatch.setattr("kedro.framework.session.KedroSession.run", run)
    return Failing(tmp_path)


def test_scripts_get_the_project_error(failing: Failing) -> None:
    with pytest.raises(InputError):
        failing.run()


def test_scripts_get_it_from_behind_a_dataset_error_too(monkeypatch: pytest.MonkeyPatch, failing: Failing) -> None:
    def run(self, *_args, **_kwargs):
        try:
            raise InputError("`tau` is 2")
        except InputError as error:
            raise DatasetError("coreset_simcore: `tau` is 2") from error

    monkeypatch.setattr("kedro.framework.session.KedroSession.run", run)
    with pytest.raises(InputError, match=r"^`tau` is 2$"):
        failing.run()


def test_the_command_line_gets_one_sentence(failing: Failing) -> None:
    with click.Context(click.Command("run")), pytest.raises(click.ClickException, match="`tau` is 2"):
        failing.run()
