"""Another budget, ratio or stop rule from the rounds of one run, without a scan."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from simcore.errors import InputError
from simcore.selection.coreset import assemble
from simcore.selection.result import Selection
from simcore.selection.rounds import Round
from simcore.selection.rows import key_ranks
from simcore.selection.rules import Truncate, apply_rules, budget_in_images, check_rules, rule_settings
from simcore.selection.stops import Stop


class TooFewRoundsError(InputError):
    """A replay asks for more rounds than the run has."""


def replay(
    selection: Selection,
    *,
    budget: float | None = None,
    stop: Stop | None = None,
    n_target: int | None = None,
    truncate: Truncate = "similarity",
    seed: int = 0,
) -> Selection:
    """Return the coreset that another budget or stop rule would have given, equal to a fresh run, without a scan.

    The order of picks depends on neither: one run without a stop rule and with the largest budget answers every
    question below it. Works on a loaded selection.

    Args:
        selection: result of `select_coreset` (or of `replay`), fresh or loaded.
        budget: as in `select_coreset`; None means 50·`n_target`, or no cap without it.
        stop: as in `select_coreset`.
        n_target: as in `select_coreset`.
        truncate: as in `select_coreset`.
        seed: as in `select_coreset`.

    Raises:
        TooFewRoundsError: the settings ask for more rounds than the run has.
        InputError: the settings cannot be used, or the selection is a baseline.

    Example:
        >>> from simcore.selection import select_coreset
        >>> run = select_coreset(np.eye(1, 2), np.array([[1.0, 0.3], [1.0, 0.1], [1.0, 0.2]]), budget=3)
        >>> replay(run, budget=2).indices.tolist()
        [1, 2]
    """
    check_rules(budget, stop, truncate, n_target)
    if selection.rounds is None or selection.centroids is None or selection.scores is None:
        raise InputError(
            f"A selection by {selection.certificate.method} has no rounds; replay one of `select_coreset`."
        )
    certificate = selection.certificate
    images = budget_in_images(budget, n_openset=certificate.n_openset, n_target=n_target)
    outcome = apply_rules(_recorded(selection), budget=images, stop=stop, truncate=truncate, seed=seed)
    replayed = assemble(
        outcome,
        replace(
            certificate,
            stopped_by=outcome.stopped_by,
            budget=images,
            settings=rule_settings(budget, stop, truncate, n_target, seed),
        ),
        keys_at=_key_lookup(selection),
        openset=selection.openset,
    )
    if selection.sources is None:
        return replayed
    return replace(replayed, sources=np.full(len(replayed), selection.sources[0]))


def _key_lookup(selection: Selection) -> Callable[[np.ndarray], pa.Array | None]:
    """Return a function from positions of picked (or left out) images to their keys."""
    if selection.keys is None:
        return lambda positions: None
    unkept = selection.certificate.unkept
    positions = np.concatenate([selection.indices, np.array(unkept.get("position", []), dtype=np.int64)])
    keys = pa.array([*selection.keys.tolist(), *unkept.get("key", [])], type=pa.string())
    order = np.argsort(positions)
    ordered = positions[order]
    return lambda wanted: keys.take(pa.array(order[np.searchsorted(ordered, wanted)]))


def _recorded(selection: Selection) -> Iterator[Round]:
    """Yield the rounds of a run as they were before any cut, and refuse to go past its end."""
    rounds, centroids, scores = selection.rounds, selection.centroids, selection.scores
    assert rounds is not None and centroids is not None and scores is not None
    trace = selection.trace
    starts = np.searchsorted(rounds, np.arange(1, len(trace) + 2))
    for number, value in enumerate(trace["value"].to_numpy(), start=1):
        part = slice(int(starts[number - 1]), int(starts[number]))
        if number == len(trace) and selection.certificate.unkept:
            yield _whole(selection, part, float(value))
        else:
            yield Round(selection.indices[part], centroids[part], scores[part], float(value))
    certificate = selection.certificate
    known = len(selection) + len(certificate.unkept.get("position", []))
    if known < certificate.n_openset - certificate.n_excluded:
        raise TooFewRoundsError(
            f"The replay needs a round after {len(trace):,}, where the run stopped by {selection.stopped_by} with "
            f"{len(selection):,} images; run `select_coreset` with a larger `budget` and `stop=None`, then replay that."
        )


def _whole(selection: Selection, kept: slice, value: float) -> Round:
    """Return the last round with the images that the run left out, in the order of a round."""
    unkept = selection.certificate.unkept
    assert selection.scores is not None and selection.centroids is not None
    positions = np.concatenate([selection.indices[kept], np.array(unkept["position"], dtype=np.int64)])
    scores = np.concatenate([selection.scores[kept], np.array(unkept["similarity"], dtype=np.float64)])
    centroids = np.concatenate([selection.centroids[kept], np.array(unkept["centroid"], dtype=np.int32)])
    ranks = positions
    if selection.keys is not None:
        ranks = key_ranks(pa.array([*selection.keys[kept].tolist(), *unkept["key"]], type=pa.string()))
    order = np.lexsort((ranks, -scores))
    return Round(positions[order], centroids[order], scores[order], value)
