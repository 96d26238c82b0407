"""Galleries of picked and nearest images, as data: PNG tiles, alternative texts and captions."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from PIL import Image

from simcore.errors import InputError


class Images(Protocol):
    """What a gallery needs of an image store: keys, and an image by position."""

    @property
    def keys(self) -> np.ndarray:
        """Keys of the images, in the store's order."""

    def __getitem__(self, index: int, /) -> np.ndarray:
        """Return image number `index`, uint8 (h, w, 3)."""


@dataclass(frozen=True)
class Tile:
    """One image of a gallery: PNG bytes, what a screen reader says, and what stands below it."""

    key: str
    png: bytes
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class TileGroup:
    """Images that belong together under one heading, such as the picks of one centroid."""

    title: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class GalleryRow:
    """One row of a gallery: groups side by side, such as nearest target images beside first picks."""

    title: str
    groups: tuple[TileGroup, ...]


def encode_tile(image: np.ndarray, *, side: int = 112) -> bytes:
    """Return `image` as PNG bytes with its longer side at most `side` pixels.

    Small images grow by a whole factor without smoothing, so that a reader sees their true pixels; large ones
    are averaged down. A grey image is stored with one channel.

    Args:
        image: uint8 (h, w, 3).
        side: longest side wanted, in pixels.

    Example:
        >>> png = encode_tile(np.zeros((28, 28, 3), dtype=np.uint8), side=112)
        >>> Image.open(io.BytesIO(png)).size
        (112, 112)
    """
    picture = Image.fromarray(np.ascontiguousarray(image))
    if (image == image[..., :1]).all():
        picture = picture.convert("L")
    longest = max(picture.size)
    if longest > side:
        scale = side / longest
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    elif side // longest > 1:
        factor = side // longest
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


class _Shelf:
    """Images by key, encoded once each."""

    def __init__(self, images: Images, *, side: int, kind: str) -> None:
        self._images = images
        self._side = side
        self._kind = kind
        self._rows = {str(key): row for row, key in enumerate(images.keys)}

    def tile(self, key: str, *, alt: str, caption: str = "") -> Tile:
        if key not in self._rows:
            raise InputError(
                f"The image {key!r} is not among the {self._kind} images ({len(self._rows)} keys); a gallery "
                "needs the store that its keys come from: pass that one."
            )
        return Tile(key, encode_tile(self._images[self._rows[key]], side=self._side), alt, caption)


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1)


def _nearest(query: np.ndarray, rows: np.ndarray, keys: np.ndarray, n: int) -> list[tuple[int, float]]:
    """Return positions and cosine similarities of the `n` rows nearest to `query`; ties go to the smaller key."""
    similarity = rows @ query
    order = np.lexsort((keys, -similarity))[:n]
    return [(int(row), float(similarity[row])) for row in order]


