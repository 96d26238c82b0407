"""Several commands of one run: their save version, and the run in MLflow that they share."""

import threading
from pathlib import Path
from typing import Any

import click
import mlflow
import pytest
from kedro.framework.startup import bootstrap_project

from simcore.errors import InputError
from simcore.hooks import told
from simcore.job_hook import decisive_parameters
from simcore.logical_run import Job, check_run_id, in_turn, job_name, join_run
from simcore.parameters import ParameterTree, check_parameters
from simcore.parameters.base import Parameters
from simcore.session import SimCoreSession
from simcore.tracking import Tracker, flatten
from simcore.training.settings import TrainingSettings
from tests.projects import ROOT

RUN_ID = "2026-01-31T09.30.00.000Z"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, Path]:
    """A store with its experiment, and the lock beside it."""
    folder = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{folder}/mlflow.db"
    experiment = mlflow.MlflowClient(uri).create_experiment("jobs", artifact_location=str(folder))
    return uri, experiment, folder / "lock"


def join(store: tuple[str, str, Path], name: str, *, run_id: str = RUN_ID, **changes: object) -> Job:
    uri, experiment, lock = store
    parameters = {"selection.tau": 0.95, "runtime.device": "cpu", **changes}
    job = join_run(
        run_id,
        name=name,
        tracking_uri=uri,
        experiment_id=experiment,
        parameters=parameters,
        decisive={"selection.tau": parameters["selection.tau"]},
        lock=lock,
    )
    job.begin()
    return job


@pytest.fixture(scope="module")
def tree() -> ParameterTree:
    bootstrap_project(ROOT)
    with SimCoreSession.create(project_path=ROOT, env="test") as session:
        return check_parameters(dict(session._get_config_loader()["parameters"]))


def changed(part: Any, name: str, value: Any) -> Any:
    """Return parameters with one of them changed, by its flat name."""
    first, _, rest = name.partition(".")
    before = part[first] if isinstance(part, dict) else getattr(part, first)
    after = changed(before, rest, value) if rest else value
    return {**part, first: after} if isinstance(part, dict) else part.model_copy(update={first: after})


def join_with(store: tuple[str, str, Path], tree: ParameterTree, *, run_id: str) -> Job:
    uri, experiment, lock = store
    return join_run(
        run_id,
        name="x",
        tracking_uri=uri,
        experiment_id=experiment,
        parameters=flatten(told(tree)),
        decisive=decisive_parameters(tree),
        lock=lock,
    )


def status(job: Job) -> str:
    return mlflow.MlflowClient(job.tracking_uri).get_run(job.parent).info.status


@pytest.mark.parametrize(
    "given", ["today", "2026-01-31", "2026-01-31T09.30.00Z", "2026-02-31T09.30.00.000Z", "../../x", 7, "", RUN_ID + "x"]
)
def test_a_run_id_that_is_no_time_stamp_is_refused(given):
    with pytest.raises(InputError, match=r"^`run_id` is .* should be a UTC time stamp such as 2026-"):
        check_run_id(given)


def test_a_session_saves_under_the_run_id_and_the_command_line_gets_a_sentence():
    bootstrap_project(ROOT)
    session = SimCoreSession.create(project_path=ROOT, env="test", runtime_params={"run_id": RUN_ID})
    assert session.session_id == session.store["session_id"] == RUN_ID
    other = SimCoreSession.create(project_path=ROOT, env="test")
    assert other.session_id > RUN_ID
    with pytest.raises(InputError):
        SimCoreSession.create(project_path=ROOT, runtime_params={"run_id": "today"})
    with click.Context(click.Command("run")), pytest.raises(click.ClickException, match="UTC time stamp"):
        SimCoreSession.create(project_path=ROOT, runtime_params={"run_id": "today"})


