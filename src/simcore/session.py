"""The session behind `kedro run`: re-use of artefacts, one-sentence errors, a clean state after Ctrl-C."""

import logging
from typing import Any

import click
from kedro.framework.session import KedroSession
from kedro.io.core import VersionNotFoundError
from kedro.runner import SequentialRunner

from simcore.errors import SimCoreError
from simcore.reuse import ReuseRunner

LOGGER = logging.getLogger(__name__)


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
    """A Kedro session that re-uses finished artefacts and, on the command line, says what is wrong in one sentence."""

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
            return super().run(*args, **kwargs)
        except KeyboardInterrupt as interrupt:
            # Kedro tells its hooks about exceptions only; tracking must not leave runs open.
            self._hook_manager.hook.on_pipeline_error(
                error=interrupt, run_params=self.store, pipeline=None, catalog=None
            )
            LOGGER.warning(
                "Interrupted. Finished artefacts and training states are kept: the same command goes on from there."
            )
            raise
        except Exception as error:
            cause = _project_error(error)
            sentence = str(cause) if cause is not None else _unmade(error)
            if sentence is not None and click.get_current_context(silent=True) is not None:
                raise click.ClickException(sentence) from error
            if cause is not None and cause is not error:
                raise cause from None  # its own traceback says where; Kedro's wrappers add the dataset's name alone
            raise
