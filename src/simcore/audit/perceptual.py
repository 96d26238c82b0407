"""Near duplicates by perceptual hash: an exact search within some bits, then a look at the small pictures."""

from collections.abc import Iterator
from dataclasses import dataclass

import faiss
import numpy as np
import pandas as pd

from simcore.audit.candidates import join_pairs, pair_frame
from simcore.audit.hashes import Hashes, read_image
from simcore.audit.perceptual_hash import (
    N_BITS,
    THUMB_SIDE,
    VARIANTS,
    correlations,
    hash_pictures,
    is_flat,
    mirror_thumbs,
    picture_variants,
    thumbs,
)
from simcore.images.encoded import Encoded, map_images
from simcore.images.verify import usable_workers

_QUERIES = 2048
# Images with the very same hash are looked at up to here, the first ones: a placeholder picture that comes ten thousand
# times would otherwise be compared a hundred million times.
_MOST_OF_A_HASH = 256
_SCORE_DIGITS = 6


@dataclass(frozen=True)
class Probes:
    """Images to be looked for, each in several variants.

    Attributes:
        rows: (n,) positions of the images in their pool.
        hashes: (n, v) uint64.
        thumbs: (n, v, 256) uint8.
        mirrored: (v,) whether a variant is a mirror image.
    """

    rows: np.ndarray
    hashes: np.ndarray
    thumbs: np.ndarray
    mirrored: np.ndarray


def probe_images(
    manifest: pd.DataFrame, rows: np.ndarray, *, lot: int = 4096, workers: int | None = None
) -> Iterator[Probes]:
    """Yield probes of the images at `rows` of `manifest` in every one of `VARIANTS`, blank images left out.

    Images are decoded in threads. Memory is 10 KB an image of a lot.

    Raises:
        InputError: If an image cannot be read any more.
    """
    for start in range(0, len(rows), lot):
        probes = _probe_lot(manifest, rows[start : start + lot], workers=usable_workers(workers))
        if len(probes.rows):
            yield probes


def _probe_lot(manifest: pd.DataFrame, rows: np.ndarray, *, workers: int) -> Probes:
    keys, uris = (manifest[column].iloc[rows].tolist() for column in ("key", "uri"))
    hashes = np.empty((len(rows), len(VARIANTS)), dtype=np.uint64)
    pictures = np.empty((len(rows), len(VARIANTS), THUMB_SIDE**2), dtype=np.uint8)
    kept = np.zeros(len(rows), dtype=bool)

    def make(position: int, image: Encoded) -> None:
        variants = picture_variants(read_image(image, key=keys[position])[1])
        kept[position] = not is_flat(variants[:1])[0]
        hashes[position], pictures[position] = hash_pictures(variants), thumbs(variants)

    for _ in map_images(make, uris, workers=workers):
        pass
    mirrored = np.array([variant.mirrored for variant in VARIANTS])
    return Probes(rows[kept], hashes[kept], pictures[kept], mirrored)


def probe_hashed(hashes: Hashes, rows: np.ndarray, *, lot: int = 65_536) -> Iterator[Probes]:
    """Yield probes of hashed images as they are and mirrored, without decoding them; crops are not among them."""
    for start in range(0, len(rows), lot):
        part = rows[start : start + lot]
        plain, mirrored, flat, pictures = hashes.take(part, "phash", "mirrored", "flat", "thumb")
        kept = ~flat
        if kept.any():
            yield Probes(
                rows=part[kept],
                hashes=np.stack([plain[kept], mirrored[kept]], axis=1),
                thumbs=np.stack([pictures[kept], mirror_thumbs(pictures[kept])], axis=1),
                mirrored=np.array([False, True]),
            )


class ProbeIndex:
    """Probes, ready to be searched: `search` finds those near a block of other images.

    Args:
        probes: What is looked for.
        hamming: Bits of 64 that may differ.
        correlation: Of the small pictures, at least; −1 accepts every pair within `hamming` bits.
    """

    def __init__(self, probes: Probes, *, hamming: int, correlation: float) -> None:
        self._probes, self._hamming, self._correlation = probes, hamming, correlation
        # Each hash stands in the index once, however many images share it.
        values, entries = np.unique(probes.hashes.reshape(-1), return_inverse=True)
        self._members = np.argsort(entries, kind="stable")
        self._bounds = np.searchsorted(entries[self._members], np.arange(len(values) + 1))
        self._index = faiss.IndexBinaryFlat(N_BITS)
        self._index.add(_as_codes(values))

    def search(self, hashes: np.ndarray, pictures: np.ndarray) -> pd.DataFrame:
        """Return the pairs (position in the block, position of the probe in its pool) that are near.

        All pairs within `hamming` bits are compared (of probes with one and the same hash the first 256); of the
        variants of one image the most similar one counts.

        Args:
            hashes: (n,) uint64.
            pictures: (n, 256) uint8 thumbs.
        """
        values, entries = np.unique(hashes, return_inverse=True)
        members = np.argsort(entries, kind="stable")
        bounds = np.searchsorted(entries[members], np.arange(len(values) + 1))
        found = []
        for start in range(0, len(values), _QUERIES):
            codes = _as_codes(values[start : start + _QUERIES])
            # faiss returns what is nearer than the radius.
            limits, distances, hits = self._index.range_search(codes, self._hamming + 1)
            queries = start + np.repeat(
                np.arange(len(codes)), limits[1:].astype(np.int64) - limits[:-1].astype(np.int64)
            )
            for group in np.array_split(np.arange(len(queries)), max(1, len(queries) // _QUERIES)):
                left, right, bits = _expand(
                    (queries[group], members, bounds),
                    (hits[group], self._members, self._bounds),
                    distances[group].astype(np.int64),
                )
                found.append(self._confirm(left, right, bits, pictures))
        return join_pairs(found)

    def _confirm(self, left: np.ndarray, right: np.ndarray, bits: np.ndarray, pictures: np.ndarray) -> pd.DataFrame:
        """Return the pairs whose small pictures agree; a pair of images may come in several variants."""
        probes = self._probes
        image, variant = np.divmod(right, probes.hashes.shape[1])
        score = correlations(pictures[left], probes.thumbs[image, variant]).round(_SCORE_DIGITS)
        near = score >= self._correlation
        return pair_frame(
            left[near],
            probes.rows[image[near]],
            kind="perceptual",
            score=score[near],
            bits=bits[near],
            mirrored=probes.mirrored[variant[near]],
        )


_Groups = tuple[np.ndarray, np.ndarray, np.ndarray]


def _expand(left: _Groups, right: _Groups, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all pairs of members of pairs of groups (of a right group the first), with the groups' distance.

    Args:
        left: Group of each pair, members in order of group, (groups + 1,) bounds of the groups in them.
        right: Likewise.
        distances: Of the pairs.
    """
    (lefts, left_members, left_bounds), (rights, right_members, right_bounds) = left, right
    n_left = np.diff(left_bounds)[lefts]
    n_right = np.minimum(np.diff(right_bounds)[rights], _MOST_OF_A_HASH)
    count = n_left * n_right
    pair = np.repeat(np.arange(len(lefts)), count)
    place = np.arange(len(pair)) - np.repeat(np.cumsum(count) - count, count)
    i, j = np.divmod(place, n_right[pair])
    return (
        left_members[left_bounds[lefts[pair]] + i],
        right_members[right_bounds[rights[pair]] + j],
        distances[pair],
    )


def _as_codes(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.uint64).view(np.uint8).reshape(len(values), N_BITS // 8)
