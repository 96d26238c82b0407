"""Galleries of picked and nearest images: per centroid, per round, nearest neighbours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from simcore.errors import InputError
from simcore.reporting.tiles import GalleryRow, Images, Shelf, Tile, TileGroup


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1)


def _nearest(query: np.ndarray, rows: np.ndarray, keys: np.ndarray, n: int) -> list[tuple[int, float]]:
    """Return positions and cosine similarities of the `n` rows nearest to `query`; ties by key."""
    similarity = rows @ query
    order = np.lexsort((keys, -similarity))[:n]
    return [(int(row), float(similarity[row])) for row in order]


def similarity_text(value: float) -> str:
    """Return a similarity as captions and alternative texts show it.

    Example:
        >>> similarity_text(-0.5)
        '−0.500'
    """
    return f"{value:.3f}".replace("-", "−")


def _check_rows(embeddings: np.ndarray, keys: Sequence[str] | np.ndarray, *, name: str) -> None:
    if embeddings.ndim != 2 or len(embeddings) != len(keys):  # noqa: PLR2004 (rows and columns)
        raise InputError(
            f"`{name}` has shape {tuple(embeddings.shape)} for {len(keys)} keys; one row a key is needed: "
            "pass the embeddings and the keys of one artefact."
        )


def spread(n: int, count: int) -> list[int]:
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
    n_picks: int = 7,
    side: int = 112,
) -> list[GalleryRow]:
    """Return one row a centroid: its nearest target images beside its first picks.

    Centroids are ordered by the similarity of their first pick; of more than `n_centroids`, evenly spread
    ones are shown, the best and the worst included, so the gallery does not flatter.

    Args:
        coreset: frame with `key`, `centroid`, `similarity`, in order of selection.
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

    Example:
        >>> class Images:
        ...     keys = np.array(["a", "b", "c"])
        ...
        ...     def __getitem__(self, index):
        ...         return np.full((4, 4, 3), index, dtype=np.uint8)
        >>> rows = np.eye(3, dtype=np.float32)
        >>> coreset = pd.DataFrame({"key": ["b"], "centroid": [0], "similarity": [0.9]})
        >>> gallery = centroid_gallery(
        ...     coreset, centroids=rows[:1], target_embeddings=rows, target_keys=["a", "b", "c"],
        ...     target_images=Images(), openset_images=Images(), n_nearest=1,
        ... )
        >>> [(group.title, [tile.key for tile in group.tiles]) for group in gallery[0].groups]
        [('nearest target images', ['a']), ('first picks', ['b'])]
    """
    _check_rows(target_embeddings, target_keys, name="target_embeddings")
    # A baseline has no centroids, so nothing to show here.
    ordered = coreset.dropna(subset=["centroid", "similarity"])
    first = ordered.drop_duplicates("centroid").sort_values(["similarity", "centroid"], ascending=[False, True])
    if first.empty:
        return []
    shown = first["centroid"].iloc[spread(len(first), n_centroids)]
    keys, rows = np.asarray(target_keys, dtype=str), _unit(target_embeddings)
    targets = Shelf(target_images, side=side, kind="target")
    pool = Shelf(openset_images, side=side, kind="open-set")
    gallery = []
    for centroid in shown:
        near = [
            targets.tile(
                str(keys[row]),
                alt=f"Target image {keys[row]}, similarity {similarity_text(value)} to centroid {centroid}",
                caption=similarity_text(value),
            )
            for row, value in _nearest(_unit(centroids[int(centroid)]), rows, keys, n_nearest)
        ]
        of_centroid = ordered[ordered["centroid"] == centroid]
        picks = [pick_tile(pool, pick) for pick in of_centroid.head(n_picks).to_dict("records")]
        gallery.append(
            GalleryRow(
                f"Centroid {centroid} ({len(of_centroid):,} picks)",
                (TileGroup("nearest target images", tuple(near)), TileGroup("first picks", tuple(picks))),
            )
        )
    return gallery


def pick_tile(pool: Shelf, pick: Mapping[Any, Any]) -> Tile:
    """Return the tile of a row of a coreset; a pick of a baseline has no centroid to name."""
    if pd.isna(pick["similarity"]):
        return pool.tile(str(pick["key"]), alt=f"Picked image {pick['key']}")
    similarity = similarity_text(float(pick["similarity"]))
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

    Of more than `n_images` picks in a round, evenly spread ones in their order are shown. Picks without rounds, such as
    those of a given list, are one row.

    Args:
        coreset: frame with `key`, `round`, `centroid`, `similarity`, in order of selection.
        openset_images: images that hold the keys.
        random_keys: keys of the random arm; None leaves the row out.
        n_rounds: rounds shown from each end.
        n_images: images a row at most.
        side: longest side of a tile in pixels.

    Raises:
        InputError: an image is missing.

    Example:
        >>> class Images:
        ...     keys = np.array(["a", "b", "c"])
        ...
        ...     def __getitem__(self, index):
        ...         return np.full((4, 4, 3), index, dtype=np.uint8)
        >>> columns = ["key", "round", "centroid", "similarity"]
        >>> coreset = pd.DataFrame([["c", 1, 0, 0.9], ["a", 2, 0, 0.8]], columns=columns)
        >>> [row.title for row in rounds_gallery(coreset, openset_images=Images(), random_keys=["b"])]
        ['Round 1 (first)', 'Round 2 (last)', 'Random draw']
    """
    pool = Shelf(openset_images, side=side, kind="open-set")
    rounds = sorted(set(coreset["round"].dropna()))
    ends = dict.fromkeys([*rounds[:n_rounds], *rounds[max(0, len(rounds) - n_rounds) :]])
    gallery = []
    for number in ends:
        picks = coreset[coreset["round"] == number]
        shown = picks.iloc[spread(len(picks), n_images)].to_dict("records")
        tiles = tuple(pick_tile(pool, pick) for pick in shown)
        which = "first" if number == rounds[0] else "last" if number == rounds[-1] else ""
        title = f"Round {number}" + (f" ({which})" if which else "")
        gallery.append(GalleryRow(title, (TileGroup(f"{len(picks):,} picks", tiles),)))
    if not rounds and len(coreset):
        shown = coreset.iloc[spread(len(coreset), n_images)].to_dict("records")
        tiles = tuple(pick_tile(pool, pick) for pick in shown)
        gallery.append(GalleryRow("Picks", (TileGroup(f"{len(coreset):,} images", tiles),)))
    if random_keys is not None and len(random_keys):
        keys = [str(random_keys[row]) for row in spread(len(random_keys), n_images)]
        tiles = tuple(pool.tile(key, alt=f"Randomly drawn image {key}") for key in keys)
        gallery.append(GalleryRow("Random draw", (TileGroup(f"{len(random_keys):,} images", tiles),)))
    return gallery


