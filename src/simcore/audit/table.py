"""The table of duplicates: pairs by key, with what they were found by."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from simcore.audit.candidates import KINDS, NO_BITS, join_pairs

TARGET = "target"
OPENSET = "openset"
COLUMNS = (
    "left_pool",
    "left_key",
    "right_pool",
    "right_key",
    "split",
    "kind",
    "score",
    "bits",
    "mirrored",
)
KeysAt = Callable[[np.ndarray], np.ndarray]

_TEXTS = ("left_pool", "left_key", "right_pool", "right_key", "split", "kind")


def duplicates_table(
    pairs: pd.DataFrame,
    *,
    left_pool: str,
    left_keys: KeysAt,
    right_pool: str,
    right_keys: KeysAt,
    split: str | None = None,
) -> pd.DataFrame:
    """Return pairs of positions as a table by key.

    Columns: `left_pool`, `left_key`, `right_pool`, `right_key`; `split` of the right image where it is the target's,
    else null; `kind` (see `KINDS`); `score` (1 for exact kinds, the small pictures' correlation, or the cosine); `bits`
    of 64 in which the perceptual hashes differ, null where they were not compared; `mirrored`.

    Args:
        pairs: What `find_duplicates` or `find_similar` returns.
        left_pool: `target` or `openset`.
        left_keys: Gives the keys at increasing positions of the left pool.
        right_pool: Likewise.
        right_keys: Keys of the right pool.
        split: Split of the right images, where they are the target's.
    """
    rows = pairs["right"].to_numpy()
    bits = pairs["bits"].astype("Int16")
    frame = pd.DataFrame(
        {
            "left_pool": left_pool,
            "left_key": _named(pairs["left"].to_numpy(), left_keys),
            "right_pool": right_pool,
            "right_key": _named(rows, right_keys),
            "split": split,
            "kind": np.array(KINDS, dtype=object)[pairs["kind"].to_numpy()],
            "score": pairs["score"].to_numpy(),
            "bits": bits.mask(bits == NO_BITS).array,
            "mirrored": pairs["mirrored"].to_numpy(),
        },
        columns=list(COLUMNS),
    )
    return frame.astype(dict.fromkeys(_TEXTS, "str"))


def no_duplicates() -> pd.DataFrame:
    """Return a table of duplicates without rows."""
    nowhere = np.empty(0, dtype=object).__getitem__
    return duplicates_table(join_pairs([]), left_pool="", left_keys=nowhere, right_pool="", right_keys=nowhere)


def _named(rows: np.ndarray, keys_at: KeysAt) -> np.ndarray:
    distinct, place = np.unique(rows, return_inverse=True)
    return np.asarray(keys_at(distinct), dtype=object)[place]


def join_tables(*tables: pd.DataFrame) -> pd.DataFrame:
    """Return several tables as one: each pair once, by its strongest kind, sorted by pools and keys."""
    joined = pd.concat(tables, ignore_index=True)
    rank = joined["kind"].map({kind: place for place, kind in enumerate(KINDS)})
    pair = ["left_pool", "right_pool", "left_key", "right_key"]
    ordered = joined.assign(rank=rank.astype("int8")).sort_values([*pair, "rank"], kind="stable")
    return ordered.drop_duplicates(pair).drop(columns="rank").reset_index(drop=True)
