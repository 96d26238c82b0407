"""The session behind `kedro run`: re-use of artefacts, one-sentence errors, a clean state after Ctrl-C."""

import logging
from pathlib import Path
from typing import Any, cast

import click
from kedro.framework.session import KedroSession
from kedro.io.core import VersionNotFoundError
from kedro.runner import SequentialRunner

from simcore.errors import DiskError, SimCoreError, in_a_line, legible
from simcore.files import check_writable, disk_trouble
from simcore.interrupts import heard
from simcore.logical_run import RUN_ID, check_run_id
from simcore.reuse import ReuseRunner

LOGGER = logging.getLogger(__name__)

# Packages that write to the database of MLflow, and would leave it locked.
_TRANSACTIONS = ("mlflow", "sqlalchemy")


def _project_error(error: BaseException | None) -> SimCoreError | None:
    """Return the project error behind `error`; a dataset that fails while saving wraps it."""
    while error is not None:
        if isinstance(error, SimCoreError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _unmade(error: BaseException | None) -> str | None:
    """Return what to do where the artefact of a stage that was not asked for is missing; None for other errors."""
    while error is not None:
        if isinstance(error, VersionNotFoundError):
            what = str(error).removeprefix("Did not find any versions for ").rstrip(".")
            return (
                f"Nothing has been made yet that this needs: {what}; run the stages before it (`kedro run` runs all), "
                "or give an evaluation its encoder with --params evaluation.encoder=<folder, file or timm:name>."
            )
        error = error.__cause__ or error.__context__
    return None


class SimCoreSession(KedroSession):
    """A Kedro session that re-uses finished artefacts and, on the command line, says what is wrong in one sentence.

    With `run_id` among the parameters (`--params run_id=<time stamp>`) it is part of a logical run: its save version is
    the one given, and it shares a run in MLflow with the other sessions that have it (`simcore.logical_run`).
    """

    @classmethod
    def create(cls, *args: Any, **kwargs: Any) -> "SimCoreSession":
        """Return a session; see `KedroSession.create`.

        Raises:
            ClickException: On the command line, where `run_id` is no time stamp.
            InputError: The same, in scripts.
        """
        session = cast(SimCoreSession, super().create(*args, **kwargs))
        given = (session.store.get("runtime_params") or {}).get(RUN_ID)
        if given is not None:
            try:
                session.session_id = check_run_id(given)
            except SimCoreError as error:
                if click.get_current_context(silent=True) is not None:
                    raise click.ClickException(str(error)) from error
                raise
            session._store["session_id"] = session.session_id
        return session

    def run(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Run the pipelines asked for; see `KedroSession.run`.

        Raises:
            ClickException: On the command line, for errors that the project raises on purpose; scripts get
                the project's error itself.
        """
        runner = kwargs.get("runner")
        if runner is None or type(runner) is SequentialRunner:
            kwargs["runner"] = ReuseRunner(is_async=getattr(runner, "_is_async", False))
        try:
            check_writable(self._data_root())  # before MLflow tries for minutes to open its database there
            with heard(after=_TRANSACTIONS):
                return super().run(*args, **kwargs)
        except KeyboardInterrupt as interrupt:
            # Kedro tells its hooks about exceptions only; tracking must not leave runs open.
            try:
                self._hook_manager.hook.on_pipeline_error(
                    error=interrupt, run_params=self.store, pipeline=None, catalog=None
                )
            except Exception as error:  # such as of a database that somebody else has locked
                LOGGER.warning("MLflow was not told (%s); the next command tells it.", in_a_line(error))
            LOGGER.warning(
                "Interrupted. Finished artefacts and training states are kept: the same command goes on from there."
            )
            raise
        except Exception as error:
            cause = _project_error(error)
            if cause is None and (trouble := disk_trouble(error, place=self._data_root())) is not None:
                cause = DiskError(trouble)  # such as of the database of MLflow
            sentence = str(cause) if cause is not None else _unmade(error)
            if sentence is not None and click.get_current_context(silent=True) is not None:
                # Names of files and what libraries say may hold line breaks and characters that act on a terminal.
                raise click.ClickException(legible(" ".join(sentence.split()), most=4000)) from error
            if cause is not None and cause is not error:
                raise cause from None  # its own traceback says where; Kedro's wrappers add the dataset's name alone
            raise

    def _data_root(self) -> Path:
        return Path(self._get_config_loader()["parameters"]["prune"]["root"])
