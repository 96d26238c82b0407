"""Embeddings of a manifest, extracted by the workers of a cluster: shard for shard the bytes of a local run."""

import json
import math
import shutil
import uuid
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from simcore.backbones import Encoder
from simcore.backbones.encoder import library_versions
from simcore.cluster.connecting import Cluster, connected, has_gpus
from simcore.cluster.mapping import check_seen, map_on_cluster, this_machine
from simcore.embeddings import Embeddings, open_embeddings
from simcore.embeddings.extraction import check_batch_size, embed_shard, extraction_metadata
from simcore.embeddings.shards import SHARD_PATTERN, UNFINISHED, check_header, embedding_schema, shard_name
from simcore.errors import InputError
from simcore.images import MANIFEST_COLUMNS, ImageStore, check_manifest
from simcore.progress import progress

_JOB = ".cluster-"
_RECEIPT = pa.schema([("number", pa.int64()), ("rows", pa.int64())])


def embed_on_cluster(
    encoder: Encoder,
    manifest: pd.DataFrame,
    directory: str | Path,
    *,
    cluster: Cluster,
    image_size: int,
    resize_ratio: float = 1.0,
    batch_size: int = 256,
    rows_per_shard: int = 65_536,
    device: str = "auto",
    source: str | None = None,
    cache_gib: float = 4.0,
    show_progress: bool = True,
) -> Embeddings:
    """Return the embeddings of all images of `manifest`, as `simcore.embeddings.extraction.extract` makes them.

    The unit of work is a shard. A worker loads the encoder once, reads its rows of the manifest from `directory`,
    decodes, encodes and writes the shard there; a receipt comes back, neither images nor embeddings do. Shards that are
    there are not made again; one that is made twice, after its worker died, is replaced by the same bytes.

    The bytes are those of a local run with as many threads (`Cluster.threads`) on the same kind of processor: PyTorch
    may add in another order with more threads, on another processor or on a GPU.

    Args:
        encoder: Maps uint8 images to features.
        manifest: The images; their uris must be readable on every machine.
        directory: Where the shards go; the same folder on every machine.
        cluster: Where the work goes.
        image_size: As for `extract`, and so are all that are not named here.
        resize_ratio: See `image_size`.
        batch_size: See `image_size`.
        rows_per_shard: See `image_size`.
        device: `auto`: a GPU for each worker if the cluster has any.
        source: See `image_size`.
        cache_gib: Memory for decoded images in each worker, see `ImageStore`.
        show_progress: Whether a bar over the images is shown.

    Raises:
        InputError: As `extract`; if Ray is not installed or not to be reached; if a worker does not see `directory`.
    """
    directory = Path(directory).absolute()
    check_manifest(manifest)
    check_batch_size(batch_size)
    if len(manifest) == 0:
        raise InputError("There are no images to embed; give a manifest with at least one row.")
    metadata = extraction_metadata(
        encoder, manifest["key"].to_numpy(), image_size=image_size, resize_ratio=resize_ratio, source=source
    )
    schema = embedding_schema(encoder.dim, metadata)
    n_shards = math.ceil(len(manifest) / rows_per_shard)
    shard_rows = [min(rows_per_shard, len(manifest) - number * rows_per_shard) for number in range(n_shards)]
    directory.mkdir(parents=True, exist_ok=True)
    missing = [
        number for number in range(n_shards) if not _stands(directory, number, shard_rows[number], schema=schema)
    ]
    if missing:
        (directory / UNFINISHED).touch()
        job = _lay_out(directory, encoder, manifest, rows_per_shard=rows_per_shard)
        try:
            with connected(cluster) as ray:
                gpus = int(device == "cuda" or (device == "auto" and has_gpus(ray)))
                make = partial(
                    EmbedShards,
                    job,
                    schema=schema,
                    cache_gib=cache_gib,
                    device=("cuda" if gpus else "cpu") if device == "auto" else device,
                    workers=cluster.threads_each,
                    image_size=image_size,
                    resize_ratio=resize_ratio,
                    batch_size=batch_size,
                    rows_per_shard=rows_per_shard,
                )
                with progress((), description="embed", total=len(manifest), unit="image", shown=show_progress) as bar:
                    bar.update(len(manifest) - sum(shard_rows[number] for number in missing))
                    units = ({"number": number} for number in missing)
                    for receipt in map_on_cluster(make, units, columns=_RECEIPT, cluster=cluster, gpus=gpus):
                        bar.update(receipt.column("rows")[0].as_py())
        finally:
            shutil.rmtree(job, ignore_errors=True)
    for path in directory.iterdir():
        match = SHARD_PATTERN.fullmatch(path.name)
        if match and int(match.group(1)) >= n_shards:
            path.unlink()
    (directory / UNFINISHED).unlink(missing_ok=True)
    return open_embeddings(directory)


