"""The streaming scan: each centroid's best images from one read of the open-set, however large it is."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch

from simcore.devices import choose_device
from simcore.errors import InputError
from simcore.selection.candidates import Candidates
from simcore.selection.forecast import Forecast, sample_size
from simcore.selection.lists import CandidateLists, centroid_fingerprint
from simcore.selection.passes import Sweep
from simcore.selection.rows import check_rows, directionless
from simcore.selection.similarity import grid_rows
from simcore.selection.sources import OpenSet, Source, open_source

# A sample may misrepresent the open-set; passes after these do without it.
_FORECAST_PASSES = 2


def scan(
    centroids: np.ndarray | torch.Tensor,
    openset: OpenSet,
    *,
    depth: int,
    keys: Sequence[str] | np.ndarray | None = None,
    exclude: Iterable[Any] | None = None,
    device: str = "auto",
    block_rows: int | None = None,
    show_progress: bool = False,
) -> CandidateLists:
    """Return every centroid's `depth` most similar images, in order (similarity down, then key or position up).

    Float32 products of a block bound the similarities from above with a stated margin
    (`simcore.selection.similarity.fast_margin`); what can still enter a list is scored by the deciding similarity,
    whose bits do not depend on the order of summation. So the lists are the same for any `block_rows` and number of
    threads, and lists of shards merge (`merge`) to the lists of the whole.

    Args:
        centroids: (k, d), normalised inside.
        openset: (N, d) array or tensor, an embeddings directory, or an iterable of blocks; rows are normalised inside.
        depth: images a list holds at most.
        keys: N unique strings for an array or tensor.
        exclude: keys (positions where there are no keys) that may not be picked.
        device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1".
        block_rows: rows handled at a time; chosen by d and k when None.
        show_progress: show a bar on standard error.

    Raises:
        InputError: `depth` < 1, dimensions differ, a row is zero or not finite, keys repeat.

    Cost: one read and 2·N·k·d float32 operations; memory k·depth·50 bytes and one block, whatever N.

    Example:
        >>> lists = scan(np.eye(2), np.array([[1.0, 0.2], [0.3, 1.0], [1.0, 1.0]]), depth=2)
        >>> lists.positions.tolist()
        [[0, 2], [1, 2]]
    """
    if depth < 1:
        raise InputError(f"`depth` is {depth}; a list must hold at least 1 image.")
    source = open_source(openset, keys=keys)
    scanner = Scanner(
        centroids, source, exclude=exclude, device=device, block_rows=block_rows, show_progress=show_progress
    )
    return scanner.lists(depth)


def unit_centroids(centroids: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Return `centroids` as (k, d) float32 on the CPU, checked to be finite and non-zero."""
    rows = check_rows(centroids, name="`centroids`").to("cpu", torch.float32)
    if len(rows) == 0:
        raise InputError("`centroids` has 0 rows; give at least one centroid.")
    bad = directionless(rows)
    if bad.any():
        raise InputError(
            f"Centroid {int(np.argmax(bad))} is zero or not finite, so it has no direction; fit the centroids again."
        )
    return rows


