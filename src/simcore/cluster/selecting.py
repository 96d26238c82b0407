"""The coreset of embeddings whose shards the workers of a cluster scan: pick for pick that of a local run."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from simcore.cluster.connecting import Cluster, connected, load_ray, room_for_workers
from simcore.cluster.mapping import check_seen, map_on_cluster, this_machine
from simcore.embeddings import Embeddings
from simcore.embeddings.shards import shard_name
from simcore.errors import ArtefactError, InputError
from simcore.progress import progress
from simcore.selection import Selection, select_coreset
from simcore.selection.candidates import Candidates
from simcore.selection.joining import Joiner
from simcore.selection.passes import Sweep, refuse_nothing
from simcore.selection.sources import DirectorySource, Source

# Parts for each worker: enough that none waits long for the last one, few enough lists to join.
_PARTS_EACH = 4
_LISTS = pa.schema(
    [
        ("start", pa.int64()),
        ("rows", pa.int64()),
        ("allowed", pa.int64()),
        ("lengths", pa.list_(pa.int64())),
        ("positions", pa.large_list(pa.int64())),
        ("scores", pa.large_list(pa.float64())),
    ]
)


def select_on_cluster(
    centroids: np.ndarray | torch.Tensor, openset: Embeddings, *, cluster: Cluster, **settings: Any
) -> Selection:
    """Return the coreset that `simcore.selection.select_coreset` picks; the workers of a cluster read the shards.

    A part of the shards is scanned by one worker, which returns the candidate lists of the part; here they are joined,
    and the rounds peeled. Where a list is exhausted, the cluster scans again without what is taken, as locally. The
    picks and the trace are those of a local run, bit for bit, on machines and threads of any kind: what decides is an
    exact sum. The certificate may name other lengths of lists, and so another number of passes: how long a list gets
    beyond what was asked for depends on the order in which blocks are read, locally too.

    Args:
        centroids: As for `select_coreset`.
        openset: Embeddings in a folder that every machine sees under the same path.
        cluster: Where the work goes.
        settings: What else `select_coreset` takes, but `keys`, `device` and `sweeping`.

    Raises:
        InputError: As `select_coreset`; if Ray is not installed or not to be reached; if a worker does not see the
            folder.
        ArtefactError: If a worker sees other shards in it.
    """
    with connected(cluster):
        return select_coreset(
            centroids, openset, device="cpu", sweeping=partial(ClusterSweep, cluster=cluster), **settings
        )


class ClusterSweep(Sweep):
    """Passes over an embeddings directory that a cluster reads; see `Sweep`.

    Args:
        grid: As for `Sweep`.
        source: An embeddings directory.
        exclude: As for `Sweep`.
        block_rows: As for `Sweep`.
        show_progress: As for `Sweep`.
        cluster: Where the work goes; passes are made inside `connected`.

    Raises:
        InputError: As `Sweep`; if the source is no embeddings directory.
    """

    def __init__(
        self,
        grid: torch.Tensor,
        source: Source,
        *,
        exclude: Iterable[Any] | None = None,
        block_rows: int | None = None,
        show_progress: bool = False,
        cluster: Cluster,
    ) -> None:
        if not isinstance(source, DirectorySource):
            raise InputError("A cluster scans an embeddings directory; store the open-set with `write_embeddings`.")
        super().__init__(grid, source, exclude=exclude, block_rows=block_rows, show_progress=show_progress)
        self._embeddings = source.embeddings
        self._cluster = cluster

    def run(self, depths: np.ndarray, floors: np.ndarray, *, taken: np.ndarray | None = None) -> Candidates:
        """Return the lists of one pass, see `Sweep.run`."""
        self.passes += 1
        joiner = Joiner(depths, floors, ranks=self._source.ranks)
        make = partial(
            ScanShards,
            self._embeddings.directory.absolute(),
            grid=self._grid.cpu().numpy(),
            exclude=self._asked_to_exclude,
            block_rows=self._block_rows,
            depths=depths,
            floors=floors,
            taken=taken,
        )
        n_parts = _PARTS_EACH * room_for_workers(load_ray(), self._cluster)
        units = parts_of(self._embeddings.shard_rows, n_parts=n_parts)
        shown = self._show_progress
        with progress(
            (), description=f"scan {self.passes}", total=self._source.n_rows, unit="image", shown=shown
        ) as bar:
            for answer in map_on_cluster(make, units, columns=_LISTS, cluster=self._cluster):
                start, found = _read(answer)
                joiner.add(found, start=start)
                bar.update(found.n_rows)
        lists = joiner.lists()
        refuse_nothing(lists)
        return lists


def parts_of(shard_rows: list[int], *, n_parts: int) -> Iterator[dict[str, int]]:
    """Yield at most `n_parts` runs of shards, about as many in each: first, one after the last, start, rows.

    Example:
        >>> [(part["first"], part["end"], part["start"]) for part in parts_of([10, 10, 10, 10, 4], n_parts=2)]
        [(0, 2, 0), (2, 5, 20)]
    """
    bounds = np.unique(np.linspace(0, len(shard_rows), min(n_parts, len(shard_rows)) + 1).round().astype(int)).tolist()
    starts = np.concatenate([[0], np.cumsum(shard_rows)]).tolist()
    for first, end in pairwise(bounds):
        yield {"first": first, "end": end, "start": starts[first], "rows": starts[end] - starts[first]}


class ScanShards:
    """The work of one worker: the candidate lists of runs of shards.

    Args:
        directory: Of the shards.
        grid: (k, d) centroids on the grid.
        exclude: Keys that may not be candidates.
        block_rows: Rows multiplied at a time.
        depths: As for `Sweep.run`.
        floors: As for `Sweep.run`.
        taken: As for `Sweep.run`.

    Raises:
        InputError: This machine does not see the folder.
    """

    def __init__(
        self,
        directory: Path,
        *,
        grid: np.ndarray,
        exclude: list[Any] | None,
        block_rows: int,
        depths: np.ndarray,
        floors: np.ndarray,
        taken: np.ndarray | None,
    ) -> None:
        check_seen(directory)
        # What comes out of Ray's object store is read-only, which PyTorch warns about.
        self._directory, self._grid, self._exclude = directory, torch.from_numpy(grid.copy()), exclude
        self._block_rows, self._depths, self._floors, self._taken = block_rows, depths, floors, taken

    def __call__(self, unit: Mapping[str, Any]) -> dict[str, Any]:
        """Return the lists of the shards from `first` to before `end`, positions counted from the first one's rows."""
        start = int(unit["start"])
        paths = [self._directory / shard_name(number) for number in range(unit["first"], unit["end"])]
        absent = [path.name for path in paths if not path.is_file()]
        embeddings = None if absent else Embeddings(self._directory, paths)
        if embeddings is None or len(embeddings) != unit["rows"]:
            what = f"no `{absent[0]}`" if absent else f"other shards from `{paths[0].name}` on"
            raise ArtefactError(
                f"{this_machine()} sees {what} in `{self._directory}`; mount the same data root on every machine."
            )
        taken = self._taken
        if taken is not None:
            inside = slice(*np.searchsorted(taken, [start, start + unit["rows"]]))
            taken = taken[inside] - start
        sweep = Sweep(self._grid, DirectorySource(embeddings), exclude=self._exclude, block_rows=self._block_rows)
        found = sweep.collect(self._depths, self._floors, taken=taken)
        # Deeper than that no list of the whole reaches.
        lengths = np.minimum(found.lengths, self._depths)
        lists = [slice(first, first + length) for first, length in zip(found.starts, lengths, strict=True)]
        return {
            "start": start,
            "rows": found.n_rows,
            "allowed": found.n_allowed,
            "lengths": lengths,
            "positions": np.concatenate([found.positions[part] for part in lists]),
            "scores": np.concatenate([found.scores[part] for part in lists]),
        }


def _read(answer: pa.Table) -> tuple[int, Candidates]:
    """Return what `ScanShards` found: where the part starts, and its lists."""

    def numbers(name: str) -> np.ndarray:
        values: np.ndarray = answer.column(name).combine_chunks().flatten().to_numpy()
        return values

    lengths = numbers("lengths")
    found = Candidates(
        starts=np.cumsum(lengths) - lengths,
        lengths=lengths,
        positions=numbers("positions"),
        scores=numbers("scores"),
        n_rows=answer.column("rows")[0].as_py(),
        n_allowed=answer.column("allowed")[0].as_py(),
    )
    return answer.column("start")[0].as_py(), found
