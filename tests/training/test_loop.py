"""The loop: exact resume, curves, refusals."""

import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from simcore.errors import ArtefactError, InputError
from simcore.training import NonFiniteError, pretrain, remove_work
from tests.training.worlds import Recorder, assert_same_state


@pytest.mark.parametrize(
    ("optimiser", "breaks"),
    [("sgd", (5,)), ("adam", (5,)), ("adamw", (1,)), ("adamw", (9,)), ("adamw", (2, 3, 4))],
)
def test_a_run_broken_anywhere_ends_with_the_same_bits(run, broken_run, optimiser, breaks):
    whole = run(optimiser=optimiser, workdir="whole")
    for call in breaks:
        broken_run(call, optimiser=optimiser)
    resumed = run(optimiser=optimiser)
    assert_same_state(whole.state, resumed.state)
    assert whole.curves.equals(resumed.curves)


def test_sparse_checkpoints_resume_exactly(run, broken_run):
    """The run goes back to an older step, in the middle of a logging interval."""
    whole = run(workdir="whole")
    broken_run(3)
    broken_run(4, checkpoint_every_seconds=1e9)
    resumed = run(checkpoint_every_seconds=1e9)
    assert_same_state(whole.state, resumed.state)
    assert whole.curves.equals(resumed.curves)


def test_workers_do_not_change_the_result(run):
    assert_same_state(run(workdir="a").state, run(workdir="b", workers=2).state)


def test_a_finished_run_is_not_trained_again(run, make_method, monkeypatch):
    first = run()
    method = make_method()
    monkeypatch.setattr(method, "forward", None)
    again = run(method)
    assert_same_state(first.state, again.state)
    assert_same_state(first.state, method.state_dict())


def test_the_method_is_trained_in_place(run, make_method):
    method = make_method()
    before = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    result = run(method)
    assert_same_state(result.state, method.state_dict())
    moved = [name for name, tensor in before.items() if not torch.equal(tensor, result.state[name])]
    assert set(moved) == set(before)


def test_seed_and_weights_decide(run, make_method):
    base = run(workdir="a")
    assert_same_state(base.state, run(workdir="b").state)
    other = run(workdir="c", seed=4)
    assert not torch.equal(base.state["head.0.weight"], other.state["head.0.weight"])


def test_global_state_is_left_alone(run):
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    threads = torch.get_num_threads()
    run()
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


def test_curves_hold_every_interval_and_reach_the_reporter(run, broken_run):
    first, second = Recorder(), Recorder()
    broken_run(7, reporter=first)
    result = run(reporter=second)
    assert result.curves["step"].tolist() == [4, 8, 9]
    assert [row["step"] for row in first.rows] == [4]
    assert second.rows == result.curves.to_dict("records")
    assert (result.curves["feature_spread"] > 0).all()
    assert result.curves["learning_rate"].iloc[-1] == 0


def test_a_logged_loss_is_the_mean_of_its_interval(run):
    every = run(workdir="a", log_every=1).curves
    fourth = run(workdir="b", log_every=4).curves
    np.testing.assert_allclose(fourth["loss"][0], every["loss"][:4].mean(), rtol=1e-6)
    np.testing.assert_allclose(fourth["loss"][1], every["loss"][4:8].mean(), rtol=1e-6)


def test_other_settings_start_anew(run, broken_run, caplog):
    broken_run(5)
    fresh = run(workdir="fresh", learning_rate=2e-3)
    with caplog.at_level("WARNING"):
        changed = run(learning_rate=2e-3)
    assert_same_state(fresh.state, changed.state)
    assert "learning_rate" in caplog.text


def test_a_foreign_checkpoint_is_refused(run, tmp_path):
    run(workdir="a")
    run(workdir="b", seed=5)
    (mine,) = (path for path in (tmp_path / "a").iterdir() if path.is_dir())
    (other,) = (path for path in (tmp_path / "b").iterdir() if path.is_dir())
    for path in mine.glob("*.pt"):
        path.unlink()
    for path in other.glob("*.pt"):
        path.rename(mine / path.name)
    with pytest.raises(ArtefactError, match="other settings, data or seed"):
        run(workdir="a")


