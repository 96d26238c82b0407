"""What the project reads from disk, each with what has to be true of whatever it returns."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Reader = Callable[[Path], None]

N_ROWS, DIM, N_CENTROIDS = 5, 4, 2


def _truth(path: Path) -> Any:
    return json.loads((path.parent / "truth.json").read_text())


def read_embeddings(path: Path) -> None:
    """Every row is there once, under a key, at the length that was written."""
    from simcore.embeddings import open_embeddings

    found = open_embeddings(path)
    keys, rows = found.keys(), found.to_numpy()
    assert len(found) == N_ROWS and found.dim == DIM
    assert keys.shape == (N_ROWS,) and rows.shape == (N_ROWS, DIM) and rows.dtype == np.float16
    assert sum(len(block) for _, block in found.blocks(rows=2)) == N_ROWS
    assert np.array_equal(found.take(np.array([4, 0])), rows[[4, 0]], equal_nan=True)
    assert found.keys_at(np.array([4, 0])).to_pylist() == keys[[4, 0]].tolist()
    assert len(found.fingerprint()) == 64


def read_hashes(path: Path) -> None:
    """Every image is there once."""
    from simcore.audit import Hashes

    found = Hashes(path)
    assert len(found) == N_ROWS and found.keys().shape == (N_ROWS,)
    thumbs, digests = found.take(np.arange(N_ROWS), "thumb", "bytes")
    assert thumbs.shape == (N_ROWS, 256) and digests.shape == (N_ROWS,)


def read_candidates(path: Path) -> None:
    """The lists point into the open-set, best first."""
    from simcore.selection import CandidateLists

    found = CandidateLists.load(path)
    assert found.n_centroids == N_CENTROIDS and found.positions.shape == found.scores.shape
    assert found.positions.min() >= 0 and found.positions.max() < found.n_rows
    assert found.keys_at(found.positions[0]) is not None


def read_selection(path: Path) -> None:
    """Picks have a place, a key, a round and a centroid."""
    from simcore.selection import Selection

    found = Selection.load(path)
    frame = found.coreset_frame()
    assert len(found) == len(frame) == len(_truth(path / "x")["keys"])
    assert found.indices.min() >= 0 and found.indices.max() < found.certificate.n_openset
    assert isinstance(found.stopped_by, str) and repr(found)


def read_centroids(path: Path) -> None:
    """Centroids are rows of finite numbers with as many sizes."""
    from simcore.datasets import CentroidsDataset

    found = CentroidsDataset(filepath=str(path)).load()
    assert found.centroids.shape == (N_CENTROIDS, DIM) and found.sizes.shape == (N_CENTROIDS,)
    assert np.isfinite(found.centroids).all()


def read_manifest(path: Path) -> None:
    """What is taken for a manifest keeps its contract."""
    from simcore.datasets import TableDataset
    from simcore.images import ImageStore
    from simcore.images.manifest import check_manifest

    frame = TableDataset(filepath=str(path)).load()
    check_manifest(frame)
    store = ImageStore(frame, cache_gib=0)
    assert len(store) == len(frame) and len(set(store.keys)) == len(frame)
    assert all(isinstance(key, str) and key for key in store.keys)


def read_records(path: Path) -> None:
    """Records are what JSON can say."""
    from simcore.datasets import RecordsDataset

    json.dumps(RecordsDataset(filepath=str(path)).load())


def read_made_from(path: Path) -> None:
    """A record has a fingerprint; the index of a root says where it lies."""
    from simcore.reuse.records import load_record, newest_records

    record = load_record(path)
    assert record.dataset in newest_records(path.parent)


def read_encoder(path: Path) -> None:
    """Weights are those the card was written for."""
    import torch

    from simcore.backbones import Encoder

    found = Encoder.load(path)
    assert found.fingerprint == _truth(path / "x")["fingerprint"]
    assert found.encode(torch.zeros(1, 3, 28, 28, dtype=torch.uint8)).shape == (1, found.dim)


def read_weight_file(path: Path) -> None:
    """Weights are tensors by name."""
    import torch

    from simcore.backbones.checkpoints import read_weights

    found = read_weights(path)
    assert found and all(isinstance(name, str) and isinstance(each, torch.Tensor) for name, each in found.items())


def read_checkpoint(path: Path) -> None:
    """A training goes on from a whole state, or says that none can be read."""
    from simcore.training.checkpoints import Checkpoints

    found = Checkpoints(path.parent, fingerprint="f" * 64, keep=2).load_newest()
    assert found is not None and found[0] in (1, 2) and isinstance(found[1], dict)


def read_image(path: Path) -> None:
    """Pixels are uint8, and as large as the header said."""
    from simcore.images.decode import MAX_PIXELS, decode, measure
    from simcore.images.encoded import UnreadableError

    data = path.read_bytes()
    try:
        width, height = measure(data)
        assert 0 < width * height <= MAX_PIXELS
        pixels = decode(data)
    except UnreadableError as error:
        _check_reason(str(error))
        return
    assert pixels.dtype == np.uint8 and pixels.shape == (height, width, 3)
    small = decode(data, side=4)
    assert min(small.shape[:2]) == min(4, *pixels.shape[:2])


def _check_reason(reason: str) -> None:
    assert reason and "\n" not in reason, reason


def read_source_of_images(path: Path) -> None:
    """A manifest keeps its contract, and every image is in it or among the rejected ones with a reason."""
    from simcore.images import read_source
    from simcore.images.manifest import check_manifest

    for role in ("target", "openset"):
        found = read_source(path, role=role, max_rejected=1.0, workers=1)  # type: ignore[arg-type]
        check_manifest(found.manifest)
        both = [*found.manifest["key"], *found.rejected["key"]]
        assert len(set(found.manifest["key"])) == len(found.manifest) and both
        for reason in found.rejected["reason"]:
            _check_reason(reason)
        # Nothing but what lies in the source's own folder may be reached.
        home = str(path.parent if path.is_file() else path)
        assert all(str(uri).startswith((home, "/nowhere")) for uri in found.manifest["uri"]), found.manifest["uri"]


def read_list_of_images(path: Path) -> None:
    """A list gives rows of the manifest, each once."""
    from simcore.exporting.lists import read_list, resolve_list

    keys = _truth(path)["keys"]
    manifest = pd.DataFrame({"key": keys, "uri": [f"/nowhere/{key}" for key in keys]})
    found = resolve_list(read_list(path), manifest, path=path)
    assert len(found) and found["key"].is_unique and set(found["key"]) <= set(keys)


def read_labels_of_a_person(path: Path) -> None:
    """Labels are classes that are known, for keys that are known."""
    from simcore.downstream.active_learning import label_from_file

    keys = _truth(path)["keys"]
    train = pd.DataFrame({"key": keys, "label": None})
    found = label_from_file(train, path, classes=("cat", "dog"))
    assert found["key"].tolist() == keys and set(found["label"].dropna()) <= {"cat", "dog"}


def read_noisy_labels(path: Path) -> None:
    """Labels are classes that are known, for keys that are known."""
    from simcore.downstream.label_files import read_labels

    keys = _truth(path)["keys"]
    found = read_labels(path, keys=keys, classes=("cat", "dog"))
    assert set(found.index) <= set(keys) and set(found) <= {"cat", "dog"}


def read_export_card(path: Path) -> None:
    """A folder is free, or an export of the same thing, or refused."""
    from simcore.exporting.destination import check_destination

    check_destination(path.parent, thing={"what": "coreset"})


def take_lock(path: Path) -> None:
    """A lock is taken whatever an earlier run has left in its file."""
    from simcore.reuse.locking import locked

    with locked(path.parent, {None}):
        assert json.loads(path.read_text())["pid"]


def read_parameters(path: Path) -> None:
    """A project with this file as its parameters gets a typed tree."""
    from simcore.config import LayeredConfigLoader
    from simcore.parameters import check_parameters
    from simcore.settings import CONFIG_LOADER_ARGS

    loader = LayeredConfigLoader(conf_source=str(path.parents[1]), env="hostile", **CONFIG_LOADER_ARGS)
    assert check_parameters(loader["parameters"]).arms


READERS: dict[str, Reader] = {
    name: function
    for name, function in list(globals().items())
    if name.startswith(("read_", "take_")) and callable(function)
}
