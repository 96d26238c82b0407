"""Encoders leave with what is needed to load them."""

import re
import shutil
from pathlib import Path

import pytest
import torch

from simcore.backbones import Encoder, create_random_encoder, load_encoder
from simcore.errors import ArtefactError, InputError
from simcore.exporting import write_encoders

PIXELS = torch.arange(3 * 32 * 32, dtype=torch.int64).remainder(256).to(torch.uint8).reshape(1, 3, 32, 32)


def test_one_call_loads_each(tmp_path: Path) -> None:
    encoders = {
        "retrieval": create_random_encoder("resnet18", image_size=32, seed=0),
        "simcore/seed-1": create_random_encoder("resnet10_small", image_size=32, seed=1),
    }
    for name, encoder in encoders.items():
        encoder.save(tmp_path / "stored" / name)
    stored = ((name, tmp_path / "stored" / name) for name in encoders)
    assert write_encoders(stored, tmp_path / "out") == list(encoders)
    for name, encoder in encoders.items():
        for loaded in (Encoder.load(tmp_path / "out" / name), load_encoder(tmp_path / "out" / name)):
            assert loaded.fingerprint == encoder.fingerprint
            torch.testing.assert_close(loaded.encode(PIXELS), encoder.encode(PIXELS), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["resnet18", "resnet10_small", "vit_tiny_4"])
def test_the_calls_in_the_readme_run_as_they_stand(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = create_random_encoder(name, image_size=32, seed=0)
    encoder.save(tmp_path / "stored")
    write_encoders([("retrieval", tmp_path / "stored")], tmp_path)
    text = (tmp_path / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    space: dict = {"pixels": PIXELS}
    exec(code.replace("timm.create_model(", "network = timm.create_model("), space)
    assert space["encoder"].fingerprint == encoder.fingerprint
    assert ("network" in space) == (name != "resnet10_small")
    if "network" in space:
        for key, tensor in space["network"].state_dict().items():
            torch.testing.assert_close(tensor, encoder.module.state_dict()[key], rtol=0, atol=0)


def test_no_encoder_no_readme(tmp_path: Path) -> None:
    assert write_encoders([], tmp_path / "out") == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../up", "/abs", "a/../../b", "", "a\\..\\b"])
def test_names_stay_below(name: str, tmp_path: Path) -> None:
    create_random_encoder("resnet10_small", image_size=28, seed=0).save(tmp_path / "stored")
    with pytest.raises(InputError, match="must be a relative path"):
        write_encoders([(name, tmp_path / "stored")], tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["stored"]


def test_no_damaged_encoder_leaves(tmp_path: Path) -> None:
    create_random_encoder("resnet10_small", image_size=28, seed=0).save(tmp_path / "stored")
    create_random_encoder("resnet10_small", image_size=28, seed=1).save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "model.safetensors", tmp_path / "stored" / "model.safetensors")
    with pytest.raises(ArtefactError, match="fingerprint differs"):
        write_encoders([("retrieval", tmp_path / "stored")], tmp_path / "out")
