"""Duplicates on the page: pairs of images side by side, and counts by arm."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from simcore.reporting.galleries import spread
from simcore.reporting.names import arm_title
from simcore.reporting.report import Block, Gallery, Section, Table
from simcore.reporting.tiles import GalleryRow, Images, Shelf, TileGroup

_KIND = {
    "bytes": "the same file",
    "pixels": "the same pixels",
    "perceptual": "near by perceptual hash",
    "embedding": "alike to the retrieval encoder",
}
_POOL = {"target": "target", "openset": "open-set"}
_MEASURES = {
    "test_images_seen": "test images with a copy in training",
    "picks_of_test": "picks that are copies of test images",
    "picks_of_train": "picks that are copies of X",
    "picks_repeated": "picks that repeat another",
}
_TITLE, _ANCHOR = "Leaks and duplicates", "audit"
NOT_AUDITED = "Leaks and duplicates: not audited. `kedro run --pipelines audit` looks for them."


def choose_pairs(duplicates: pd.DataFrame, *, n_pairs: int) -> pd.DataFrame:
    """Return at most `n_pairs` pairs to show: as many of each kind as can be, from its strongest to its weakest pair.

    Example:
        >>> pairs = pd.DataFrame({"kind": ["perceptual"] * 9 + ["bytes"], "score": [*range(9), 1.0]})
        >>> choose_pairs(pairs, n_pairs=4)["score"].tolist()
        [1.0, 8.0, 4.0, 0.0]
    """
    kinds = [duplicates[duplicates["kind"] == kind] for kind in _KIND]
    present = sorted((part for part in kinds if len(part)), key=len)
    chosen: list[pd.DataFrame] = []
    for place, part in enumerate(present):
        share = (n_pairs - sum(map(len, chosen))) // (len(present) - place)
        ordered = part.sort_values("score", ascending=False, kind="stable")
        chosen.append(ordered.iloc[spread(len(ordered), share) if share else []])
    shown = pd.concat(chosen) if chosen else duplicates
    order = {kind: place for place, kind in enumerate(_KIND)}
    return shown.sort_values("kind", key=lambda kind: kind.map(order), kind="stable")


def pair_gallery(pairs: pd.DataFrame, *, stores: Mapping[str, Images], side: int = 112) -> list[GalleryRow]:
    """Return one row a pair: the left image beside the right one, and what they were found by.

    Args:
        pairs: Rows of a table of duplicates (`simcore.audit.duplicates_table`).
        stores: Pool to the images that hold its keys.
        side: Longest side of a tile in pixels.

    Raises:
        InputError: If an image is missing.
    """
    shelves = {pool: Shelf(images, side=side, kind=_POOL[pool]) for pool, images in stores.items()}
    rows = []
    for pair in pairs.to_dict("records"):
        groups = []
        for end in ("left", "right"):
            pool, key = str(pair[f"{end}_pool"]), str(pair[f"{end}_key"])
            split = f", {pair['split']}" if end == "right" and not pd.isna(pair["split"]) else ""
            tile = shelves[pool].tile(key, alt=f"Image {key} of the {_POOL[pool]}{split}")
            groups.append(TileGroup(f"{_POOL[pool]}{split}: {key}", (tile,)))
        rows.append(GalleryRow(_evidence(pair), tuple(groups)))
    return rows


def _evidence(pair: Mapping[Any, Any]) -> str:
    words = _KIND[pair["kind"]]
    if pair["kind"] == "perceptual":
        words += f", {pair['bits']} of 64 bits apart, correlation {pair['score']:.3f}"
    if pair["kind"] == "embedding":
        words += f", cosine {pair['score']:.4f}"
    return (words + (", mirrored" if pair["mirrored"] else "")).capitalize()


def audit_section(
    summary: Sequence[Mapping[str, Any]] | None, *, rows: Sequence[GalleryRow] = (), n_pairs: int = 0
) -> Section:
    """Return the section of the page about leaks and duplicates.

    Args:
        summary: Records of the audit; None where it has not run or does not hold.
        rows: What `pair_gallery` gives.
        n_pairs: Pairs in the whole table.

    Example:
        >>> audit_section(None).blocks[0]
        'Leaks and duplicates: not audited. `kedro run --pipelines audit` looks for them.'
    """
    if summary is None:
        return Section(_TITLE, _ANCHOR, (NOT_AUDITED,))
    records = [record for record in summary if record["protocol"] == "copies"]
    pool = {record["metric"]: record for record in records if record["arm"] == "openset"}
    blocks: list[Block] = [
        f"Of {pool['images_of_test']['n']:,} open-set images, {pool['images_of_test']['value']:,.0f} are copies of the "
        f"target's test images and {pool['images_of_train']['value']:,.0f} of its train images, exact or near. "
        "An arm that trains on copies of test images is measured too well."
    ]
    arms = list(dict.fromkeys(record["arm"] for record in records if record["arm"] != "openset"))
    cells = {(record["arm"], record["metric"]): f"{record['value']:,.0f} of {record['n']:,}" for record in records}
    lines = tuple((arm_title(arm), *(cells.get((arm, measure), "—") for measure in _MEASURES)) for arm in arms)
    blocks.append(Table("Copies by arm, exact or near", ("arm", *_MEASURES.values()), lines))
    caption = f"{len(rows)} of {n_pairs:,} pairs, of each kind from the strongest to the weakest."
    blocks.append(Gallery("Pairs", tuple(rows), caption=caption if rows else ""))
    return Section(_TITLE, _ANCHOR, tuple(blocks))


def draw_sentence(text: str) -> bytes:
    """Return a PNG that says `text`, for a picture that has nothing to show.

    Example:
        >>> Image.open(io.BytesIO(draw_sentence("Nothing."))).height
        48
    """
    font = ImageFont.load_default(size=16)
    width = round(font.getlength(text)) + 32
    picture = Image.new("L", (width, 48), 255)
    ImageDraw.Draw(picture).text((16, 14), text, fill=64, font=font)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