def neighbour_gallery(
    embeddings: Mapping[str, np.ndarray],
    *,
    keys: Sequence[str] | np.ndarray,
    images: Images,
    n_queries: int = 8,
    n_neighbours: int = 3,
    side: int = 112,
) -> list[GalleryRow]:
    """Return target queries beside their nearest target images, one group an encoder.

    Evidence that needs no labels. Queries are evenly spread over the keys. A query is not its own neighbour.

    Args:
        embeddings: encoder or arm title to (n, d).
        keys: n keys, the same for all encoders.
        images: images that hold `keys`.
        n_queries: rows at most.
        n_neighbours: neighbours an encoder.
        side: longest side of a tile in pixels.

    Raises:
        InputError: embeddings and keys differ in length, or an image is missing.

    Example:
        >>> class Images:
        ...     keys = np.array(["a", "b", "c"])
        ...
        ...     def __getitem__(self, index):
        ...         return np.full((4, 4, 3), index, dtype=np.uint8)
        >>> rows = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
        >>> gallery = neighbour_gallery({"X": rows}, keys=["a", "b", "c"], images=Images(), n_neighbours=1)
        >>> [tile.key for row in gallery for tile in row.groups[1].tiles]
        ['b', 'a', 'b']
    """
    for rows in embeddings.values():
        _check_rows(rows, keys, name="embeddings")
    names = np.asarray(keys, dtype=str)
    shelf = Shelf(images, side=side, kind="target")
    units = {title: _unit(rows) for title, rows in embeddings.items()}
    gallery = []
    for number, query in enumerate(spread(len(names), n_queries) if len(names) else [], start=1):
        groups = [TileGroup("query", (shelf.tile(str(names[query]), alt=f"Query image {names[query]}"),))]
        for title, rows in units.items():
            near = [pair for pair in _nearest(rows[query], rows, names, n_neighbours + 1) if pair[0] != query][
                :n_neighbours
            ]
            tiles = tuple(
                shelf.tile(
                    str(names[row]),
                    alt=f"Target image {names[row]}, similarity {similarity_text(value)} under {title}",
                    caption=similarity_text(value),
                )
                for row, value in near
            )
            groups.append(TileGroup(title, tiles))
        gallery.append(GalleryRow(f"Query {number}", tuple(groups)))
    return gallery
