"""Candidate lists: each centroid's most similar images, enough to peel from, whatever the size of the open-set."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simcore.errors import ArtefactError, InputError, reading
from simcore.files import atomic_file
from simcore.selection.candidates import Candidates
from simcore.selection.rows import key_ranks, refuse_repeated
from simcore.tables import read_table


@dataclass(frozen=True, eq=False)
class CandidateLists:
    """The first `depth` images of every centroid in order of preference: similarity down, then key (or position) up.

    Attributes:
        positions: (k, depth) int64, where each candidate stands in the open-set.
        scores: (k, depth) float64, the deciding similarities (`simcore.selection.similarity`).
        n_rows: images scanned, the excluded ones included.
        n_excluded: images that were not allowed.
        passes: how often the open-set was read.
        key_positions: (u,) int64, positions of the distinct candidates, increasing; None without keys.
        key_names: (u,) their keys as an Arrow array; None without keys.
        fingerprints: what the lists were made from.
    """

    positions: np.ndarray
    scores: np.ndarray
    n_rows: int
    n_excluded: int
    passes: int
    key_positions: np.ndarray | None
    key_names: pa.Array | None
    fingerprints: dict[str, Any]

    @property
    def depth(self) -> int:
        """Candidates a centroid has."""
        return int(self.positions.shape[1])

    @property
    def n_centroids(self) -> int:
        """Number of centroids."""
        return int(self.positions.shape[0])

    def candidates(self) -> Candidates:
        """Return the same lists one after another, as peeling takes them."""
        return Candidates(
            starts=np.arange(self.n_centroids, dtype=np.int64) * self.depth,
            lengths=np.full(self.n_centroids, self.depth, dtype=np.int64),
            positions=self.positions.reshape(-1),
            scores=self.scores.reshape(-1),
            n_rows=self.n_rows,
            n_allowed=self.n_rows - self.n_excluded,
        )

    def ranks_at(self, positions: np.ndarray) -> np.ndarray:
        """Return ranks that break ties between candidates: by key where there are keys."""
        if self.key_positions is None or self.key_names is None:
            return positions
        return key_ranks(self.key_names)[np.searchsorted(self.key_positions, positions)]

    @property
    def complete(self) -> bool:
        """Every allowed image stands in every list: nothing can be missing."""
        return self.depth == self.n_rows - self.n_excluded

    def keys_at(self, positions: np.ndarray) -> pa.Array | None:
        """Return the keys of candidates at `positions`, or None when the open-set has no keys."""
        if self.key_positions is None or self.key_names is None:
            return None
        return self.key_names.take(pa.array(np.searchsorted(self.key_positions, positions)))

    def save(self, path: str | Path) -> None:
        """Write the lists as one Parquet file, whole or not at all."""
        header = {
            "n_rows": self.n_rows,
            "n_excluded": self.n_excluded,
            "passes": self.passes,
            "n_centroids": self.n_centroids,
            "keyed": self.key_names is not None,
            "fingerprints": self.fingerprints,
        }
        flat = self.positions.reshape(-1)
        columns = {
            "centroid": np.repeat(np.arange(self.n_centroids, dtype=np.int32), self.depth),
            "position": flat,
            "similarity": self.scores.reshape(-1),
        }
        keys = self.keys_at(flat)
        if keys is not None:
            columns["key"] = keys
        table = pa.table(columns).replace_schema_metadata({"simcore": json.dumps(header, sort_keys=True)})
        with atomic_file(path) as partial:
            pq.write_table(table, partial)

    @classmethod
    def load(cls, path: str | Path) -> "CandidateLists":
        """Return the lists that `save` wrote.

        Raises:
            ArtefactError: `path` holds something else, or is damaged.
        """
        with reading(path, advice="scan again, or bring back a whole copy"):
            table = read_table(path)
            raw = (table.schema.metadata or {}).get(b"simcore")
            if raw is None or "similarity" not in table.column_names:
                raise ArtefactError(f"`{path}` holds no candidate lists; write them with `CandidateLists.save`.")
            return cls._from_table(table, json.loads(raw))

    @classmethod
    def _from_table(cls, table: pa.Table, header: dict[str, Any]) -> "CandidateLists":
        shape = (header["n_centroids"], -1)
        positions = table.column("position").to_numpy().reshape(shape)
        key_positions = key_names = None
        if header["keyed"]:
            key_positions, first = np.unique(positions.reshape(-1), return_index=True)
            key_names = table.column("key").take(pa.array(first)).combine_chunks()
        return cls(
            positions=positions,
            scores=table.column("similarity").to_numpy().reshape(shape),
            n_rows=header["n_rows"],
            n_excluded=header["n_excluded"],
            passes=header["passes"],
            key_positions=key_positions,
            key_names=key_names,
            fingerprints=header["fingerprints"],
        )


def merge(lists: Sequence[CandidateLists]) -> CandidateLists:
    """Return the candidate lists of several open-sets as if they had been scanned as one, in the given order.

    The depth is the largest to which the union is known: a list that ends hides what its own open-set has below, so
    the union ends where the first incomplete list does. New shards join an existing run by merging their lists with
    its lists; nothing is read again. Positions of the second open-set go on after those of the first.

    Args:
        lists: results of `scan` (or of `merge`) with the same centroids.

    Raises:
        InputError: the list is empty, the centroids differ, some lists have keys and some not, or a key comes twice.

    Example:
        >>> from simcore.selection import scan
        >>> centroid, first, second = np.eye(1, 2), np.array([[1.0, 0.1], [1.0, 3.0]]), np.array([[1.0, 0.2]])
        >>> merge([scan(centroid, first, depth=2), scan(centroid, second, depth=2)]).positions.tolist()
        [[0, 2, 1]]
    """
    if not lists:
        raise InputError("`lists` is empty; give the results of at least one `scan`.")
    centroids = {part.fingerprints["centroids"] for part in lists}
    if len(centroids) > 1:
        raise InputError(
            f"The lists were made with {len(centroids)} different sets of centroids; scan every shard with the same."
        )
    keyed = {part.key_names is not None for part in lists}
    if len(keyed) > 1:
        raise InputError("Some lists have keys and some have none; scan every shard with keys or every one without.")
    offsets = np.concatenate([[0], np.cumsum([part.n_rows for part in lists])])
    key_positions = np.empty(0, dtype=np.int64)
    key_names = None
    if keyed == {True}:
        key_positions = np.concatenate(
            [part.key_positions + offset for part, offset in zip(lists, offsets, strict=False)]
        )
        key_names = pa.concat_arrays([part.key_names for part in lists])
        refuse_repeated(key_names, what="the lists (shards must not share images)")
    columns = np.concatenate([np.full(part.depth, number) for number, part in enumerate(lists)])
    positions = np.concatenate([part.positions + offset for part, offset in zip(lists, offsets, strict=False)], axis=1)
    scores = np.concatenate([part.scores for part in lists], axis=1)
    ranks = positions
    if key_names is not None:
        ranks = key_ranks(key_names)[np.searchsorted(key_positions, positions)]
    incomplete = [number for number, part in enumerate(lists) if not part.complete]
    orders, depths = [], []
    for row_ranks, row_scores in zip(ranks, scores, strict=True):
        order = np.lexsort((row_ranks, -row_scores))
        orders.append(order)
        # The union is known down to the last entry of the incomplete list that ends first.
        origin = columns[order]
        depths.append(min((int(np.flatnonzero(origin == part)[-1]) + 1 for part in incomplete), default=len(order)))
    depth = min(depths)
    chosen = np.stack([order[:depth] for order in orders])
    merged = replace(
        lists[0],
        positions=np.take_along_axis(positions, chosen, axis=1),
        scores=np.take_along_axis(scores, chosen, axis=1),
        n_rows=int(offsets[-1]),
        n_excluded=sum(part.n_excluded for part in lists),
        passes=max(part.passes for part in lists),
        fingerprints={
            "centroids": lists[0].fingerprints["centroids"],
            "openset": {"kind": "merged", "parts": [part.fingerprints["openset"] for part in lists]},
        },
    )
    if key_names is None:
        return merged
    kept = np.unique(merged.positions)
    names = key_names.take(pa.array(np.searchsorted(key_positions, kept)))
    return replace(merged, key_positions=kept, key_names=names)


def centroid_fingerprint(centroids: np.ndarray) -> str:
    """Return the sha256 of the centroids' float32 bytes."""
    return hashlib.sha256(np.ascontiguousarray(centroids, dtype=np.float32).tobytes()).hexdigest()
