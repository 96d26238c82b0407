"""Pairs of images as positions in two pools, and the rule which of many pairs are kept."""

from typing import Any

import numpy as np
import pandas as pd

KINDS = ("bytes", "pixels", "perceptual", "embedding")
"""What a pair is found by, the strongest evidence first: the same file, the same picture, alike, alike to the encoder.
"""

_COLUMNS = {
    "left": np.int64,
    "right": np.int64,
    "kind": np.int8,
    "score": np.float64,
    "bits": np.int16,
    "mirrored": np.bool_,
}
NO_BITS = -1
"""Distance of a pair that no perceptual hash was compared for."""


def pair_frame(left: np.ndarray, right: np.ndarray, *, kind: str, **columns: Any) -> pd.DataFrame:
    """Return pairs of positions found by `kind`, as a frame; `score` 1, `bits` 0 and not mirrored unless told.

    Example:
        >>> pair_frame(np.array([0]), np.array([2]), kind="pixels")["kind"].tolist()
        [1]
    """
    values: dict[str, Any] = {"score": 1.0, "bits": 0, "mirrored": False, **columns}
    frame = pd.DataFrame({"left": left, "right": right, "kind": KINDS.index(kind)}).assign(**values)
    return frame.astype(_COLUMNS)


def join_pairs(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return pairs from several searches: each pair once, by its strongest evidence."""
    found = [frame for frame in frames if len(frame)]
    if not found:
        return pd.DataFrame({name: np.empty(0, dtype=dtype) for name, dtype in _COLUMNS.items()})
    pairs = pd.concat(found, ignore_index=True).sort_values(
        ["left", "right", "kind", "score", "bits", "mirrored"], ascending=[True, True, True, False, True, True]
    )
    return pairs.drop_duplicates(["left", "right"], ignore_index=True)


def keep_strongest(pairs: pd.DataFrame, *, pairs_per_image: int) -> pd.DataFrame:
    """Return at most `pairs_per_image` pairs of every left image, the strongest, sorted by position.

    The strongest pairs of a whole are the strongest among those of its parts: it may be applied block by block.
    """
    ordered = pairs.sort_values(["left", "kind", "score", "right"], ascending=[True, True, False, True])
    kept = ordered.groupby("left", sort=False).head(pairs_per_image)
    return kept.sort_values(["left", "right"], ignore_index=True)
