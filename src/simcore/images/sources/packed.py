"""Images packed in Parquet: columns `key`, `image` (encoded bytes), optional `label` and `split`."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from simcore.errors import InputError
from simcore.images.encoded import IMAGE_COLUMN, packed_uri
from simcore.images.manifest import REJECTED_COLUMNS, SPLITS
from simcore.images.sources.classes import check_classes
from simcore.images.sources.reader import Listing, Reader, Request

_MAGIC = b"PAR1"
_SUFFIX = ".parquet"


def recognises(path: Path) -> bool:
    """Return whether `path` is a Parquet file, by its first bytes, or a folder of nothing else."""
    if path.is_dir():
        visible = [entry for entry in path.iterdir() if not entry.name.startswith((".", "_"))]
        return bool(visible) and all(entry.suffix == _SUFFIX and entry.is_file() for entry in visible)
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def list_images(path: Path, request: Request) -> Listing:
    """Return the rows of the packed file or files at `path`; keys are the `key` column. Images are not read.

    A target without `split` and with `label` is split by seed later on; without `label` it is all train. All
    rows of an open-set are train.

    Raises:
        InputError: a file is damaged, there are no rows, a column is missing or of a wrong type, a key is
            empty or repeated, a split is unknown, only some rows have a label, or test has a class that train
            has not.
    """
    files = [path] if path.is_file() else sorted(path.glob(f"[!._]*{_SUFFIX}"))
    images = pd.concat([_list_file(file) for file in files], ignore_index=True)
    if images.empty:
        raise InputError(f"{path} has no rows; a packed source needs at least one image.")
    repeated = images["key"].duplicated(keep=False)
    if repeated.any():
        key = images["key"][repeated].iloc[0]
        first, second = images["uri"][images["key"] == key].iloc[:2]
        raise InputError(f"Key '{key}' is at {first} and at {second}; keys must be unique: rename one.")
    if request.labels == "none":
        images["label"] = pd.Series([None] * len(images), dtype="str")
    elif request.labels == "folder" and images["label"].isna().all():
        raise InputError(f"`labels` is 'folder', but {path} has no labels; add a column `label`, or use 'none'.")
    if request.role == "openset":
        images["split"] = "train"
    else:
        _check_splits(images, path=path)
        check_classes(images, path=path)
        if images["split"].isna().all() and images["label"].isna().all():
            images["split"] = "train"
    return Listing(images=images, rejected=pd.DataFrame(columns=list(REJECTED_COLUMNS), dtype="str"))


def _list_file(path: Path) -> pd.DataFrame:
    table = _read_columns(path)
    keys = _read_text(table, "key", path=path)
    empty = keys.isna() | (keys == "")
    if empty.any():
        raise InputError(f"Row {int(empty.to_numpy().argmax())} of {path} has no key; give each image a unique key.")
    where = path.absolute()
    uris = pd.Series([packed_uri(where, row) for row in range(len(keys))], dtype="str")
    labels = _read_text(table, "label", path=path)
    return pd.DataFrame(
        {
            "key": keys,
            "uri": uris,
            "label": labels.where(labels != ""),
            "split": _read_text(table, "split", path=path),
        }
    )


def _read_columns(path: Path) -> pa.Table:
    try:
        schema = pq.read_schema(path)
        _check_schema(schema, path=path)
        return pq.read_table(path, columns=[name for name in ("key", "label", "split") if name in schema.names])
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is not a whole Parquet file ({error}); pack it again.") from error


def _check_schema(schema: pa.Schema, *, path: Path) -> None:
    missing = [name for name in ("key", IMAGE_COLUMN) if name not in schema.names]
    if missing:
        found = ", ".join(f"`{name}`" for name in schema.names)
        raise InputError(
            f"{path} lacks the column `{missing[0]}` (it has {found}); "
            f"a packed source has `key`, `{IMAGE_COLUMN}` (encoded bytes) and, if known, `label` and `split`."
        )
    kind = schema.field(IMAGE_COLUMN).type
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)):
        raise InputError(
            f"Column `{IMAGE_COLUMN}` of {path} has the type {kind}; it must be binary: "
            "the bytes of a PNG or JPEG file a row."
        )


def _read_text(table: pa.Table, name: str, *, path: Path) -> pd.Series:
    if name not in table.column_names:
        return pd.Series([None] * table.num_rows, dtype="str")
    try:
        return pd.Series(table.column(name).cast(pa.string()).to_pandas(), dtype="str")
    except pa.ArrowException as error:
        kind = table.schema.field(name).type
        raise InputError(f"Column `{name}` of {path} has the type {kind}; it must be text.") from error


def _check_splits(images: pd.DataFrame, *, path: Path) -> None:
    splits = images["split"]
    if splits.isna().all():
        return
    unknown = ~splits.isin(SPLITS)
    if unknown.any():
        split = splits[unknown].iloc[0]
        given = "no split" if pd.isna(split) else f"the split '{split}'"
        raise InputError(
            f"Image '{images['key'][unknown].iloc[0]}' of {path} has {given}; every row needs 'train' or 'test'."
        )
    if not (splits == "train").any():
        raise InputError(f"{path} has no train images; mark some rows 'train' in its column `split`.")


READER = Reader(recognises=recognises, list_images=list_images, takes="a packed Parquet file")