def test_a_damaged_newest_checkpoint_falls_back(run, tmp_path, caplog):
    whole = run(workdir="whole")
    run()
    newest = sorted(tmp_path.glob("work/*/step-*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[:1000])
    with caplog.at_level("WARNING"):
        assert_same_state(whole.state, run().state)
    assert newest.name in caplog.text


def test_only_the_newest_checkpoints_stay(run, tmp_path):
    run(keep_checkpoints=2)
    assert [path.name for path in sorted(tmp_path.glob("work/*/*.pt"))] == [
        "step-0000000008.pt",
        "step-0000000009.pt",
    ]
    remove_work(tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_a_loss_that_is_not_finite_stops_the_run(run, make_method, store, tmp_path, monkeypatch):
    method = make_method()
    calls = iter(range(1, 10_000))
    forward = method.forward

    def poisoned(views):
        if next(calls) == 6:
            views = [view.clone() for view in views]
            views[0][2] = float("nan")
        return forward(views)

    monkeypatch.setattr(method, "forward", poisoned)
    method.backbone.eval()
    with pytest.raises(NonFiniteError, match="step 6") as caught:
        run(method)
    assert "learning rate" in str(caught.value)
    assert "image-" in str(caught.value)
    (record,) = tmp_path.glob("work/*/nonfinite.json")
    assert '"step": 6' in record.read_text()


def test_a_batch_larger_than_the_data_is_refused(run):
    with pytest.raises(InputError, match="`batch_size` is 25 but the training data has 24 images"):
        run(batch_size=25)


def test_auto_takes_what_is_there(run):
    assert run(batch_size="auto", steps=3).batch_size == 24


KILLED_RUN = """
from pathlib import Path
from simcore.training import TrainingSettings, pretrain
from tests.training.worlds import NoisyViews, make_simclr, make_store

pretrain(
    make_simclr(), make_store(), views=NoisyViews(), seed=3,
    settings=TrainingSettings.model_validate_json({settings!r}), workdir=Path({workdir!r}),
)
"""


def test_a_killed_process_resumes_to_the_same_bits(run, settings, tmp_path):
    """SIGKILL, with a worker process alive, some time after the first checkpoint."""
    longer = settings.model_copy(update={"steps": 60, "workers": 1})
    whole = run(workdir="whole", steps=60)
    script = KILLED_RUN.format(settings=longer.model_dump_json(), workdir=str(tmp_path / "work"))
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL, env=os.environ)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("work/*/*.pt"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    last = max(int(path.stem.removeprefix("step-")) for path in tmp_path.glob("work/*/*.pt"))
    assert 0 < last < 60
    assert_same_state(whole.state, run(steps=60, workers=1).state)


def test_ctrl_c_ends_the_workers(settings, tmp_path):
    """SIGINT to the whole group, as a terminal sends it: one traceback, no process left."""
    longer = settings.model_copy(update={"steps": 10_000, "workers": 2})
    script = KILLED_RUN.format(settings=longer.model_dump_json(), workdir=str(tmp_path / "work"))
    # What was started in the background ignores Ctrl-C otherwise.
    command = ["env", "--default-signal=INT", sys.executable, "-c", script]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("work/*/*.pt")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert errors.decode().count("Traceback") == 1
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_a_process_that_may_have_no_children_makes_views_itself(run, monkeypatch, caplog):
    expected = run(workdir="a")
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)
    with caplog.at_level("WARNING"):
        assert_same_state(expected.state, run(workdir="b", workers=2).state)
    assert "may not have workers" in caplog.text


def test_bfloat16_trains_and_resumes_exactly(run, broken_run):
    whole = run(workdir="whole", precision="bfloat16")
    broken_run(5, precision="bfloat16")
    assert_same_state(whole.state, run(precision="bfloat16").state)
    full = run(workdir="float32")
    assert not torch.equal(whole.state["head.0.weight"], full.state["head.0.weight"])
    torch.testing.assert_close(whole.state["head.0.weight"], full.state["head.0.weight"], atol=0.02, rtol=0)


def test_a_compiled_method_leaves_the_same_names(run, monkeypatch):
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    eager, compiled = run(workdir="a"), run(workdir="b", compile=True)
    assert eager.state.keys() == compiled.state.keys()
    torch.testing.assert_close(eager.state["head.0.weight"], compiled.state["head.0.weight"], atol=1e-3, rtol=1e-3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device that the test needs absent")
def test_an_absent_gpu_is_told(run):
    with pytest.raises(InputError, match=r"`device` is cuda but PyTorch .* sees no such device"):
        run(device="cuda")


def test_a_warm_up_longer_than_the_run_is_refused(run):
    with pytest.raises(InputError, match="`warmup_steps` is 9 but the run has 9 steps"):
        run(warmup_steps=9)


def test_views_that_hide_their_settings_are_refused(make_method, store, settings, tmp_path):
    class Hidden:
        def __call__(self, image, *, step, key):
            raise NotImplementedError

    with pytest.raises(InputError, match="`views` is a Hidden whose repr does not tell its settings"):
        pretrain(make_method(), store, views=Hidden(), settings=settings, seed=0, workdir=tmp_path)