def _stands(directory: Path, number: int, rows: int, *, schema: pa.Schema) -> bool:
    """Return whether a shard is there already, whole; one of another extraction is refused."""
    path = directory / shard_name(number)
    if not path.is_file():
        return False
    check_header(path, schema)
    return bool(pq.read_metadata(path).num_rows == rows)


def _lay_out(directory: Path, encoder: Encoder, manifest: pd.DataFrame, *, rows_per_shard: int) -> Path:
    """Return a folder in `directory` with what workers need: the encoder, and the manifest, a row group a shard.

    Its name is new each time: who sees it sees this folder of this run and no other of the same path.
    """
    for left in directory.glob(f"{_JOB}*"):
        shutil.rmtree(left)
    job = directory / f"{_JOB}{uuid.uuid4().hex}"
    job.mkdir()
    encoder.save(job / "encoder")
    columns = {}
    for name in MANIFEST_COLUMNS:
        sized = name in ("width", "height")
        columns[name] = pa.array(manifest[name], type=pa.int32() if sized else pa.large_string(), from_pandas=True)
    pq.write_table(pa.table(columns), job / "images.parquet", row_group_size=rows_per_shard)
    return job


class EmbedShards:
    """The work of one worker: shards, with an encoder that is loaded once.

    Args:
        job: What `embed_on_cluster` laid out, in the folder of the shards.
        schema: Of the shards.
        cache_gib: See `ImageStore`.
        device: Where the encoder runs.
        workers: Decoding threads.
        settings: The other settings of `embed_shard`.

    Raises:
        InputError: This machine does not see the folder, or has other versions of the libraries.
    """

    def __init__(
        self, job: Path, *, schema: pa.Schema, cache_gib: float, device: str, workers: int, **settings: Any
    ) -> None:
        check_seen(job, name=job.parent)
        # Other libraries may give other bits, under the versions of the process that asked.
        wanted, here = json.loads(schema.metadata[b"simcore"])["versions"], library_versions()
        differing = [f"{name} {here[name]} instead of {wanted[name]}" for name in wanted if here[name] != wanted[name]]
        if differing:
            raise InputError(
                f"{this_machine()} has {', '.join(differing)}; install the same versions on every machine."
            )
        self._directory, self._schema = job.parent, schema
        self._cache_gib, self._workers, self._settings = cache_gib, workers, settings
        self._device = torch.device(device)
        self._encoder = Encoder.load(job / "encoder", device=self._device)
        self._images = pq.ParquetFile(job / "images.parquet")

    def __call__(self, unit: Mapping[str, Any]) -> dict[str, Any]:
        """Write the shard with that number; return its number and rows."""
        number = int(unit["number"])
        manifest = self._images.read_row_group(number).to_pandas()
        embed_shard(
            self._encoder,
            ImageStore(manifest, cache_gib=self._cache_gib, workers=self._workers),
            self._directory / shard_name(number),
            schema=self._schema,
            device=self._device,
            workers=self._workers,
            **self._settings,
        )
        return {"number": number, "rows": len(manifest)}
