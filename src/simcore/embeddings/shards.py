"""The format of embeddings on disk: a directory of Parquet shards, each written whole or not at all."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from simcore.errors import ArtefactError, InputError, reading
from simcore.files import atomic_file

SHARD_PATTERN = re.compile(r"part-(\d{5,})\.parquet")
# Stands in the directory from the first shard to the last: an interrupted extraction cannot pass for a whole one.
UNFINISHED = ".unfinished"
# One row group is what a reader holds at least: 16 MiB of float16 stays near the caches and streams well.
ROW_GROUP_BYTES = 16 * 2**20


def shard_name(number: int) -> str:
    """Return the file name of shard `number`.

    Example:
        >>> shard_name(3)
        'part-00003.parquet'
    """
    return f"part-{number:05d}.parquet"


def embedding_schema(dim: int, metadata: Mapping[str, Any]) -> pa.Schema:
    """Return the Arrow schema of a shard: `key`, `embedding` (dim float16 as fixed-size binary), JSON metadata."""
    header = {**metadata, "dim": dim, "dtype": "float16"}
    return pa.schema(
        [pa.field("key", pa.string(), nullable=False), pa.field("embedding", pa.binary(2 * dim), nullable=False)],
        metadata={"simcore": json.dumps(header, sort_keys=True)},
    )


def read_header(path: Path) -> dict[str, Any]:
    """Return the JSON metadata of one shard, checked against its columns.

    Raises:
        ArtefactError: `path` is not an embedding shard.
    """
    with reading(path, advice="extract the embeddings again, or bring back a whole copy"):
        schema = pq.read_schema(path)
        raw = (schema.metadata or {}).get(b"simcore")
        header = {} if raw is None else dict(json.loads(raw))
        expected = pa.binary(2 * int(header.get("dim", 0)))
    if raw is None:
        raise ArtefactError(
            f"`{path}` has no `simcore` schema metadata, so it is not an embedding shard; "
            "write embeddings with `EmbeddingWriter` or `write_embeddings`."
        )
    if schema.names != ["key", "embedding"] or schema.types != [pa.string(), expected]:
        raise ArtefactError(
            f"`{path}` has columns {dict(zip(schema.names, map(str, schema.types), strict=True))}, but its metadata "
            f"promises `key` and `embedding` of type {expected}; extract the embeddings again."
        )
    return header


def existing_shards(directory: str | Path) -> list[Path]:
    """Return the whole shards of `directory`, in order, up to the first missing number (empty when there is none)."""
    directory = Path(directory)
    if not directory.is_dir():
        return []
    numbered = {}
    for path in directory.iterdir():
        match = SHARD_PATTERN.fullmatch(path.name)
        if match:
            numbered[int(match.group(1))] = path
    shards: list[Path] = []
    while len(shards) in numbered:
        shards.append(numbered[len(shards)])
    return shards


def check_header(path: Path, schema: pa.Schema) -> None:
    """Refuse a shard that is not of the extraction that `schema` describes.

    Raises:
        InputError: naming what differs.
        ArtefactError: `path` is not an embedding shard.
    """
    header, wanted = read_header(path), json.loads(schema.metadata[b"simcore"])
    if header != wanted:
        differing = sorted(name for name in header.keys() | wanted.keys() if header.get(name) != wanted.get(name))
        raise InputError(
            f"`{path.parent}` holds embeddings of another extraction (`{path.name}` differs in "
            f"{', '.join(differing)}); give an empty directory or remove the old shards."
        )


def to_half(keys: pa.StringArray, rows: np.ndarray | torch.Tensor, *, dim: int) -> np.ndarray:
    """Return `rows` as they are stored, (n, dim) float16.

    Raises:
        InputError: the shapes do not fit, or a value is NaN, infinite or beyond float16 (65,504).
    """
    array = rows.detach().cpu().float().numpy() if isinstance(rows, torch.Tensor) else np.asarray(rows)
    if array.shape != (len(keys), dim):
        raise InputError(f"`rows` has shape {array.shape} with {len(keys):,} keys; ({len(keys)}, {dim}) is needed.")
    with np.errstate(over="ignore"):
        half = np.ascontiguousarray(array, dtype=np.float16)
    finite = np.isfinite(half).all(axis=1)
    if not finite.all():
        raise InputError(
            f"The embedding of `{keys[int(np.argmin(finite))].as_py()}` has a value that is NaN, infinite or "
            "beyond float16 (65,504); check the encoder or scale its output."
        )
    return half


def write_shard(path: Path, keys: pa.StringArray, rows: np.ndarray, *, schema: pa.Schema, rows_per_shard: int) -> None:
    """Write one shard, beside its place and then renamed; the same rows give the same bytes.

    Args:
        path: where it goes.
        keys: (n,) strings.
        rows: (n, dim) float16, as `to_half` returns them.
        schema: see `embedding_schema`.
        rows_per_shard: rows of a full shard.
    """
    dim = rows.shape[1]
    body = np.ascontiguousarray(rows)
    column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(2 * dim), len(body), [None, pa.py_buffer(body)])
    table = pa.Table.from_arrays([keys, column], schema=schema)
    with atomic_file(path) as partial:
        pq.write_table(
            table,
            partial,
            row_group_size=max(1, ROW_GROUP_BYTES // (2 * dim)),
            # Dense float16 does not compress and has no dictionary; both would only cost time.
            compression="none",
            use_dictionary=False,
            write_statistics=["key"],
            # One page for each row group: a reader can map it from the file as it stands.
            data_page_size=2 * ROW_GROUP_BYTES,
            max_rows_per_page=rows_per_shard,
        )