def test_jobs_share_one_run_which_ends_with_the_last_of_them(store):
    odd = job_name({"node_names": ["a,b=c"] * 30 + ["d"], "namespaces": ["x"], "pipeline_names": ["p", "q"]})
    x, simcore = join(store, odd), join(store, "simcore")
    assert x.parent == simcore.parent and status(x) == "RUNNING"
    x.end("FINISHED")
    assert status(x) == "RUNNING"
    simcore.end("FAILED")
    assert status(x) == "FAILED"
    again = join(store, "simcore")
    assert again.parent == x.parent and status(x) == "RUNNING"
    again.end("FINISHED")
    assert status(x) == "FINISHED"
    assert join(store, "x", run_id="2026-01-31T09.30.00.001Z").parent != x.parent


def test_processes_that_begin_together_make_one_run(store):
    jobs: list[Job] = []
    run_id = "2026-01-31T10.00.00.000Z"
    threads = [
        threading.Thread(target=lambda name=f"{number}": jobs.append(join(store, name, run_id=run_id)))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job.parent for job in jobs}) == 1 and len(jobs) == 4


def test_a_turn_waits_for_the_one_before(tmp_path):
    order = []

    def second() -> None:
        with in_turn(tmp_path / "lock"):
            order.append("second")

    with in_turn(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(timeout=0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_other_parameters_are_refused_unless_they_concern_the_machine(store):
    run_id = "2026-01-31T11.00.00.000Z"
    begun = join(store, "x", run_id=run_id)
    assert join(store, "simcore", run_id=run_id, **{"runtime.device": "cuda"}).parent == begun.parent
    with pytest.raises(InputError, match=r"begun with other parameters \(selection.tau was 0.95 and is 0.9\)"):
        join(store, "random", run_id=run_id, **{"selection.tau": 0.9})


def test_what_jobs_share_is_every_parameter_but_those_of_the_machine(tree):
    names = decisive_parameters(tree).keys()
    assert {"selection.tau", "pretraining.optimisation.steps", "arms.x.target", "evaluation.linear.epochs"} <= names
    assert {"variants.byol.pretraining.method", "variants.coco.openset.limit"} <= names
    machine = {
        "embedding.batch_size",
        "images.cache_gib",
        "target.datasets_root",
        "variants.byol.openset.verify_workers",
        "variants.byol.pretraining.optimisation.compile",
        "runtime.work_dir",
        "prune.root",
        "plan.probe_steps",
    }
    assert not machine & names


def test_what_stays_out_of_fingerprints_is_known_as_an_input_or_as_of_the_machine(tree):
    def left_out(model: Any, before: str = "") -> set[str]:
        found = {f"{before}{name}" for name in model.runtime_only} if hasattr(model, "runtime_only") else set()
        parts = [(name, getattr(model, name)) for name in type(model).model_fields]
        return found.union(
            *(
                left_out(part, f"{before}{name}.")
                for name, part in parts
                if isinstance(part, Parameters | TrainingSettings)
            )
        )

    assert left_out(tree) & decisive_parameters(tree).keys() == {
        "active_learning.labels",
        "active_learning.pictures",
        "comparison.arms",
        "detection.optimisation.log_every",
        "detection.optimisation.probe_every_steps",
        "openset.embeddings",
        "pretraining.coreset",
        "pretraining.optimisation.log_every",
        "pretraining.optimisation.probe_every_steps",
        "retrieval.optimisation.log_every",
        "retrieval.optimisation.probe_every_steps",
        "target.embeddings",
    }


@pytest.fixture(scope="module")
def begun(store, tree) -> Job:
    return join_with(store, tree, run_id="2026-01-31T13.00.00.000Z")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("selection.tau", 0.9),
        ("openset.embeddings", "/elsewhere"),
        ("target.embeddings", "/elsewhere"),
        ("pretraining.coreset", __file__),
        ("variants.byol.selection.tau", 0.9),
        ("variants.byol.openset.embeddings", "/elsewhere"),
        ("variants.hns.pretraining.hns.temperature", 0.123),
    ],
)
def test_another_input_is_refused_with_its_name_and_both_values(store, tree, begun, name, value):
    other = changed(tree, name, value)
    was = decisive_parameters(tree)[name]
    with pytest.raises(InputError) as refused:
        join_with(store, other, run_id="2026-01-31T13.00.00.000Z")
    assert f"begun with other parameters ({name} was {was} and is {value})" in str(refused.value)