class Scanner:
    """Gets candidate lists of one open-set for one set of centroids: decides how deep, and looks again when needed.

    Arguments: see `scan`; and `sweeping`, which makes the passes, here or elsewhere.

    Attributes:
        source: the open-set.
        n_centroids: k.
    """

    def __init__(
        self,
        centroids: np.ndarray | torch.Tensor,
        source: Source,
        *,
        exclude: Iterable[Any] | None = None,
        device: str = "auto",
        block_rows: int | None = None,
        show_progress: bool = False,
        sweeping: Callable[..., Sweep] = Sweep,
    ) -> None:
        rows = unit_centroids(centroids)
        self.n_centroids = len(rows)
        self.source = source
        self._fingerprint = centroid_fingerprint(rows.numpy())
        self._device = choose_device(device)
        self._sweep = sweeping(
            grid_rows(rows).to(self._device),
            source,
            exclude=exclude,
            block_rows=block_rows,
            show_progress=show_progress,
        )
        self._forecast: Forecast | None = None

    @property
    def passes(self) -> int:
        """How often the open-set was read so far."""
        return self._sweep.passes

    def fingerprints(self) -> dict[str, Any]:
        """Return what identifies centroids and open-set."""
        return {"centroids": self._fingerprint, "openset": self.source.fingerprint()}

    def lists(self, depth: int) -> CandidateLists:
        """Return lists of exactly `depth` images, or of all allowed ones where these are fewer."""
        depths, no_floors = np.full(self.n_centroids, depth), np.full(self.n_centroids, -np.inf)
        forecast = self._try_sample()
        floors = no_floors if forecast is None else forecast.floors(depth) - self._sweep.margin
        found = self._sweep.run(depths, floors)
        wanted = min(depth, found.n_allowed)
        if (found.lengths < wanted).any():
            # The sample promised more good images than there are: once more without it.
            found = self._sweep.run(depths, no_floors)
        places = found.starts[:, None] + np.arange(wanted)
        positions = found.positions[places].astype(np.int64)
        key_positions = np.unique(positions) if self.source.keyed else None
        return CandidateLists(
            positions=positions,
            scores=found.scores[places],
            n_rows=found.n_rows,
            n_excluded=found.n_rows - found.n_allowed,
            passes=self.passes,
            key_positions=key_positions,
            key_names=None if key_positions is None else self.source.keys_at(key_positions),
            fingerprints=self.fingerprints(),
        )

    def candidates(
        self, *, budget: int | None, depth: int | None, max_pairs: int, taken: np.ndarray | None = None
    ) -> Candidates:
        """Return lists that should do for `budget` more picks, of about `max_pairs` entries in all at most.

        Args:
            budget: picks that may still come; None means no cap.
            depth: entries of each list; None means as many as the budget needs, tried on a sample where there is one.
            max_pairs: bound on memory.
            taken: (t,) int64 increasing positions that are left out.
        """
        if depth is None:
            forecast = self._try_sample() if self.passes < _FORECAST_PASSES else None
            if forecast is not None:
                goal = forecast.n_rows if budget is None else budget
                depths, floors = forecast.depths_and_floors(budget=goal, taken=taken, max_pairs=max_pairs)
                found = self._sweep.run(depths, floors - self._sweep.margin, taken=taken)
                if found.lengths.min() > 0:
                    return found
            # Every further pass looks four times as deep, but no deeper than memory allows and the budget can use.
            deeper = 4**self.passes * _plain_depth(self.n_centroids, budget, rereadable=self.source.rereadable)
            depth = min(max(1, max_pairs // self.n_centroids), deeper if budget is None else min(budget, deeper))
        return self._sweep.run(np.full(self.n_centroids, depth), np.full(self.n_centroids, -np.inf), taken=taken)

    def _try_sample(self) -> Forecast | None:
        """Return the forecast from a sample of the open-set, or None where it has none or is too small for one."""
        if self._forecast is None and self.source.n_rows is not None:
            count = sample_size(self.n_centroids, self.source.n_rows)
            sample = self.source.sample(count) if count else None
            if sample is not None:
                positions, rows = sample[0], sample[1].to(self._device, torch.float32)
                products = torch.mm(self._sweep.fast, rows.T).div_(torch.linalg.vector_norm(rows, dim=1))
                # A sampled row without a direction says nothing here; the pass itself names it.
                products.nan_to_num_(nan=-1.0, posinf=-1.0, neginf=-1.0).clamp_(-1.0, 1.0)
                self._forecast = Forecast.of(positions, products, self.source.n_rows)
        return self._forecast


def _plain_depth(n_centroids: int, budget: int | None, *, rereadable: bool) -> int:
    """Return a depth for lists that no sample has forecast."""
    if budget is None:
        return 4096
    if not rereadable:
        # There is no second pass; a list as long as the budget cannot be outrun.
        return budget
    # Where centroids share no images a list loses one entry a round; four times that covers moderate sharing.
    return min(budget, 4 * -(-budget // n_centroids) + 64)