def _similarity(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")


def _check_rows(embeddings: np.ndarray, keys: Sequence[str] | np.ndarray, *, name: str) -> None:
    if embeddings.ndim != 2 or len(embeddings) != len(keys):  # noqa: PLR2004 (rows and columns)
        raise InputError(
            f"`{name}` has shape {tuple(embeddings.shape)} for {len(keys)} keys; it needs one row a key: pass the "
            "embeddings and the keys of one artefact."
        )


def _spread(n: int, count: int) -> list[int]:
    """Return `count` positions of 0 ... n - 1, evenly spread, both ends included."""
    return sorted(set(np.linspace(0, n - 1, num=min(n, count)).round().astype(int).tolist()))


def centroid_gallery(
    coreset: pd.DataFrame,
    *,
    centroids: np.ndarray,
    target_embeddings: np.ndarray,
    target_keys: Sequence[str] | np.ndarray,
    target_images: Images,
    openset_images: Images,
    n_centroids: int = 12,
    n_nearest: int = 4,
    n_picks: int = 8,
    side: int = 112,
) -> list[GalleryRow]:
    """Return one row a centroid: its nearest target images beside its first picks.

    Centroids are ordered by the similarity of their first pick; of more than `n_centroids`, evenly spread ones
    are shown, the best and the worst included, so the gallery does not flatter.

    Args:
        coreset: frame with `key`, `position`, `centroid`, `similarity`.
        centroids: (k, d) unit rows.
        target_embeddings: (n, d).
        target_keys: n keys.
        target_images: images that hold `target_keys`.
        openset_images: images that hold the keys of the coreset.
        n_centroids: rows at most.
        n_nearest: target images a row.
        n_picks: picks a row at most.
        side: longest side of a tile in pixels.

    Raises:
        InputError: embeddings and keys differ in length, or an image is missing.
    """
    _check_rows(target_embeddings, target_keys, name="target_embeddings")
    ordered = coreset.sort_values("position")
    first = ordered.drop_duplicates("centroid").sort_values(
        ["similarity", "centroid"], ascending=[False, True]
    )
    if first.empty:
        return []
    shown = first["centroid"].iloc[_spread(len(first), n_centroids)]
    keys, rows = np.asarray(target_keys, dtype=str), _unit(target_embeddings)
    targets = _Shelf(target_images, side=side, kind="target")
    pool = _Shelf(openset_images, side=side, kind="open-set")
    gallery = []
    for centroid in shown:
        near = [
            targets.tile(
                str(keys[row]),
                alt=f"Target image {keys[row]}, similarity {_similarity(value)} to centroid {centroid}",
                caption=_similarity(value),
            )
            for row, value in _nearest(_unit(centroids[int(centroid)]), rows, keys, n_nearest)
        ]
        of_centroid = ordered[ordered["centroid"] == centroid]
        picks = [_pick_tile(pool, pick) for pick in of_centroid.head(n_picks).to_dict("records")]
        gallery.append(
            GalleryRow(
                f"Centroid {centroid} ({len(of_centroid)} picks)",
                (TileGroup("nearest target images", tuple(near)), TileGroup("first picks", tuple(picks))),
            )
        )
    return gallery


def _pick_tile(pool: _Shelf, pick: Mapping[str, object]) -> Tile:
    similarity = _similarity(float(pick["similarity"]))  # type: ignore[arg-type]
    alt = f"Picked image {pick['key']}, centroid {pick['centroid']}, similarity {similarity}"
    return pool.tile(str(pick["key"]), alt=alt, caption=similarity)


def rounds_gallery(
    coreset: pd.DataFrame,
    *,
    openset_images: Images,
    random_keys: Sequence[str] | np.ndarray | None = None,
    n_rounds: int = 1,
    n_images: int = 12,
    side: int = 112,
) -> list[GalleryRow]:
    """Return the first and last rounds of picks and, beside them, a random draw of the pool.

    Of more than `n_images` picks in a round, evenly spread ones by position are shown.

    Args:
        coreset: frame with `key`, `position`, `round`, `centroid`, `similarity`.
        openset_images: images that hold the keys.
        random_keys: keys of the random arm; None leaves the row out.
        n_rounds: rounds shown from each end.
        n_images: images a row at most.
        side: longest side of a tile in pixels.

    Raises:
        InputError: an image is missing.
    """
    pool = _Shelf(openset_images, side=side, kind="open-set")
    rounds = sorted(set(coreset["round"]))
    ends = dict.fromkeys([*rounds[:n_rounds], *rounds[max(0, len(rounds) - n_rounds) :]])
    gallery = []
    for number in ends:
        picks = coreset[coreset["round"] == number].sort_values("position")
        shown = picks.iloc[_spread(len(picks), n_images)].to_dict("records")
        tiles = tuple(_pick_tile(pool, pick) for pick in shown)
        which = "first" if number == rounds[0] else "last" if number == rounds[-1] else ""
        title = f"Round {number}" + (f" ({which})" if which else "")
        gallery.append(GalleryRow(title, (TileGroup(f"{len(picks)} picks", tiles),)))
    if random_keys is not None and len(random_keys):
        keys = [str(random_keys[row]) for row in _spread(len(random_keys), n_images)]
        tiles = tuple(pool.tile(key, alt=f"Randomly drawn image {key}") for key in keys)
        gallery.append(GalleryRow("Random draw", (TileGroup(f"{len(random_keys)} images", tiles),)))
    return gallery


def neighbour_gallery(
    embeddings: Mapping[str, np.ndarray],
    *,
    keys: Sequence[str] | np.ndarray,
    images: Images,
    n_queries: int = 6,
    n_neighbours: int = 5,
    side: int = 112,
) -> list[GalleryRow]:
    """Return target queries beside their nearest target images, one group an encoder: evidence without labels.

    Queries are evenly spread over the keys. A query is not its own neighbour.

    Args:
        embeddings: encoder or arm title to (n, d).
        keys: n keys, the same for all encoders.
        images: images that hold `keys`.
        n_queries: rows at most.
        n_neighbours: neighbours an encoder.
        side: longest side of a tile in pixels.

    Raises:
        InputError: embeddings and keys differ in length, or an image is missing.
    """
    for rows in embeddings.values():
        _check_rows(rows, keys, name="embeddings")
    names = np.asarray(keys, dtype=str)
    shelf = _Shelf(images, side=side, kind="target")
    units = {title: _unit(rows) for title, rows in embeddings.items()}
    gallery = []
    for number, query in enumerate(_spread(len(names), n_queries) if len(names) else [], start=1):
        groups = [TileGroup("query", (shelf.tile(str(names[query]), alt=f"Query image {names[query]}"),))]
        for title, rows in units.items():
            near = [
                pair for pair in _nearest(rows[query], rows, names, n_neighbours + 1) if pair[0] != query
            ][:n_neighbours]
            tiles = tuple(
                shelf.tile(
                    str(names[row]),
                    alt=f"Target image {names[row]}, similarity {_similarity(value)} under {title}",
                    caption=_similarity(value),
                )
                for row, value in near
            )
            groups.append(TileGroup(title, tiles))
        gallery.append(GalleryRow(f"Query {number}", tuple(groups)))
    return gallery


def draw_gallery(rows: Sequence[GalleryRow], *, gap: int = 8) -> bytes:
    """Return the gallery as one PNG: a line a row, groups apart by a wider gap; captions are not drawn.

    For places that show pictures but no HTML (README, MLflow). Light grey between the tiles.

    Raises:
        InputError: there is nothing to draw.
    """
    lines = [
        [[Image.open(io.BytesIO(tile.png)) for tile in group.tiles] for group in row.groups] for row in rows
    ]
    if not any(tile for line in lines for group in line for tile in group):
        raise InputError("The gallery has no image; drawing needs one or more: leave the picture out.")
    column = max(picture.width for line in lines for group in line for picture in group)
    height = max(picture.height for line in lines for group in line for picture in group)
    # Groups start at the same place in every line, at the width of the largest group in that place.
    places = [
        max(len(line[g]) if g < len(line) else 0 for line in lines) for g in range(max(map(len, lines)))
    ]
    starts = [gap + sum(places[:g]) * (column + gap) + g * 3 * gap for g in range(len(places))]
    width = starts[-1] + places[-1] * (column + gap)
    sheet = Image.new("RGB", (width, gap + len(lines) * (height + gap)), (236, 236, 236))
    for number, line in enumerate(lines):
        for start, group in zip(starts, line, strict=False):
            for position, picture in enumerate(group):
                sheet.paste(picture, (start + position * (column + gap), gap + number * (height + gap)))
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
