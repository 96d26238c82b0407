"""The similarity that decides: exact on a grid, the same bits for every order of summation."""

import math
import warnings

import numpy as np
import torch

# 26 fractional bits an entry put every product on a grid of 2^-52. The sum of |products| of two unit rows is at
# most 1 (Cauchy-Schwarz), so each partial sum in any order is an integer below 2^53 on that grid: float64 holds it
# exactly, and no block size, thread count, library or fused multiply-add can change the result.
GRID_BITS = 26
_SCALE = float(2**GRID_BITS)
_UNIT = float(2 ** (-2 * GRID_BITS))
_EPS32 = 2.0**-24


def squared_norms(rows: torch.Tensor) -> torch.Tensor:
    """Return the squared norms of float64 `rows`, (n,), summed in an order that depends on d alone.

    The upper half is added to the lower half until one column is left; elementwise sums are IEEE-exactly rounded,
    so the bits are the same everywhere.
    """
    squares = rows * rows
    while squares.shape[1] > 1:
        half = (squares.shape[1] + 1) // 2
        rest = squares.shape[1] - half
        squares[:, :rest] += squares[:, half:]
        squares = squares[:, :half]
    return squares[:, 0]


def grid_rows(rows: torch.Tensor) -> torch.Tensor:
    """Return unit rows on the grid: (n, d) float64 integers `round(2^26 · x / ‖x‖)`.

    Args:
        rows: (n, d) finite and non-zero, any float type; float64 is rounded to float32 first.

    Example:
        >>> (grid_rows(torch.tensor([[3.0, 4.0]])) / 2**26).tolist()
        [[0.6000000089406967, 0.800000011920929]]
    """
    wide = rows.to(torch.float32).to(torch.float64)
    norms = squared_norms(wide).sqrt_()
    return wide.div_(norms[:, None]).mul_(_SCALE).round_()


def similarities(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return the deciding similarity of every pair, (n, m) float64, from two sets of `grid_rows`.

    `s(x, c) = ⟨round(2^26 x/‖x‖), round(2^26 c/‖c‖)⟩ / 2^52`, an exact sum. It differs from the cosine of the
    float32 rows by at most `√d · 2^-26` (7e-7 at d = 2048) and typically by 6e-9.
    """
    return torch.mm(left, right.T).mul_(_UNIT)


def paired_similarities(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return the deciding similarity of row i with row i, (n,) float64, from two sets of `grid_rows`."""
    return (left * right).sum(dim=1).mul_(_UNIT)


def fast_margin(dim: int, *, device: torch.device | str = "cpu") -> float:
    """Return how far a float32 product of normalised rows can be from the deciding similarity.

    A float32 sum of d products in any order is off by at most `d·u` (u = 2^-24); the norm adds `d·u/2`; roundings of
    the norm, the quotient and the centroid add `8u`; the grid adds `√d · 2^-26`. TF32 and bfloat16 products
    (`torch.set_float32_matmul_precision`) add the rounding of their inputs.

    Example:
        >>> f"{fast_margin(2048):.1e}"
        '1.9e-04'
    """
    inputs = {"highest": 0.0, "high": 2.0**-10, "medium": 2.0**-7}[torch.get_float32_matmul_precision()]
    if torch.device(device).type == "cuda" and torch.backends.cuda.matmul.allow_tf32:
        inputs = max(inputs, 2.0**-10)
    return 1.01 * ((1.5 * dim + 8) * _EPS32 + math.sqrt(dim) * 2.0**-26 + inputs) + 1e-30


def as_rows(rows: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Return `rows` as a tensor of its own float type, sharing memory where torch can."""
    if isinstance(rows, torch.Tensor):
        tensor = rows.detach()
    else:
        array = np.asarray(rows)
        if any(stride < 0 for stride in array.strides):
            array = np.ascontiguousarray(array)
        with warnings.catch_warnings():
            # torch warns that it could write to read-only memory; nothing here writes to an input.
            warnings.simplefilter("ignore", UserWarning)
            tensor = torch.from_numpy(array)
    return tensor if tensor.is_floating_point() else tensor.to(torch.float32)
