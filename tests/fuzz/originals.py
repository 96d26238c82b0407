"""Whole files of each kind, as small as they can be: what the hostile ones are made from."""

import io
import json
import shutil
import struct
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

from simcore.audit import hash_images
from simcore.backbones import create_random_encoder
from simcore.datasets import CentroidsDataset
from simcore.embeddings import write_embeddings
from simcore.images import build_manifest
from simcore.selection import Clustering, scan, select_coreset
from simcore.training.checkpoints import Checkpoints
from tests.fuzz.readers import DIM, N_CENTROIDS, N_ROWS

KEYS = [f"{number}/bird {number}.png" for number in range(N_ROWS)]


@dataclass(frozen=True)
class Original:
    """A file or folder that a reader takes.

    Attributes:
        make: writes it below a folder that is empty.
        reader: name of the reader.
        path: what the reader is given, relative to the folder.
        hostile: the files that are changed, relative to the folder.
    """

    make: Callable[[Path], None]
    reader: str
    path: str
    hostile: tuple[str, ...]


def _rows(n: int, dim: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, dim)).astype(np.float32)


def _truth(folder: Path, **facts: object) -> None:
    (folder / "truth.json").write_text(json.dumps(facts))


def picture(form: str, *, mode: str = "RGB", size: tuple[int, int] = (12, 9)) -> bytes:
    """Return a small picture in one of Pillow's formats."""
    values = np.random.default_rng(1).integers(0, 255, size=(size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values).convert(mode).save(buffer, format=form)
    return buffer.getvalue()


def _pool(folder: Path) -> pd.DataFrame:
    """Write pictures; return their manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    records = []
    for number, key in enumerate(KEYS):
        path = folder / f"{number}.png"
        path.write_bytes(picture("PNG"))
        facts = {"key": key, "uri": str(path), "label": "cat" if number % 2 else "dog"}
        records.append({**facts, "split": "train", "width": 12, "height": 9, "source": "pool"})
    return build_manifest(records)


def make_embeddings(folder: Path) -> None:
    write_embeddings(folder / "embeddings", KEYS, _rows(N_ROWS, DIM), metadata={"encoder": "e"}, rows_per_shard=3)


def make_hashes(folder: Path) -> None:
    hash_images(_pool(folder / "pool"), folder / "hashes", rows_per_part=3, workers=1)


def make_candidates(folder: Path) -> None:
    write_embeddings(folder / "embeddings", KEYS, _rows(N_ROWS, DIM))
    scan(_rows(N_CENTROIDS, DIM), folder / "embeddings", depth=3).save(folder / "lists.parquet")


def make_selection(folder: Path) -> None:
    found = select_coreset(_rows(N_CENTROIDS, DIM), _rows(N_ROWS, DIM), budget=3, stop=None)
    found.save(folder / "selection")
    _truth(folder / "selection", keys=found.indices.tolist())


def make_centroids(folder: Path) -> None:
    clustering = Clustering(_rows(N_CENTROIDS, DIM), 1.5, np.array([3, 2]), {"seed": 0})
    CentroidsDataset(filepath=str(folder / "made" / "centroids.parquet")).save(clustering)
    # By itself, as it is handed from one person to another: without the list of what was written.
    (folder / "made" / "centroids.parquet").rename(folder / "centroids.parquet")


def make_manifest(folder: Path) -> None:
    pq.write_table(pa.Table.from_pandas(_pool(folder), preserve_index=False), folder / "manifest.parquet")


def make_records(folder: Path) -> None:
    (folder / "metrics.json").write_text(json.dumps([{"arm": "x", "seed": 0, "value": 0.5}], indent=1))


def make_made_from(folder: Path) -> None:
    record = {"dataset": "coreset", "fingerprint": "f", "code": "c", "parameters": {"a": "b"}, "inputs": {}}
    (folder / "made_from.json").write_text(json.dumps(record | {"made_at": "2026-01-01T00.00.00.000Z"}))


def make_encoder(folder: Path) -> None:
    encoder = create_random_encoder("resnet10_small", image_size=28, seed=0)
    encoder.save(folder / "encoder")
    _truth(folder / "encoder", fingerprint=encoder.fingerprint)


def make_weight_files(folder: Path) -> None:
    from safetensors.torch import save_file

    state = {"conv.weight": torch.ones(2, 2), "conv.bias": torch.zeros(2)}
    save_file(state, folder / "weights.safetensors")
    torch.save({"state_dict": state, "epoch": 3}, folder / "weights.pth")
    torch.save(state, folder / "old.pt", _use_new_zipfile_serialization=False)


def make_checkpoints(folder: Path) -> None:
    checkpoints = Checkpoints(folder, fingerprint="f" * 64, keep=2)
    for step in (1, 2):
        checkpoints.save({"weight": torch.ones(3)}, step=step)


FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "AVIF", "JPEG2000")


def make_pictures(folder: Path) -> None:
    for form in FORMATS:
        (folder / f"picture.{form.lower()}").write_bytes(picture(form))
    (folder / "palette.png").write_bytes(picture("PNG", mode="P"))
    (folder / "grey.jpeg").write_bytes(picture("JPEG", mode="L"))
    (folder / "ink.jpeg").write_bytes(picture("JPEG", mode="CMYK"))
    buffer = io.BytesIO()
    noise = Image.fromarray(np.random.default_rng(2).integers(0, 255, size=(9, 12), dtype=np.uint8))
    noise.save(buffer, format="TIFF", compression="tiff_lzw")
    (folder / "lzw.tiff").write_bytes(buffer.getvalue())


def make_packed(folder: Path) -> None:
    pictures = [picture("PNG", mode="L"), picture("JPEG"), picture("PNG"), picture("PNG"), picture("WEBP")]
    splits = ["train", "train", "train", "train", "test"]
    columns = {"key": KEYS, "image": pictures, "label": ["cat", "dog", "cat", "dog", "cat"], "split": splits}
    pq.write_table(pa.table(columns), folder / "packed.parquet")


def make_tar(folder: Path) -> None:
    with tarfile.open(folder / "birds.tar", "w") as tar:
        for number in range(3):
            facts = json.dumps({"key": f"k{number}", "label": "cat", "split": "train"}).encode()
            for name, data in ((f"a/{number}.png", picture("PNG", mode="L")), (f"a/{number}.json", facts)):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def make_listed(folder: Path) -> None:
    _pool(folder / "pool")
    lines = ["uri,key,label,split,remark"]
    lines += [f"pool/{number}.png,{key},cat,train,none" for number, key in enumerate(KEYS)]
    (folder / "listed.csv").write_text("\n".join(lines) + "\n")


def make_lists(folder: Path) -> None:
    _truth(folder, keys=KEYS)
    (folder / "picks.txt").write_text("\n".join(KEYS[:3]) + "\n")
    (folder / "picks.csv").write_text("key,round\n" + "".join(f"{key},1\n" for key in KEYS[:3]))
    pq.write_table(pa.table({"key": KEYS[:3]}), folder / "picks.parquet")


def make_labels(folder: Path) -> None:
    _truth(folder, keys=KEYS)
    (folder / "labels.csv").write_text("key,label\n" + "".join(f"{key},cat\n" for key in KEYS[:3]))
    pq.write_table(pa.table({"key": KEYS[:3], "label": ["cat", "dog", "cat"]}), folder / "labels.parquet")


def make_export_card(folder: Path) -> None:
    (folder / "images.csv").write_text("key\n")
    card = {"kind": "simcore export", "version": "1", "thing": {"what": "coreset"}, "files": {"images.csv": 1}}
    (folder / "export.json").write_text(json.dumps(card))


def make_lock(folder: Path) -> None:
    (folder / "stages.lock").write_text(json.dumps({"pid": 1, "host": "h", "since": "s", "command": "kedro run"}))


def make_parameters(folder: Path) -> None:
    from tests.projects import ROOT

    shutil.copytree(ROOT / "conf" / "base", folder / "conf" / "base")
    (folder / "conf" / "local").mkdir()
    (folder / "conf" / "hostile").mkdir()
    source = (ROOT / "conf" / "base" / "parameters" / "selection.yml").read_text()
    (folder / "conf" / "hostile" / "parameters.yml").write_text(source)


def giant(form: str) -> bytes:
    """Return a picture whose header says that it has 65,000 x 65,000 pixels or so."""
    data = bytearray(picture(form))
    if form == "PNG":
        data[16:24] = struct.pack(">II", 2**31 - 1, 2**31 - 1)
    elif form == "BMP":
        data[18:26] = struct.pack("<ii", 2**31 - 1, -(2**31))
    elif form == "GIF":
        data[6:10] = struct.pack("<HH", 65535, 65535)
    elif form == "JPEG":
        frame = data.index(b"\xff\xc0")
        data[frame + 5 : frame + 9] = struct.pack(">HH", 65535, 65535)
    return bytes(data)


ORIGINALS: dict[str, Original] = {
    "embedding shards": Original(
        make_embeddings,
        "read_embeddings",
        "embeddings",
        ("embeddings/part-00000.parquet", "embeddings/part-00001.parquet"),
    ),
    "hashes": Original(
        make_hashes, "read_hashes", "hashes", ("hashes/part-00000.parquet", "hashes/part-00001.parquet")
    ),
    "candidate lists": Original(make_candidates, "read_candidates", "lists.parquet", ("lists.parquet",)),
    "selection": Original(
        make_selection,
        "read_selection",
        "selection",
        ("selection/coreset.parquet", "selection/trace.parquet", "selection/certificate.json"),
    ),
    "centroids": Original(make_centroids, "read_centroids", "centroids.parquet", ("centroids.parquet",)),
    "manifest": Original(make_manifest, "read_manifest", "manifest.parquet", ("manifest.parquet",)),
    "records": Original(make_records, "read_records", "metrics.json", ("metrics.json",)),
    "made_from": Original(make_made_from, "read_made_from", "made_from.json", ("made_from.json",)),
    "encoder": Original(make_encoder, "read_encoder", "encoder", ("encoder/card.json", "encoder/model.safetensors")),
    "safetensors": Original(make_weight_files, "read_weight_file", "weights.safetensors", ("weights.safetensors",)),
    "torch file": Original(make_weight_files, "read_weight_file", "weights.pth", ("weights.pth",)),
    "old torch file": Original(make_weight_files, "read_weight_file", "old.pt", ("old.pt",)),
    "checkpoint": Original(
        make_checkpoints, "read_checkpoint", "step-0000000002.pt", ("step-0000000002.pt", "step-0000000001.pt")
    ),
    "packed Parquet": Original(make_packed, "read_source_of_images", "packed.parquet", ("packed.parquet",)),
    "tar": Original(make_tar, "read_source_of_images", "birds.tar", ("birds.tar",)),
    "list of sources": Original(make_listed, "read_source_of_images", "listed.csv", ("listed.csv",)),
    "list, text": Original(make_lists, "read_list_of_images", "picks.txt", ("picks.txt",)),
    "list, CSV": Original(make_lists, "read_list_of_images", "picks.csv", ("picks.csv",)),
    "list, Parquet": Original(make_lists, "read_list_of_images", "picks.parquet", ("picks.parquet",)),
    "labels of a person": Original(make_labels, "read_labels_of_a_person", "labels.csv", ("labels.csv",)),
    "labels, CSV": Original(make_labels, "read_noisy_labels", "labels.csv", ("labels.csv",)),
    "labels, Parquet": Original(make_labels, "read_noisy_labels", "labels.parquet", ("labels.parquet",)),
    "export card": Original(make_export_card, "read_export_card", "export.json", ("export.json",)),
    "lock": Original(make_lock, "take_lock", "stages.lock", ("stages.lock",)),
    "parameters": Original(
        make_parameters, "read_parameters", "conf/hostile/parameters.yml", ("conf/hostile/parameters.yml",)
    ),
    **{
        f"picture, {form}": Original(
            make_pictures, "read_image", f"picture.{form.lower()}", (f"picture.{form.lower()}",)
        )
        for form in FORMATS
    },
    **{
        f"picture, {name}": Original(make_pictures, "read_image", name, (name,))
        for name in ("palette.png", "grey.jpeg", "ink.jpeg", "lzw.tiff")
    },
}
