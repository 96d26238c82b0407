"""A look at the encoder in training leaves no trace."""

import torch
from torch import nn

from simcore.training.evaluating import evaluating
from tests.training.worlds import Recorder, assert_same_state

CPU = torch.device("cpu")


def test_modes_generators_and_running_statistics_are_put_back():
    module = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.BatchNorm1d(3))
    module[2].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    torch.manual_seed(4)
    expected = torch.rand(2)
    torch.manual_seed(4)
    with evaluating(module, device=CPU):
        assert not any(part.training for part in module.modules())
        assert not module(torch.rand(5, 3)).requires_grad
    assert [part.training for part in module] == [True, True, False]
    assert torch.equal(torch.rand(2), expected)
    assert_same_state(before, module.state_dict())


class Probe:
    """Uses everything that a probe may touch."""

    def __init__(self):
        self.modes = []

    def __call__(self, encoder):
        self.modes.append(any(part.training for part in encoder.modules()))
        features = encoder(torch.rand(6, 3, 16, 16))
        torch.manual_seed(1)
        return {"knn_top1": len(self.modes) / 10, "norm": features.norm()}


def test_a_probe_joins_the_curves_and_changes_nothing(run):
    probe, recorder = Probe(), Recorder()
    probed = run(probe=probe, probe_every_steps=3, reporter=recorder)
    plain = run(workdir="plain")
    assert_same_state(probed.state, plain.state)
    assert probe.modes == [False] * 3
    assert probed.curves["step"].tolist() == [3, 4, 6, 8, 9]
    assert probed.curves["knn_top1"].dropna().tolist() == [0.1, 0.2, 0.3]
    assert recorder.rows[0]["knn_top1"] == 0.1
    assert "knn_top1" not in recorder.rows[1]
    assert list(probed.curves)[:4] == ["step", "loss", "learning_rate", "feature_spread"]


def test_without_a_rhythm_the_probe_looks_at_the_end(run):
    probe = Probe()
    assert run(probe=probe).curves["knn_top1"].tolist()[-1] == 0.1
    assert len(probe.modes) == 1
