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
# Norms between which the coarse look at float16 rows is sound (`narrow_half`).
_SAFE_HALF_NORM = (0.5, 2.0**15)
# Sign, exponent and seven bits of the fraction of a float16 after three shifts; what its exponent lacks in bfloat16.
_HALF_SHIFT, _HALF_BITS, _HALF_EXPONENT = np.int16(3), np.int16(-0x7001), np.int16(0x3800)
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
        coarse = None
        if self._coarse:
            lower = values - coarse_margin(values, self._fast.shape[1], self._margin)
            if float(lower.min()) > _LEAST_BOUND:
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
        passed = None
        if self._coarse and bounds.coarse is not None:
            passed = self._passing(rows, bounds.coarse, excluded)
        if passed is not None:
            self._coarse = len(passed) < _COARSE_SHARE * len(rows)
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

    def _passing(self, rows: torch.Tensor, coarse: torch.Tensor, excluded: torch.Tensor | None) -> torch.Tensor | None:
        """Return the rows of which a pair may reach its bound; None where their bfloat16 norms are not safe."""
        narrow = self._coarse_rows[: len(rows)]
        half = rows.dtype == torch.float16
        if half:
            narrow_half(rows, out=narrow)
        else:
            narrow.copy_(rows)
        norms = _bits(torch.linalg.vector_norm(narrow, dim=1))
        low, high = _bits(torch.tensor(_SAFE_HALF_NORM if half else _SAFE_NORM, dtype=torch.bfloat16))
        if norms.min() <= low or norms.max() >= high:
            return None
        products = self._coarse_room[: len(coarse) * len(rows)].view(len(coarse), len(rows))
        torch.mm(coarse, narrow.T, out=products)
        passing = _bits(products).max(axis=0) >= norms
        if excluded is not None:
            passing &= ~excluded.numpy()
        return torch.from_numpy(np.flatnonzero(passing))

    def _prepared(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return `rows` as float32 on the device and their norms, or None for norms that are not safe."""
        if rows.dtype != torch.float32 or rows.device != self._rows.device:
            rows = self._rows[: len(rows)].copy_(rows)
        norms = torch.linalg.vector_norm(rows, dim=1)
        low, high = torch.aminmax(norms)
        safe = float(low) > _SAFE_NORM[0] and float(high) < _SAFE_NORM[1]
        return rows, norms if safe else None


def narrow_half(rows: torch.Tensor, *, out: torch.Tensor) -> None:
    """Write float16 `rows` as bfloat16 into `out`, by three integer operations: four times as fast as casts.

    The last three bits of the fraction are cut, which shortens an entry by a factor from 1 - 2^-7 to 1: all of them
    by 1 - 2^-8, which no direction notices, and each by at most 2^-8 of its own more or less. Entries below 2^-14
    (subnormal in float16, zeros among them) come out between 2^-15 and 2^-14, off by at most 2^-15. NaN and infinity
    come out as 2^16 at least.

    Example:
        >>> narrow = torch.empty(3, dtype=torch.bfloat16)
        >>> narrow_half(torch.tensor([1.0, -2.5, 0.0], dtype=torch.float16), out=narrow)
        >>> narrow.tolist()
        [1.0, -2.5, 3.0517578125e-05]
    """
    bits, narrow = rows.view(torch.int16).numpy(), out.view(torch.int16).numpy()
    np.right_shift(bits, _HALF_SHIFT, out=narrow)
    np.bitwise_and(narrow, _HALF_BITS, out=narrow)
    np.add(narrow, _HALF_EXPONENT, out=narrow)


def coarse_margin(values: torch.Tensor, dim: int, margin: float) -> torch.Tensor:
    """Return how far below `values` (positive bounds on similarities) a coarse bound must be to miss nothing.

    With u = 2^-8: centroid and row are rounded once, which turns each by at most u; tiny entries of a float16 row
    (`narrow_half`) turn it by at most √d·2^-15 over the least norm, 1/2; product and norm are rounded to bfloat16,
    a factor of 1 - 2u at least between them, and summed in float32, which `margin` bounds.
    """
    turned = 2 * _EPS16 + dim**0.5 * 2.0**-15 / _SAFE_HALF_NORM[0]
    return 1.01 * (turned + 2 * _EPS16 * values.abs()) + margin


def _bits(values: torch.Tensor) -> np.ndarray:
    """Return bfloat16 `values` as int16: positive ones keep their order, negative ones stay below them."""
    return values.view(torch.int16).numpy()


@functools.lru_cache(maxsize=64)
def coarse_pays(n_centroids: int, dim: int) -> bool:
    """Return whether bfloat16 products are so fast on this processor that a first look with them saves time.

    They are where it has matrix units for them (AMX) and d is not small. Measured on 1,024 random rows, a few
    milliseconds, once for each shape. What is found never depends on the answer: the coarse product has a margin of
    its own (`coarse_margin`). That products and norms are summed in float32, as it presumes, is checked here as well.
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
    norm_error = (torch.linalg.vector_norm(narrow, dim=1).float() - 1).abs()
    sound = float(error.max()) < 2 * _EPS16 and float(norm_error.max()) < 2 * _EPS16
    return sound and times[0] > _COARSE_GAIN * times[1]
