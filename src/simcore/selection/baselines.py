"""What SimCore is compared with: random images, and images of classes chosen by hand."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from simcore.errors import InputError
from simcore.selection.result import Certificate, Selection
from simcore.selection.rows import check_positions
from simcore.selection.rules import budget_in_images, check_rules
from simcore.selection.sources import OpenSet, Source, open_source

_EMPTY_TRACE = {
    "round": np.int32,
    "value": np.float64,
    "ratio": np.float64,
    "n_new": np.int64,
    "n_total": np.int64,
    "kept": bool,
}


def select_random(
    openset: OpenSet,
    *,
    budget: float | None = None,
    n_target: int | None = None,
    keys: Sequence[str] | np.ndarray | None = None,
    exclude: Iterable[Any] | None = None,
    seed: int = 0,
) -> Selection:
    """Return `budget` images drawn uniformly without replacement, the same for the same seed and open-set.

    Args:
        openset: as in `select_coreset`; only its number of rows and its keys are used.
        budget: images (int), share of the open-set (float in (0, 1)), or None: 50·`n_target`.
        n_target: |X|, for the cap.
        keys: N unique strings for an array or tensor.
        exclude: keys (positions where there are no keys) that may not be drawn.
        seed: of the draw.

    Raises:
        InputError: neither `budget` nor `n_target`, or values that cannot be used.

    Example:
        >>> len(select_random(np.eye(100), budget=0.1, seed=1))
        10
    """
    check_rules(budget, None, "similarity", n_target)
    source = open_source(openset, keys=keys)
    n_openset, names, allowed = _pool(source, exclude)
    images = budget_in_images(budget, n_openset=n_openset, n_target=n_target)
    if images is None:
        raise InputError("`budget` and `n_target` are both None; say how many images to draw.")
    chosen = np.random.default_rng(seed).permutation(allowed)[:images]
    return _baseline(
        "random",
        chosen,
        names,
        source,
        stopped_by="budget" if len(chosen) == images else "exhausted",
        budget=images,
        n_excluded=n_openset - len(allowed),
        settings={"budget": budget, "n_target": n_target, "seed": seed},
    )


def select_by_label(
    openset: OpenSet,
    labels: Sequence[Any] | np.ndarray | pd.Series,
    *,
    classes: Iterable[Any],
    keys: Sequence[str] | np.ndarray | None = None,
    exclude: Iterable[Any] | None = None,
) -> Selection:
    """Return every image whose label is one of `classes`, in the order of the open-set: the paper's OS_oracle.

    Args:
        openset: as in `select_coreset`; only its number of rows and its keys are used.
        labels: one label for each row.
        classes: labels to take (Table 8 lists the paper's for four targets).
        keys: N unique strings for an array or tensor.
        exclude: keys (positions where there are no keys) that may not be taken.

    Raises:
        InputError: the number of labels differs from the number of rows, or a class has no image.

    Example:
        >>> select_by_label(np.eye(4), ["cat", "jeep", "dog", "cat"], classes=["cat"]).indices.tolist()
        [0, 3]
    """
    source = open_source(openset, keys=keys)
    n_openset, names, allowed = _pool(source, exclude)
    column = pd.Series(np.asarray(labels, dtype=object))
    if len(column) != n_openset:
        raise InputError(f"`labels` has {len(column):,} entries but the open-set has {n_openset:,} rows.")
    wanted = list(classes)
    if not wanted:
        raise InputError("`classes` is empty; give at least one class.")
    present = set(column.dropna().unique())
    absent = [name for name in wanted if name not in present]
    if absent:
        raise InputError(
            f"No image has the label {absent[0]!r} ({len(absent)} of {len(wanted)} classes are absent); "
            "check the spelling against the open-set's labels."
        )
    chosen = allowed[column.isin(wanted).to_numpy()[allowed]]
    return _baseline(
        "label",
        chosen,
        names,
        source,
        stopped_by="exhausted",
        budget=None,
        n_excluded=n_openset - len(allowed),
        settings={"classes": [str(name) for name in wanted]},
    )


def _pool(source: Source, exclude: Iterable[Any] | None) -> tuple[int, pa.ChunkedArray | None, np.ndarray]:
    """Return the number of images, their keys, and the positions that may be taken."""
    chunks: list[pa.Array] = list(source.key_chunks())
    n_openset = source.n_rows
    assert n_openset is not None
    if n_openset == 0:
        raise InputError("`openset` has 0 rows; give at least one image to choose from.")
    names = pa.chunked_array(chunks, type=pa.string()) if source.keyed else None
    positions = np.arange(n_openset)
    if exclude is None:
        return n_openset, names, positions
    banned = list(exclude)
    if names is not None:
        mask = pc.is_in(names, value_set=pa.array([str(key) for key in banned], type=pa.string()))
        return n_openset, names, positions[~np.asarray(mask)]
    return n_openset, names, np.setdiff1d(positions, np.array(check_positions(banned, n_openset), dtype=np.int64))


def _baseline(
    method: str, chosen: np.ndarray, names: pa.ChunkedArray | None, source: Source, **facts: Any
) -> Selection:
    fingerprint = source.fingerprint()
    certificate = Certificate(
        method=method,
        exact=True,
        list_depth=None,
        deepest_pointer=None,
        slack=None,
        passes=0,
        n_openset=int(source.n_rows or 0),
        n_centroids=None,
        keyed=names is not None,
        fingerprints={"openset": fingerprint},
        **facts,
    )
    return Selection(
        indices=chosen.astype(np.int64),
        keys=None if names is None else np.array(names.take(pa.array(chosen)).to_pylist(), dtype=np.str_),
        rounds=None,
        centroids=None,
        scores=None,
        sources=None,
        trace=pd.DataFrame({name: np.empty(0, dtype=dtype) for name, dtype in _EMPTY_TRACE.items()}),
        certificate=certificate,
        openset=source,
    )
