"""Runs in MLflow whose process was killed: it could not say so itself."""

from simcore.processes import is_gone, this_process

PROCESS_TAG = "process"
_ENDED_TAG = "ended_by"
_MOST = 1000


def end_killed_runs(tracking_uri: str, experiment_id: str) -> list[str]:
    """Give runs of this machine that are RUNNING, but whose process is gone, the status KILLED; return their ids.

    A run is left alone without the tag `process`, and where its process ran on another machine.
    """
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri)
    ended = []
    asked = "attributes.status = 'RUNNING'"
    for run in client.search_runs([experiment_id], filter_string=asked, max_results=_MOST):
        if is_gone(run.data.tags.get(PROCESS_TAG, "")):
            client.set_tag(run.info.run_id, _ENDED_TAG, f"a later run: its process was killed ({this_process()})")
            client.set_terminated(run.info.run_id, "KILLED")
            ended.append(run.info.run_id)
    return ended
