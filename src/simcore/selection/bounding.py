"""Fast products that bound similarities: they decide which rows are worth an exact score, never more."""

import functools
import time
from collections.abc import Callable
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
# What rows of a type are looked at coarsely in: float16 ones as they are, float32 ones as bfloat16.
_COARSE_TYPES = {torch.float16: torch.float16, torch.float32: torch.bfloat16}
# Largest relative error of rounding to it; norms between which a coarse look is sound, far from what it cannot hold.
_ROUNDING = {torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8}
_SAFE_COARSE_NORM = {torch.float16: (2.0**-8, 2.0**15), torch.bfloat16: _SAFE_NORM}
# Float32 numbers, 1 MiB, that stay in a core's cache between two looks at them.
_CACHE_ENTRIES = 1 << 18
# A coarse product must be this much faster to pay for the conversion and the second look.
_COARSE_GAIN = 1.5
# What may be left of the error of a coarse product once its result's rounding is taken off: sums of float32.
_SOUND = 1e-5
# Looks of which the fastest counts: the first ones choose kernels.
_LOOKS = 10
# From this share of rows that pass the coarse product on, it only costs time.
_COARSE_SHARE = 0.4


@dataclass(frozen=True, eq=False)
class Bounds:
    """What a product must reach.

    Attributes:
        values: (k, 1) float32, on similarities.
        scaled: (k, d) centroids divided by `values`; None where a bound is not positive.
        coarse: by type of the rows, (k, d) centroids divided by lower bounds in the type of the first look; empty where
            there is none.
    """

    values: torch.Tensor
    scaled: torch.Tensor | None
    coarse: dict[torch.dtype, torch.Tensor]


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
        # Types of rows that a first look pays for.
        self._coarse = {
            kind for kind in _COARSE_TYPES if fast.device.type == "cpu" and coarse_pays(n_centroids, dim, kind)
        }
        self._coarse_rows = torch.empty((piece_rows if torch.float32 in self._coarse else 0, dim), dtype=torch.bfloat16)
        self._coarse_room = {
            kind: torch.empty(n_centroids * piece_rows, dtype=_COARSE_TYPES[kind]) for kind in self._coarse
        }

    def bounds(self, floors: np.ndarray) -> Bounds:
        """Return what products must reach for similarities of at least `floors`, (k,)."""
        # One margin for the product and one for the roundings of the bound itself.
        values = torch.from_numpy(np.maximum(floors - 2 * self._margin, _NO_BOUND))[:, None]
        coarse = {}
        for kind in self._coarse:
            lower = values - coarse_margin(values, self._fast.shape[1], self._margin, kind=kind)
            if float(lower.min()) > _LEAST_BOUND:
                coarse[kind] = (self._fast / lower.to(self._fast)).to(_COARSE_TYPES[kind])
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
        passed = None
        if rows.dtype in self._coarse and rows.dtype in bounds.coarse:
            looked = self._passing(rows, bounds.coarse[rows.dtype], excluded)
            if looked is not None:
                passed = looked[0]
                if rows.dtype == looked[1].dtype:
                    # Nearly as sharp as float32: what a second look would spare is less than it costs.
                    return passed, looked[1].index_select(0, passed).T.contiguous(), looked[2].index_select(0, passed)
                if len(passed) >= _COARSE_SHARE * len(rows):
                    self._coarse.discard(rows.dtype)
                rows, excluded = rows.index_select(0, passed), None
                if len(rows) == 0:
                    return passed, self._room[:0].view(len(self._fast), 0), self._room[:0]
        rows, norms = self._prepared(rows)
        if norms is None:
            return None
        wanted = norms if excluded is None else norms.masked_fill(excluded, torch.inf)
        products = self._room[: len(self._fast) * len(rows)].view(len(self._fast), len(rows))
        torch.mm(bounds.scaled, rows.T, out=products)
        # Norms are positive, and positive numbers compare as their bits do: twice as fast.
        used = (products.view(torch.int32).amax(dim=0) >= wanted.view(torch.int32)).nonzero()[:, 0]
        found = products.index_select(1, used), wanted.index_select(0, used)
        return (used if passed is None else passed.index_select(0, used)), *found

    def _passing(
        self, rows: torch.Tensor, coarse: torch.Tensor, excluded: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
        """Return the rows of which a pair may reach its bound, all products (n, k) and all norms (n,).

        None where the norms are not safe for a coarse look.
        """
        kind = coarse.dtype
        if rows.dtype == kind:
            narrow, norms = rows, self._norms(rows)
        else:
            narrow = self._coarse_rows[: len(rows)].copy_(rows)
            norms = torch.linalg.vector_norm(rows, dim=1)
        low, high = _SAFE_COARSE_NORM[kind]
        least, most = torch.aminmax(norms)
        if not (float(least) > low and float(most) < high):
            return None
        # Rows before centroids: 16-bit products come out twice as fast this way round.
        products = self._coarse_room[rows.dtype][: len(coarse) * len(rows)].view(len(rows), len(coarse))
        torch.mm(narrow, coarse.T, out=products)
        norms = norms.to(kind)
        passing = _bits(products).max(axis=1) >= _bits(norms)
        if excluded is not None:
            passing &= ~excluded.numpy()
        return torch.from_numpy(np.flatnonzero(passing)), products, norms

    def _norms(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the float32 norms of float16 `rows`, converted a few at a time so that they stay in the cache."""
        norms = torch.empty(len(rows))
        step = max(1, _CACHE_ENTRIES // rows.shape[1])
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            torch.linalg.vector_norm(self._rows[: len(part)].copy_(part), dim=1, out=norms[start : start + step])
        return norms

    def _prepared(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return `rows` as float32 on the device and their norms, or None for norms that are not safe."""
        if rows.dtype != torch.float32 or rows.device != self._rows.device:
            rows = self._rows[: len(rows)].copy_(rows)
        norms = torch.linalg.vector_norm(rows, dim=1)
        low, high = torch.aminmax(norms)
        safe = float(low) > _SAFE_NORM[0] and float(high) < _SAFE_NORM[1]
        return rows, norms if safe else None


def coarse_margin(values: torch.Tensor, dim: int, margin: float, *, kind: torch.dtype) -> torch.Tensor:
    """Return how far below `values` (positive bounds on similarities) a coarse bound must be to miss nothing.

    With u the largest relative error of rounding to the coarse type of rows of type `kind`: centroid and row are
    rounded once (a float16 row not at all), which turns each by at most u, and entries of a float16 centroid too small
    for that by at most 2^-25 each; product and norm are rounded, a factor of 1 - 2u at least between them; the
    sum is a float32 one, which `margin` bounds.
    """
    rounding = _ROUNDING[_COARSE_TYPES[kind]]
    turned = 2 * rounding + dim**0.5 * 2.0**-25
    return 1.01 * (turned + 2 * rounding * values.abs()) + margin


def _bits(values: torch.Tensor) -> np.ndarray:
    """Return 16-bit `values` as int16: positive ones keep their order, negative ones stay below them."""
    return values.view(torch.int16).numpy()


@functools.lru_cache(maxsize=64)
def coarse_pays(n_centroids: int, dim: int, dtype: torch.dtype) -> bool:
    """Return whether a first look with 16-bit products saves time on rows of `dtype`, on this processor.

    It does where the processor has units for them (AMX, AVX-512 FP16) and d is not small. Measured on 1,024 random
    rows, a few milliseconds, once for each shape. What is found never depends on the answer: the coarse product
    has a margin of its own (`coarse_margin`). That products are summed in float32, as it presumes, is checked here too.
    """
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        n_threads = torch.get_num_threads()
        answer = pool.submit(_measure_coarse, n_centroids, dim, dtype).result()
    torch.set_num_threads(n_threads)
    return answer


def _measure_coarse(n_centroids: int, dim: int, dtype: torch.dtype) -> bool:
    # torch sums float16 products in float32 unless told otherwise; that it does is looked at below.
    generator = torch.Generator().manual_seed(0)
    left = torch.nn.functional.normalize(torch.randn(n_centroids, dim, generator=generator), dim=1)
    rows = torch.nn.functional.normalize(torch.randn(1024, dim, generator=generator), dim=1)
    kind = _COARSE_TYPES[dtype]
    given, wide, narrow = rows.to(dtype), torch.empty_like(rows), torch.empty_like(rows, dtype=kind)
    narrow_left = left.to(kind)
    exact, coarse = torch.empty(n_centroids, 1024), torch.empty(1024, n_centroids, dtype=kind)

    def look_closely() -> None:
        torch.mm(left, (given if dtype == torch.float32 else wide.copy_(given)).T, out=exact)

    def look_coarsely() -> None:
        torch.mm(given if dtype == kind else narrow.copy_(given), narrow_left.T, out=coarse)

    def seconds(look: Callable[[], None]) -> float:
        start = time.perf_counter()
        look()
        return time.perf_counter() - start

    times = [min(seconds(look) for _ in range(_LOOKS)) for look in (look_closely, look_coarsely)]
    # One large and many small entries, which a sum in 16 bits loses.
    uneven = torch.full_like(rows, _ROUNDING[kind] / 2)
    uneven[torch.arange(len(uneven)), torch.arange(len(uneven)) % dim] = 1.0
    sound = True
    for right, cast in ((rows, narrow_left), (uneven, torch.ones_like(narrow_left))):
        torch.mm(right.to(kind), cast.T, out=coarse)
        truth = torch.mm(right.to(kind).float(), cast.float().T)
        # What is left once the result's own rounding is taken off.
        error = (coarse.float() - truth).abs() - _ROUNDING[kind] * truth.abs()
        sound = sound and float(error.max()) < _SOUND
    return sound and times[0] > _COARSE_GAIN * times[1]