def test_another_machine_joins(store, tree, begun):
    other = changed(changed(tree, "runtime.device", "cuda"), "variants.byol.openset.datasets_root", "/mnt/datasets")
    assert join_with(store, other, run_id="2026-01-31T13.00.00.000Z").parent == begun.parent


def test_a_method_of_its_own_is_told_before_its_settings(store):
    run_id = "2026-01-31T13.30.00.000Z"
    uri, experiment, lock = store
    where: dict[str, Any] = {"tracking_uri": uri, "experiment_id": experiment, "lock": lock, "parameters": {}}
    join_run(run_id, name="x", decisive={"a.method": "simclr", "a.simclr": 1}, **where)
    with pytest.raises(
        InputError, match=r"\(a.method was simclr and is byol; a.byol was absent and is 2; a.simclr was 1"
    ):
        join_run(run_id, name="y", decisive={"a.method": "byol", "a.byol": 2}, **where)


@pytest.mark.parametrize("logged", [0, 100])
def test_a_run_whose_first_job_was_killed_while_it_logged_refuses_and_is_completed(store, tree, monkeypatch, logged):
    run_id = f"2026-01-31T14.00.00.{logged:03d}Z"
    log_batch = mlflow.MlflowClient.log_batch

    def killed(self: mlflow.MlflowClient, run: str, *, params: list[Any]) -> None:
        log_batch(self, run, params=params[:logged])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(mlflow.MlflowClient, "log_batch", killed)
        join_with(store, tree, run_id=run_id)
    with pytest.raises(InputError, match=r"\(selection.tau was 0.95 and is 0.9\)"):
        join_with(store, changed(tree, "selection.tau", 0.9), run_id=run_id)
    client = mlflow.MlflowClient(store[0])
    (run,) = client.search_runs([store[1]], filter_string=f"tags.logical_run = '{run_id}'")
    assert len(run.data.params) == logged
    job = join_with(store, changed(tree, "runtime.device", "cuda"), run_id=run_id)
    assert job.parent == run.info.run_id
    assert client.get_run(job.parent).data.params.keys() == flatten(told(tree)).keys()


def test_a_run_that_does_not_say_its_parameters_is_not_joined(store):
    run_id = "2026-01-31T15.00.00.000Z"
    mlflow.MlflowClient(store[0]).create_run(store[1], tags={"logical_run": run_id})
    with pytest.raises(InputError, match=r"does not say with which parameters it was begun .* `run_id` of its own"):
        join(store, "x", run_id=run_id)


def test_a_child_is_made_once_for_all_jobs(store):
    uri, experiment, _ = store
    job = join(store, "x", run_id="2026-01-31T12.00.00.000Z")
    tracker = {"tracking_uri": uri, "experiment_id": experiment, "run_id": job.parent, "parameters": {"a": 1}}
    first = Tracker(**tracker, tags={}, shared=True)
    made = {(arm, seed): first.child(arm=arm, seed=seed) for arm, seed in (("x", 0), ("x", 1), ("pixels", None))}
    assert len(set(made.values())) == 3
    first.close("FINISHED")
    later = Tracker(**{**tracker, "parameters": {"a": 2}}, tags={}, shared=True)
    client = mlflow.MlflowClient(uri)
    for (arm, seed), child in made.items():
        assert later.child(arm=arm, seed=seed) == child
        assert client.get_run(child).info.status == "RUNNING"
    later.close("FINISHED")
    assert {client.get_run(child).info.status for child in made.values()} == {"FINISHED"}
    alone = Tracker(**tracker, tags={})
    assert alone.child(arm="x", seed=0) != made["x", 0]


def test_long_names_of_jobs_stay_apart():
    names = [job_name({"node_names": [f"node_{number}" for number in range(40 + more)]}) for more in (0, 1)]
    assert names[0] != names[1] and max(map(len, names)) < 240
