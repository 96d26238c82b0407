"""The coreset of an open-set for a target: exact, streaming, explained."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import torch

from simcore.errors import InputError
from simcore.selection.candidates import Candidates
from simcore.selection.lists import CandidateLists, centroid_fingerprint
from simcore.selection.passes import Sweep
from simcore.selection.result import Certificate, Selection
from simcore.selection.rounds import Peeler
from simcore.selection.rules import Outcome, Truncate, apply_rules, budget_in_images, check_rules, rule_settings
from simcore.selection.scanning import Scanner, unit_centroids
from simcore.selection.sources import OpenSet, Source, open_source
from simcore.selection.stops import Stop

# Pairs that the lists of one pass may hold: 12 million are 144 MiB, and 120,000 images deep for 100 centroids.
_MAX_PAIRS = 12 * 2**20


def select_coreset(
    centroids: np.ndarray | torch.Tensor,
    openset: OpenSet | CandidateLists,
    *,
    budget: float | None = None,
    stop: Stop | None = None,
    n_target: int | None = None,
    keys: Sequence[str] | np.ndarray | None = None,
    exclude: Iterable[Any] | None = None,
    truncate: Truncate = "similarity",
    seed: int = 0,
    device: str = "auto",
    depth: int | None = None,
    block_rows: int | None = None,
    show_progress: bool = False,
    sweeping: Callable[..., Sweep] = Sweep,
) -> Selection:
    """Return the coreset: round by round, every centroid takes its most similar image that no earlier round took.

    Picks of one round may coincide: the image then counts once in size and for each of its centroids in the round's
    value. Ties go to the higher similarity, then to the lower key (position without keys). This is the paper's
    Algorithm 1. Its objective f̂ (equation 2, a facility location) is at its maximum after round 1, when every
    centroid has its nearest image; the later rounds peel the open-set layer by layer and are no greedy maximisation.

    Exact for any N in k·depth memory: `scan` keeps each centroid's best `depth` images, the rounds are peeled from
    these lists, and when a pointer reaches the end of a list the open-set is scanned again without what is taken. The
    result is the same for any `block_rows`, number of threads and number of shards, because the similarity that
    decides is an exact sum (`simcore.selection.similarity`). On CUDA the same arithmetic is used but untested.

    Args:
        centroids: (k, d) from `fit_centroids` or from elsewhere; normalised inside.
        openset: (N, d) array or tensor, an embeddings directory, an iterable of (n_i, d) blocks or `(keys, block)`
            pairs, or the candidate lists of `scan` / `merge`.
        budget: images (int), share of the open-set (float in (0, 1), rounded down), or None: 50·`n_target`, the cap of
            the published runs; without `n_target` no cap.
        stop: a stop rule (`StopRule.paper()`, `StopRule.authors()`, ...), or None.
        n_target: |X|, for the cap.
        keys: N unique strings for an array or tensor.
        exclude: keys (positions where there are no keys) that may not be picked.
        truncate: how the round that crosses the budget is cut: "similarity" keeps the most similar, "random" a
            seeded sample (as the authors' code), None the whole round (as the algorithm is printed).
        seed: for `truncate="random"`.
        device: "auto" (CUDA where there is one), "cpu", "cuda".
        depth: length of the candidate lists; chosen from budget and k when None, deepened as needed.
        block_rows: rows scanned at a time; chosen by d and k when None.
        show_progress: show a bar for each pass.
        sweeping: makes the passes; `simcore.cluster` has one that lets a cluster read the shards.

    Raises:
        InputError: the settings or the rows cannot be used, a stop rule has no positive reference, or an input that
            can be read only once would have to be read again.

    Cost: a pass is one read and 2·N·k·d float32 operations; each further pass yields at least `depth` images.

    Example:
        >>> openset = np.array([[1.0, 0.1], [0.1, 1.0], [1.0, 0.2], [1.0, 1.0]])
        >>> selection = select_coreset(np.eye(2), openset, budget=3)
        >>> selection.indices.tolist(), selection.rounds.tolist(), selection.stopped_by
        ([0, 1, 2], [1, 1, 2], 'budget')
    """
    check_rules(budget, stop, truncate, n_target)
    if isinstance(openset, CandidateLists):
        if keys is not None or exclude is not None or depth is not None:
            raise InputError("`keys`, `exclude` and `depth` belong to `scan`; candidate lists already have them.")
        pool: _Pool = _ListPool(centroids, openset)
    else:
        if depth is not None and depth < 1:
            raise InputError(f"`depth` is {depth}; a list must hold at least 1 image.")
        source = open_source(openset, keys=keys)
        expected = budget_in_images(budget, n_openset=source.n_rows, n_target=n_target)
        scanner = Scanner(
            centroids,
            source,
            exclude=exclude,
            device=device,
            block_rows=block_rows,
            show_progress=show_progress,
            sweeping=sweeping,
        )
        pool = _ScannedPool(scanner, budget=expected, depth=depth)
    candidates = pool.candidates()
    images = budget_in_images(budget, n_openset=candidates.n_rows, n_target=n_target)
    peeler = Peeler(candidates, deepen=pool.deepen, rank_at=pool.rank_at)
    outcome = apply_rules(peeler.rounds(), budget=images, stop=stop, truncate=truncate, seed=seed)
    certificate = Certificate(
        method="coreset",
        exact=True,
        stopped_by=outcome.stopped_by,
        list_depth=peeler.use.depth,
        deepest_pointer=peeler.use.deepest_pointer,
        slack=peeler.use.slack,
        passes=pool.passes,
        n_openset=candidates.n_rows,
        n_excluded=candidates.n_rows - candidates.n_allowed,
        n_centroids=len(candidates.lengths),
        keyed=pool.keyed,
        budget=images,
        settings=rule_settings(budget, stop, truncate, n_target, seed),
        fingerprints=pool.fingerprints(),
    )
    return assemble(outcome, certificate, keys_at=pool.keys_at, openset=pool.source)


class _Pool(Protocol):
    """Where candidates come from, and how their keys and ties are known."""

    source: Source | None

    @property
    def keyed(self) -> bool: ...

    @property
    def passes(self) -> int: ...

    def candidates(self) -> Candidates: ...

    def deepen(self, taken: np.ndarray) -> Candidates: ...

    @property
    def rank_at(self) -> Callable[[np.ndarray], np.ndarray] | None: ...

    def keys_at(self, positions: np.ndarray) -> pa.Array | None: ...

    def fingerprints(self) -> dict[str, Any]: ...


class _ListPool:
    """Finished candidate lists."""

    source: Source | None = None

    def __init__(self, centroids: np.ndarray | torch.Tensor, lists: CandidateLists) -> None:
        if lists.fingerprints["centroids"] != centroid_fingerprint(unit_centroids(centroids).numpy()):
            raise InputError("The candidate lists were made with other centroids; scan again with these.")
        self._lists = lists
        self.keyed = lists.key_names is not None
        self.passes = lists.passes
        self.candidates = lists.candidates
        self.rank_at = lists.ranks_at
        self.keys_at = lists.keys_at

    def deepen(self, taken: np.ndarray) -> Candidates:
        raise InputError(
            f"After {len(taken):,} picks a pointer reached the end of its list of {self._lists.depth:,} candidates, "
            "and lists alone cannot be scanned again; `scan` every shard with a larger `depth`."
        )

    def fingerprints(self) -> dict[str, Any]:
        return self._lists.fingerprints


class _ScannedPool:
    """An open-set that is scanned as often as it takes."""

    def __init__(self, scanner: Scanner, *, budget: int | None, depth: int | None) -> None:
        self._scanner = scanner
        self._budget = budget
        self._depth = depth
        self.source: Source | None = scanner.source
        self.fingerprints = scanner.fingerprints
        self.keys_at = scanner.source.keys_at

    @property
    def keyed(self) -> bool:
        return self._scanner.source.keyed

    @property
    def passes(self) -> int:
        return self._scanner.passes

    @property
    def rank_at(self) -> Callable[[np.ndarray], np.ndarray] | None:
        ranks = self._scanner.source.ranks
        return None if ranks is None else ranks.__getitem__

    def candidates(self) -> Candidates:
        return self._scanner.candidates(budget=self._budget, depth=self._depth, max_pairs=_MAX_PAIRS)

    def deepen(self, taken: np.ndarray) -> Candidates:
        """Return lists without what is taken, as deep as the rest of the budget needs."""
        if not self._scanner.source.rereadable:
            raise InputError(
                f"After {len(taken):,} picks a pointer reached the end of its candidate list, and this open-set can be "
                "read only once; give a larger `depth`, or an input that can be read again (an array, an embeddings "
                "directory, a list of blocks)."
            )
        left = None if self._budget is None else max(1, self._budget - len(taken))
        if self._depth is not None:
            # Pointers pass only what is taken from now on, so a list as long as the open rest cannot be outrun.
            deeper = min(4 * self._depth, max(self._depth, _MAX_PAIRS // self._scanner.n_centroids))
            self._depth = deeper if left is None else min(deeper, left)
        return self._scanner.candidates(budget=left, depth=self._depth, max_pairs=_MAX_PAIRS, taken=taken)


def assemble(
    outcome: Outcome,
    certificate: Certificate,
    *,
    keys_at: Callable[[np.ndarray], pa.Array | None],
    openset: Source | None,
) -> Selection:
    """Return the selection that an outcome of the rules amounts to."""
    pieces = list(zip(outcome.rounds, outcome.kept, strict=True))
    indices = _joined([round_.positions[chosen] for round_, chosen in pieces], np.int64)
    unkept = _unkept(outcome)
    left_out = np.array(unkept.get("position", []), dtype=np.int64)
    keys = keys_at(np.concatenate([indices, left_out]))
    if keys is not None and len(left_out):
        unkept["key"] = keys.slice(len(indices)).to_pylist()
    return Selection(
        indices=indices,
        keys=None if keys is None else np.array(keys.slice(0, len(indices)).to_pylist(), dtype=np.str_),
        rounds=np.repeat(np.arange(1, len(pieces) + 1, dtype=np.int32), [len(chosen) for _, chosen in pieces]),
        centroids=_joined([round_.centroids[chosen] for round_, chosen in pieces], np.int32),
        scores=_joined([round_.scores[chosen] for round_, chosen in pieces], np.float64),
        sources=None,
        trace=outcome.trace,
        certificate=replace(certificate, unkept=unkept),
        openset=openset,
    )


def _joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate(parts).astype(dtype) if parts else np.empty(0, dtype=dtype)


def _unkept(outcome: Outcome) -> dict[str, list[Any]]:
    """Return the images of the last round that did not join, as JSON-ready columns."""
    if not outcome.rounds:
        return {}
    last = outcome.rounds[-1]
    left = np.setdiff1d(np.arange(len(last.positions)), outcome.kept[-1])
    if len(left) == 0:
        return {}
    return {
        "position": last.positions[left].tolist(),
        "centroid": last.centroids[left].tolist(),
        "similarity": last.scores[left].tolist(),
    }
