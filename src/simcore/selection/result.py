"""The result of a selection: what was picked, why, and the proof that nothing was missed."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ConfigDict, TypeAdapter

from simcore.errors import ArtefactError, InputError, reading
from simcore.files import atomic_file
from simcore.selection.centroids import Target
from simcore.selection.explaining import Explanation, nearest_targets
from simcore.selection.sources import OpenSet, Source, open_source
from simcore.tables import read_table

CORESET_COLUMNS = ["key", "position", "round", "centroid", "similarity", "source"]


@dataclass(frozen=True)
class Certificate:
    """How a selection came about, and whether it equals the one that sorts the whole open-set.

    Attributes:
        method: "coreset", "random" or "label".
        exact: the coreset is the one a full sort would give; a selection that cannot promise it is refused.
        stopped_by: "threshold", "budget" or "exhausted".
        list_depth: entries of the longest candidate list of the last pass; None where no lists were used.
        deepest_pointer: the furthest entry (from 1) that was used.
        slack: fewest entries left unused in any list that does not hold every allowed image; a pointer that needed one
            more would have caused another pass. None when all lists hold every allowed image.
        passes: how often the open-set was read.
        n_openset: images in the open-set.
        n_excluded: of these, images that could not be picked.
        n_centroids: k.
        keyed: images have keys.
        budget: the budget in images; None means no cap.
        settings: budget, stop, truncate and seed as they were asked for.
        fingerprints: what identifies centroids and open-set.
        unkept: images of the last evaluated round that the budget or the stop rule left out; replays need them.
    """

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid")

    method: str
    exact: bool
    stopped_by: str
    list_depth: int | None
    deepest_pointer: int | None
    slack: int | None
    passes: int
    n_openset: int
    n_excluded: int
    n_centroids: int | None
    keyed: bool
    budget: int | None
    settings: dict[str, Any]
    fingerprints: dict[str, Any]
    unkept: dict[str, list[Any]] = field(default_factory=dict, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the certificate as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Certificate":
        """Return the certificate that `to_dict` described.

        Raises:
            ValueError: a field is missing, unknown or of another type.
        """
        return TypeAdapter(cls).validate_json(json.dumps(values))


@dataclass(frozen=True, eq=False)
class Selection:
    """A coreset in order of selection: by round, inside a round the most similar first.

    Attributes:
        indices: (m,) int64 positions in the open-set.
        keys: (m,) str, or None when the open-set has no keys.
        rounds: (m,) int32 from 1, or None for the baselines.
        centroids: (m,) int32, or None for the baselines. Where several centroids took an image in one round, the
            one it is most similar to (then the lowest number).
        scores: (m,) float64 deciding similarities to these centroids, or None for the baselines.
        sources: (m,) str, the open-set an image comes from, where one was named.
        trace: a row for each evaluated round: `round`, `value` (mean over centroids of each one's own pick), `ratio`
            to the reference, `n_new` images found, `n_total` images in the coreset after it, `kept` (False for a
            failing round that was dropped).
        certificate: see `Certificate`.
    """

    indices: np.ndarray
    keys: np.ndarray | None
    rounds: np.ndarray | None
    centroids: np.ndarray | None
    scores: np.ndarray | None
    sources: np.ndarray | None
    trace: pd.DataFrame
    certificate: Certificate
    openset: Source | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return (
            f"Selection({len(self):,} of {self.certificate.n_openset:,} images in {len(self.trace):,} rounds, "
            f"stopped by {self.stopped_by})"
        )

    @property
    def similarities(self) -> np.ndarray | None:
        """(m,) float32 similarity of each image to its centroid; None for the baselines."""
        return None if self.scores is None else self.scores.astype(np.float32)

    @property
    def stopped_by(self) -> str:
        """Why the selection ended: "threshold", "budget" or "exhausted"."""
        return self.certificate.stopped_by

    def with_source(self, source: str) -> "Selection":
        """Return the same selection with `source` as the name of the open-set of every image."""
        return replace(self, sources=np.full(len(self), source))

    def coreset_frame(self) -> pd.DataFrame:
        """Return the coreset as a frame.

        Columns: key, position, round, centroid, similarity (float64), source; nulls where there is none.
        """
        n = len(self)
        frame = pd.DataFrame(
            {
                "key": pd.array([None] * n if self.keys is None else self.keys.tolist(), dtype="string"),
                "position": self.indices.astype(np.int64),
                "round": pd.array([None] * n if self.rounds is None else self.rounds, dtype="Int32"),
                "centroid": pd.array([None] * n if self.centroids is None else self.centroids, dtype="Int32"),
                "similarity": pd.array([None] * n if self.scores is None else self.scores, dtype="Float64"),
                "source": pd.array([None] * n if self.sources is None else self.sources.tolist(), dtype="string"),
            }
        )
        return frame[CORESET_COLUMNS]

    def by_centroid(self) -> pd.DataFrame:
        """Return a row for each centroid that owns an image: number of images, first and last round and similarity.

        Raises:
            InputError: the selection is a baseline, which has no centroids.
        """
        if self.rounds is None or self.centroids is None or self.scores is None:
            raise InputError(f"A selection by {self.certificate.method} has no centroids to list.")
        frame = pd.DataFrame(
            {"centroid": self.centroids, "round": self.rounds, "similarity": self.scores.astype(np.float64)}
        )
        # Selection order is round order, so first and last are the nearest and the furthest pick.
        table = frame.groupby("centroid", sort=True).agg(
            n_images=("round", "size"),
            first_round=("round", "first"),
            last_round=("round", "last"),
            first_similarity=("similarity", "first"),
            last_similarity=("similarity", "last"),
            mean_similarity=("similarity", "mean"),
        )
        return table.reset_index()

    def explain(
        self,
        image: str | int,
        target: Target,
        *,
        openset: OpenSet | None = None,
        n_nearest: int = 5,
    ) -> Explanation:
        """Return why `image` was picked: round, centroid, similarity and the nearest target images.

        Args:
            image: key (str), or position in the open-set (int), of a picked image.
            target: (n, d) array or tensor, embeddings or their directory.
            openset: where the image's embedding is; needed after `load`, which knows no embeddings.
            n_nearest: target images to name.

        Raises:
            InputError: the image is not in the coreset, or its embedding cannot be found.
        """
        place = self._place(image)
        source = self.openset if openset is None else open_source(openset)
        if source is None:
            raise InputError("A loaded selection has no embeddings at hand; give `openset=` to explain an image.")
        row = source.rows_at(self.indices[place : place + 1]).float()
        return Explanation(
            index=int(self.indices[place]),
            key=None if self.keys is None else str(self.keys[place]),
            round=None if self.rounds is None else int(self.rounds[place]),
            centroid=None if self.centroids is None else int(self.centroids[place]),
            similarity=None if self.scores is None else float(self.scores[place]),
            nearest=nearest_targets(row, target, n_nearest=n_nearest).drop(columns="row"),
        )

    def _place(self, image: str | int) -> int:
        if isinstance(image, str) and self.keys is None:
            raise InputError(f"`{image}` is a key, but this selection has no keys; give a position in the open-set.")
        found = np.flatnonzero(self.keys == image if isinstance(image, str) else self.indices == image)
        if len(found) == 0:
            raise InputError(f"`{image}` is not among the {len(self):,} picked images.")
        return int(found[0])

    @classmethod
    def from_tables(
        cls, coreset: pd.DataFrame, trace: pd.DataFrame, certificate: dict[str, Any] | Certificate
    ) -> "Selection":
        """Return the selection that its three artefacts describe; `replay` works on it.

        Args:
            coreset: what `coreset_frame` returned.
            trace: `Selection.trace`.
            certificate: `Certificate`, or what its `to_dict` returned.

        Raises:
            ArtefactError: a column is missing.
        """
        missing = set(CORESET_COLUMNS) - set(coreset.columns)
        if missing:
            raise ArtefactError(
                f"The coreset table has no column {', '.join(sorted(missing))}; save the selection again."
            )
        if not isinstance(certificate, Certificate):
            certificate = Certificate.from_dict(certificate)

        def column(name: str, dtype: Any) -> np.ndarray | None:
            values = coreset[name]
            return None if values.isna().any() else values.to_numpy(dtype=dtype)

        return cls(
            indices=coreset["position"].to_numpy(dtype=np.int64),
            keys=column("key", np.str_) if certificate.keyed else None,
            rounds=column("round", np.int32),
            centroids=column("centroid", np.int32),
            scores=column("similarity", np.float64),
            sources=column("source", np.str_) if len(coreset) else None,
            trace=trace.reset_index(drop=True),
            certificate=certificate,
        )

    def save(self, directory: str | Path) -> None:
        """Write `coreset.parquet`, `trace.parquet` and `certificate.json`, each whole or not at all.

        The certificate is removed first and written last: no selection that stops half way is taken for one.
        """
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "certificate.json").unlink(missing_ok=True)
        for name, frame in (("coreset", self.coreset_frame()), ("trace", self.trace)):
            with atomic_file(directory / f"{name}.parquet") as partial:
                pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), partial)
        with atomic_file(directory / "certificate.json") as partial:
            partial.write_text(json.dumps(self.certificate.to_dict(), indent=2, sort_keys=True) + "\n")

    @classmethod
    def load(cls, directory: str | Path) -> "Selection":
        """Return the selection that `save` wrote into `directory`.

        Raises:
            InputError: a file is missing.
            ArtefactError: a file is damaged.
        """
        directory = Path(directory)
        for name in ("coreset.parquet", "trace.parquet", "certificate.json"):
            if not (directory / name).is_file():
                raise InputError(f"`{directory}` has no `{name}`; give a directory that `Selection.save` wrote.")
        with reading(directory, advice="run the selection again, or bring back a whole copy"):
            try:
                found = cls.from_tables(
                    read_table(directory / "coreset.parquet").to_pandas(),
                    read_table(directory / "trace.parquet").to_pandas(),
                    json.loads((directory / "certificate.json").read_text()),
                )
            except ArtefactError as error:  # what a table lacks, which does not know where it lies
                raise ValueError(str(error)) from error
            if len(found) and not 0 <= found.indices.min() <= found.indices.max() < found.certificate.n_openset:
                raise ValueError(f"positions are not those of an open-set of {found.certificate.n_openset} images")
            return found
