"""The coreset of an open-set for a target: exact, streaming, explained."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from simcore.errors import InputError
from simcore.selection.lists import CandidateLists, centroid_fingerprint
from simcore.selection.result import Certificate, Selection
from simcore.selection.rounds import Peeler, Round, no_deepening
from simcore.selection.rules import Outcome, Truncate, apply_rules, budget_in_images, check_rules
from simcore.selection.scanning import Scanner, unit_centroids
from simcore.selection.sources import OpenSet, Source, StreamSource, open_source
from simcore.selection.stops import Stop

# Pairs that the lists of one pass may hold: 4 million are 64 MiB, and 42,000 images deep for 100 centroids.
_MAX_PAIRS = 1 << 22


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
    settings = {
        "budget": None if budget is None else (int(budget) if isinstance(budget, int | np.integer) else float(budget)),
        "stop": None if stop is None else stop.settings(),
        "n_target": n_target,
        "truncate": truncate,
        "seed": seed,
    }
    source: Source | None = None
    if isinstance(openset, CandidateLists):
        if keys is not None or exclude is not None or depth is not None:
            raise InputError("`keys`, `exclude` and `depth` belong to `scan`; candidate lists already have them.")
        if openset.fingerprints["centroids"] != centroid_fingerprint(unit_centroids(centroids).numpy()):
            raise InputError("The candidate lists were made with other centroids; scan again with these.")
        lists = openset
        images = budget_in_images(budget, n_openset=lists.n_rows, n_target=n_target)
        deepen = no_deepening("lists alone cannot be scanned again; scan every shard with a larger `depth`.")
    else:
        source = open_source(openset, keys=keys)
        scanner = Scanner(
            centroids, source, exclude=exclude, device=device, block_rows=block_rows, show_progress=show_progress
        )
        expected = budget_in_images(budget, n_openset=source.n_rows, n_target=n_target)
        lists = scanner.lists(_first_depth(scanner.n_centroids, expected, source, depth))
        images = budget_in_images(budget, n_openset=source.n_rows, n_target=n_target)
        deepen = _deepening(scanner, images)
    peeler = Peeler(lists, deepen)
    outcome = apply_rules(peeler.rounds(), budget=images, stop=stop, truncate=truncate, seed=seed)
    names = _Names(source, peeler)
    return assemble(
        outcome,
        names.at,
        Certificate(
            method="coreset",
            exact=True,
            stopped_by=outcome.stopped_by,
            list_depth=peeler.lists.depth,
            deepest_pointer=peeler.deepest_pointer,
            passes=peeler.lists.passes,
            n_openset=lists.n_rows,
            n_excluded=lists.n_excluded,
            n_centroids=lists.n_centroids,
            budget=images,
            settings=settings,
            fingerprints=lists.fingerprints,
        ),
        openset=source,
    )
