"""Fast products that bound similarities: they decide which rows are worth an exact score, never more."""

import functools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

# A float32 norm outside these bounds may have overflowed or lost digits.
_SAFE_NORM = (1e-15, 1e15)
# No similarity is below -1: this bound keeps every pair but those of excluded rows.
_NO_BOUND = -2.0
# Centroids are divided by their bounds where all are above this; smaller ones would blow up the roundings.
_LEAST_BOUND = 2.0**-10
# bfloat16 has eight significant bits.
_EPS16 = 2.0**-8
# A coarse product must be this much faster to pay for the conversion and the second look.
_COARSE_GAIN = 2.0
# From this share of rows that pass the coarse product on, it only costs time.
_COARSE_SHARE = 0.4


@dataclass(frozen=True, eq=False)
class Bounds:
    """What a product must reach.

    Attributes:
        values: (k, 1) float32, on similarities.
        scaled: (k, d) centroids divided by `values`; None where a bound is not positive.
        coarse: (k, d) bfloat16 centroids divided by lower bounds, for a first look; None where there is none.
    """

    values: torch.Tensor
    scaled: torch.Tensor | None
    coarse: torch.Tensor | None


class Products:
    """Float32 products of pieces of the open-set with the centroids; owns the memory that every piece uses again.

    Args:
        fast: (k, d) float32 unit centroids.
        margin: how far a product of `fast` can be from the deciding similarity.
        piece_rows: rows of a piece at most.
    """

    def __init__(self, fast: torch.Tensor, margin: float, *, piece_rows: int) -> None:
        self._fast, self._margin = fast, margin
        n_centroids, dim = fast.shape
        self._rows = torch.empty((piece_rows, dim), device=fast.device)
        self._room = torch.empty(n_centroids * piece_rows, device=fast.device)
        self._coarse = fast.device.type == "cpu" and coarse_pays(n_centroids, dim)
        if self._coarse:
            self._coarse_rows = torch.empty((piece_rows, dim), dtype=torch.bfloat16)
            self._coarse_room = torch.empty(n_centroids * piece_rows, dtype=torch.bfloat16)

    def bounds(self, floors: np.ndarray) -> Bounds:
        """Return what products must reach for similarities of at least `floors`, (k,)."""
        # One margin for the product and one for the roundings of the bound itself.
        values = torch.from_numpy(np.maximum(floors - 2 * self._margin, _NO_BOUND))[:, None]
        lower = values - 1.01 * (2 * _EPS16 + _EPS16 * values.abs())
        coarse = None
        if self._coarse and float(lower.min()) > _LEAST_BOUND:
            # Rows and centroids are rounded once each, and so is the product, of which only that at the bound matters.
            coarse = (self._fast / lower.to(self._fast)).to(torch.bfloat16)
        values = values.to(self._fast)
        scaled = self._fast / values if float(values.min()) > _LEAST_BOUND else None
        return Bounds(values, scaled, coarse)

    def similar(self, rows: torch.Tensor) -> torch.Tensor | None:
        """Return the (k, n) similarities to within the margin; None where the float32 norms are not safe."""
        rows, norms = self._prepared(rows)
        if norms is None:
            return None
        products = self._room[: len(self._fast) * len(rows)].view(len(self._fast), len(rows))
        return torch.mm(self._fast, rows.T, out=products).div_(norms)

    def reaching(
        self, rows: torch.Tensor, bounds: Bounds, excluded: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
        """Return `(used, products, norms)` of the rows of which any pair may reach its bound, or None if not known.

        `⟨c, x⟩ / ‖x‖ ≥ b` is `⟨c / b, x⟩ ≥ ‖x‖` where the bounds are positive: the products need no scaling, and their
        maximum over the centroids tells in one pass which few rows need a closer look. A pair may reach its bound
        where its product, in (k, u), reaches the norm, in (u,).
        """
        if bounds.scaled is None:
            return None
        rows, norms = self._prepared(rows)
        if norms is None:
            return None
        wanted = norms if excluded is None else norms.masked_fill(excluded, torch.inf)
        passed = None
        if self._coarse and bounds.coarse is not None:
            passed = self._passing(rows, bounds.coarse, wanted)
            self._coarse = len(passed) < _COARSE_SHARE * len(rows)
            rows, wanted = rows.index_select(0, passed), wanted.index_select(0, passed)
        products = self._room[: len(self._fast) * len(rows)].view(len(self._fast), len(rows))
        torch.mm(bounds.scaled, rows.T, out=products)
        used = (products.amax(dim=0) >= wanted).nonzero()[:, 0] if len(rows) else torch.arange(0)
        found = products.index_select(1, used), wanted.index_select(0, used)
        return (used if passed is None else passed.index_select(0, used)), *found

    def _passing(self, rows: torch.Tensor, coarse: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        narrow = self._coarse_rows[: len(rows)].copy_(rows)
        products = self._coarse_room[: len(coarse) * len(rows)].view(len(coarse), len(rows))
        torch.mm(coarse, narrow.T, out=products)
        return (products.amax(dim=0) >= wanted).nonzero()[:, 0]

    def _prepared(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return `rows` as float32 on the device and their norms, or None for norms that are not safe."""
        if rows.dtype != torch.float32 or rows.device != self._rows.device:
            rows = self._rows[: len(rows)].copy_(rows)
        norms = torch.linalg.vector_norm(rows, dim=1)
        low, high = torch.aminmax(norms)
        safe = float(low) > _SAFE_NORM[0] and float(high) < _SAFE_NORM[1]
        return rows, norms if safe else None


@functools.lru_cache(maxsize=64)
def coarse_pays(n_centroids: int, dim: int) -> bool:
    """Return whether bfloat16 products are so fast on this processor that a first look with them saves time.

    They are where it has matrix units for them (AMX) and d is not small. Measured on 1,024 random rows, a few
    milliseconds, once for each shape. What is found never depends on the answer: the coarse product has a margin of
    its own (inputs rounded to eight bits, products exact, sums in float32), which is checked here as well.
    """
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        n_threads = torch.get_num_threads()
        answer = pool.submit(_measure_coarse, n_centroids, dim).result()
    torch.set_num_threads(n_threads)
    return answer


def _measure_coarse(n_centroids: int, dim: int) -> bool:
    generator = torch.Generator().manual_seed(0)
    left = torch.nn.functional.normalize(torch.randn(n_centroids, dim, generator=generator), dim=1)
    rows = torch.nn.functional.normalize(torch.randn(1024, dim, generator=generator), dim=1)
    narrow_left, narrow = left.to(torch.bfloat16), torch.empty_like(rows, dtype=torch.bfloat16)
    exact, coarse = torch.empty(n_centroids, 1024), torch.empty(n_centroids, 1024, dtype=torch.bfloat16)

    def seconds(coarsely: bool) -> float:
        start = time.perf_counter()
        if coarsely:
            torch.mm(narrow_left, narrow.copy_(rows).T, out=coarse)
        else:
            torch.mm(left, rows.T, out=exact)
        return time.perf_counter() - start

    times = [min(seconds(coarsely) for _ in range(4)) for coarsely in (False, True)]
    error = (coarse.float() - exact).abs() - _EPS16 * exact.abs()
    return times[0] > _COARSE_GAIN * times[1] and float(error.max()) < 2 * _EPS16
