"""What readers list, in one Parquet file sorted by key, however many images there are."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcore.errors import InputError
from simcore.images.manifest import MANIFEST_COLUMNS, SPLITS, as_text
from simcore.images.runs import BATCH_ROWS, RunWriter, file_runs, merge_runs, write_tables
from simcore.images.sources import LISTING_COLUMNS, Labels, Request, Role
from simcore.images.sources.finding import Source, describe
from simcore.progress import progress

TEXT = pa.large_string()
BOXES = pa.list_(pa.list_(pa.float32()))
"""One [x0, y0, x1, y1] in pixels a box."""

STORED_COLUMNS = ("key", "uri", "label", "split", "reason", "source")


def store_listing(
    sources: Sequence[Source], path: Path, *, role: Role, labels: Labels, show_progress: bool = False
) -> None:
    """Write the images of all `sources` to `path`: columns `STORED_COLUMNS` and those of the readers, sorted by key.

    Of several sources the keys begin with the source's label. In an open-set everything is train; of a published
    data set, whose test images nobody may train on, those are left out. Two passes over the rows on disk; memory is
    some hundred MiB, whatever their number.

    Raises:
        InputError: as the readers do; a key is empty or comes twice; a split is unknown, or given to some images of a
            source only; there are no images.
    """
    directory = path.with_name(path.name + ".runs")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    writer = RunWriter(directory, by="key")
    bar = progress((), description="list images", unit="image", shown=show_progress)
    with closing(bar):
        for source in sources:
            request = Request(role=role, labels=labels, options=source.options)
            splits, labelled = _Splits(source), False
            for frame in source.reader.list_images(source.spec.place, request):
                table = _to_table(frame, source=source, role=role, labels=labels, joined=len(sources) > 1)
                if role == "target":
                    splits.check(table)
                labelled = labelled or table["label"].null_count < len(table)
                if len(table):
                    writer.add(table)
                bar.update(len(table))
            if labels == "folder" and not labelled:
                raise InputError(
                    f"`labels` is 'folder', but {source.spec.path} has no labels; set `labels` to 'auto' or 'none'."
                )
    writer.flush()
    if not writer.runs:
        raise InputError(f"{describe(sources)} holds no images to use; give a source of images.")
    schema = _schema(writer.runs, sources)
    merged = merge_runs(file_runs(writer.runs, by="key"), by="key", schema=schema)
    write_tables(path, _unique(merged), schema=schema, rows=BATCH_ROWS, compression="lz4")
    shutil.rmtree(directory)


def _to_table(frame: pd.DataFrame, *, source: Source, role: Role, labels: Labels, joined: bool) -> pa.Table:
    missing = [name for name in LISTING_COLUMNS if name not in frame]
    if missing:
        raise InputError(f"The reader of {source.layout} lists no `{missing[0]}`; make its frames by `listing_frame`.")
    # Sizes are measured, and the source is known here: a list's own columns of these names are not taken.
    extra = [name for name in frame if name not in LISTING_COLUMNS and name not in MANIFEST_COLUMNS]
    columns = {name: _texts(frame[name]) for name in LISTING_COLUMNS}
    columns |= {str(name): _boxes(frame[name]) if name == "boxes" else _texts(frame[name]) for name in extra}
    table = pa.table(columns)
    keys = table.column("key")
    if keys.null_count or pc.any(pc.equal(keys, "")).as_py():
        raise InputError(f"An image of {source.spec.path} has an empty key; give each image a unique key.")
    if joined:
        table = _replace(
            table, "key", pc.binary_join_element_wise(pa.scalar(source.spec.label, TEXT), keys, pa.scalar("/", TEXT))
        )
    if labels == "none":
        table = _replace(table, "label", pa.nulls(len(table), TEXT))
    if role == "openset":
        if source.reader.official is not None:
            table = table.filter(pc.fill_null(pc.not_equal(table.column("split"), "test"), True))
        table = _replace(table, "split", _repeat("train", len(table)))
    return table.append_column("source", _repeat(source.spec.label, len(table)))


def _texts(values: pd.Series) -> pa.Array:
    return pa.array(as_text(values), type=TEXT, from_pandas=True)


def _boxes(values: pd.Series) -> pa.Array:
    plain = [
        None if box is None or isinstance(box, float) else [list(map(float, one)) for one in box] for box in values
    ]
    return pa.array(plain, type=BOXES)


def _repeat(text: str, n: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, TEXT), n)


def _replace(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


class _Splits:
    """Looks at the splits of a target: known ones, for all of its images or for none."""

    def __init__(self, source: Source) -> None:
        self._path = source.spec.path
        self._given: str | None = None
        self._open: str | None = None

    def check(self, table: pa.Table) -> None:
        table = table.filter(pc.is_null(table.column("reason")))
        splits = table.column("split")
        unknown = pc.invert(pc.is_in(splits, value_set=pa.array([*SPLITS, None], TEXT)))
        if pc.any(unknown).as_py():
            row = table.filter(unknown).slice(0, 1).to_pylist()[0]
            raise InputError(
                f"Image '{row['key']}' of {self._path} has the split '{row['split']}'; "
                "every row needs 'train' or 'test'."
            )
        self._given = self._given or _first_key(table, pc.fill_null(pc.equal(splits, "test"), False))
        self._open = self._open or _first_key(table, pc.is_null(splits))
        if self._given is not None and self._open is not None:
            raise InputError(
                f"Image '{self._open}' of {self._path} has no split, but others are test; "
                "every row needs 'train' or 'test'."
            )


def _first_key(table: pa.Table, mask: pa.ChunkedArray) -> str | None:
    keys = table.column("key").filter(mask)
    return str(keys[0].as_py()) if len(keys) else None


def _schema(runs: Sequence[Path], sources: Sequence[Source]) -> pa.Schema:
    """Return the columns of all runs: ours, those the readers declare, any others by name."""
    types = {field.name: field.type for run in runs for field in pq.read_schema(run)}
    declared = [name for source in sources for name in source.reader.columns]
    types |= {name: BOXES if name == "boxes" else TEXT for name in declared}
    others = sorted(set(types) - set(STORED_COLUMNS) - set(declared))
    names = [*STORED_COLUMNS, *dict.fromkeys(declared), *others]
    return pa.schema([(name, types[name]) for name in names])


def _unique(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield `tables`, sorted by key, or raise where a key comes twice."""
    before: pa.Table | None = None
    for table in tables:
        joined = table if before is None else pa.concat_tables([before, table])
        keys = joined.column("key")
        repeated = pc.equal(keys.slice(1), keys.slice(0, len(keys) - 1))
        if pc.any(repeated).as_py():
            at = pc.index(repeated, True).as_py()
            first, second = sorted(joined.column("uri").slice(at, 2).to_pylist())
            raise InputError(f"Key '{keys[at]}' is at {first} and at {second}; keys must be unique: rename one.")
        yield table
        before = table.slice(len(table) - 1)
