"""Pipelines as jobs: complete, in order, and with what the run was given."""

import shlex

import click
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kedro.framework.cli.utils import _split_params
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project

from simcore.errors import InputError
from simcore.jobs import Job, command_line, list_jobs
from tests.projects import ROOT, session_here


@pytest.mark.parametrize("name", ["__default__", "thresholds", "two_stages", "evaluation", "ingestion"])
def test_every_node_is_in_one_job_behind_what_it_reads(name):
    bootstrap_project(ROOT)
    pipeline = pipelines[name]
    jobs = list_jobs(pipeline, pipeline_name=name)
    job_of = {node: job for job in jobs for node in job.nodes}
    assert sorted(node for job in jobs for node in job.nodes) == sorted(node.name for node in pipeline.nodes)
    by_name = {job.name: job for job in jobs}
    assert len(by_name) == len(jobs)
    for node, parents in pipeline.node_dependencies.items():
        for parent in parents:
            before, after = job_of[parent.name], job_of[node.name]
            assert before == after or (before.wave < after.wave and before.name in after.after)
    for job in jobs:
        namespaces = {node.namespace for node in pipeline.nodes if node.name in job.nodes}
        # Stages lock everything: no namespace may run beside them.
        assert (job.wave % 2 == 0) == (namespaces == {None}) and len(namespaces) == 1
        assert sum(other.wave == job.wave for other in jobs) == 1 or job.wave % 2
        options = dict(zip(job.command[1::2], job.command[2::2], strict=True))
        assert options.get("--pipelines", "__default__") == name
        chosen = {"node_names": options.get("--nodes", "").split(",")} if "--nodes" in options else {}
        chosen |= {"node_namespaces": [options["--namespaces"]]} if "--namespaces" in options else {}
        assert {node.name for node in pipeline.filter(**chosen).nodes} == set(job.nodes)


def test_commands_carry_what_the_run_was_given(tmp_path, small_data):
    params = {**small_data, "comparison": {"arms": "x+simcore"}}
    with session_here(tmp_path, params=params) as session:
        table = session.load_context()._get_catalog().load("jobs_to_run")
    assert list(table["job"]) == ["stages 0", "simcore", "x", "stages 1"]  # nothing for an encoder that is not given
    assert list(table["after"]) == ["", "stages 0", "stages 0", "simcore, stages 0, x"]
    given = [dict(word.split("=", 1) for word in shlex.split(line)[-1].split(",")) for line in table["command"]]
    assert len({words["run_id"] for words in given}) == 1
    assert {words["data_root"] for words in given} == {str(tmp_path)}
    assert {words["comparison.arms"] for words in given} == {"x+simcore"}
    assert all("--env test" in line for line in table["command"])


def read_back(params: dict[str, object]) -> object:
    """Return what Kedro reads in the command that is printed for a job with these parameters."""
    line = command_line(Job("x", 1, ("x.pretrain",), (), ("run",)), env=None, params=params)
    *_, option, text = shlex.split(line)
    assert option == "--params"
    return _split_params(click.Context(click.Command("run")), click.Option(["--params"]), text)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.text("ab,:#-[]{}&*!|>'\"%@`\\=? \n\t~.0x_e+1", max_size=6)
    | st.sampled_from(["None", "null", "", "true", "no", "1e3", "0.1+1", "2026-01-31", "1_000", "1:30", "--- a", "a b"])
)
mappings = st.dictionaries(st.sampled_from(["source", "path", "quota"]), scalars, min_size=1)
values = st.recursive(scalars | st.lists(scalars | mappings), st.lists, max_leaves=8)


@settings(deadline=None, max_examples=500)
@example({"run_id": ",["})
@given(st.dictionaries(st.sampled_from(["run_id", "method", "arms", "data_root"]), values, min_size=1))
def test_a_command_gives_kedro_the_values_that_it_was_made_with(params):
    try:
        found = read_back(params)
    except InputError:
        assert "${" in str(params)  # an interpolation that OmegaConf cannot parse
    else:
        assert found == params
        assert {name: type(value) for name, value in found.items()} == {name: type(params[name]) for name in params}


def test_names_with_dots_are_read_as_groups():
    assert read_back({"selection.tau": None, "images.image_size": "auto"}) == {
        "selection": {"tau": None},
        "images": {"image_size": "auto"},
    }


@pytest.mark.parametrize("value", ["${", float("nan"), float("inf"), object(), ("a", "b")])
def test_a_value_that_cannot_be_typed_is_refused(value):
    with pytest.raises(InputError, match=r"^The value .* of `selection.exclude` cannot be written as `--params`; give"):
        read_back({"selection.exclude": value})
