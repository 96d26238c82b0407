"""Pairs of images and counts of the audit on the page."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from simcore.errors import InputError
from simcore.reporting import (
    Gallery,
    Report,
    Table,
    audit_section,
    choose_pairs,
    draw_gallery,
    draw_sentence,
    pair_gallery,
    render_report,
)


def pair(left: str, right: str, kind: str, score: float = 1.0, **fields) -> dict:
    return {
        "left_pool": "openset",
        "left_key": left,
        "right_pool": "target",
        "right_key": right,
        "split": "test",
        "kind": kind,
        "score": score,
        "bits": 0,
        "mirrored": False,
        **fields,
    }


@pytest.fixture
def pairs() -> pd.DataFrame:
    rows = [pair(f"o{number}", "t0", "perceptual", 1 - number / 100, bits=number) for number in range(8)]
    rows += [
        pair("o8", "t1", "bytes"),
        pair("o9", "t1", "embedding", 0.9971, bits=None),
        pair("o1", "o0", "perceptual", 0.98, bits=5, right_pool="openset", split=None, mirrored=True),
    ]
    return pd.DataFrame(rows).astype({"bits": "Int16"})


@pytest.fixture
def stores(array_images) -> dict:
    return {"openset": array_images([f"o{number}" for number in range(10)]), "target": array_images(["t0", "t1"])}


def test_every_kind_is_shown_from_its_strongest_to_its_weakest(pairs: pd.DataFrame) -> None:
    shown = choose_pairs(pairs, n_pairs=5)
    assert shown["kind"].tolist() == ["bytes", "perceptual", "perceptual", "perceptual", "embedding"]
    assert shown.loc[shown["kind"] == "perceptual", "left_key"].tolist()[::2] == ["o0", "o7"]
    assert len(choose_pairs(pairs, n_pairs=100)) == len(pairs)
    assert len(choose_pairs(pairs, n_pairs=1)) == 1
    assert choose_pairs(pairs.iloc[:0], n_pairs=5).empty


def test_a_pair_says_what_it_was_found_by(pairs: pd.DataFrame, stores: dict) -> None:
    rows = {row.title: row for row in pair_gallery(pairs, stores=stores)}
    assert "The same file" in rows
    assert "Near by perceptual hash, 3 of 64 bits apart, correlation 0.970" in rows
    assert "Near by perceptual hash, 5 of 64 bits apart, correlation 0.980, mirrored" in rows
    assert "Alike to the retrieval encoder, cosine 0.9971" in rows
    left, right = rows["The same file"].groups
    assert (left.title, right.title) == ("open-set: o8", "target, test: t1")
    pixels = np.asarray(Image.open(io.BytesIO(right.tiles[0].png)))
    assert (pixels[0, 0] == stores["target"][1][0, 0]).all()
    assert (
        rows["Near by perceptual hash, 5 of 64 bits apart, correlation 0.980, mirrored"].groups[1].title
        == "open-set: o0"
    )
    assert Image.open(io.BytesIO(draw_gallery(list(rows.values())))).height > 112 * len(rows)


def test_an_image_that_is_not_there_is_named(pairs: pd.DataFrame, array_images) -> None:
    with pytest.raises(InputError, match="'o0' is not among the open-set images"):
        pair_gallery(pairs, stores={"openset": array_images(["other"]), "target": array_images(["t0", "t1"])})


def test_the_section_counts_by_arm(pairs: pd.DataFrame, stores: dict) -> None:
    def record(arm: str, metric: str, value: float, n: int, protocol: str = "copies") -> dict:
        return {"arm": arm, "metric": metric, "protocol": protocol, "value": value, "n": n}

    summary = [
        record("openset", "images_of_test", 3.0, 12000),
        record("openset", "images_of_test", 9.0, 12000, "embedding"),
        record("openset", "images_of_train", 2.0, 12000),
        record("x", "test_images_seen", 1.0, 1200),
        record("simcore", "test_images_seen", 4.0, 1200),
        record("simcore", "picks_of_test", 3.0, 600),
        record("simcore", "picks_of_train", 2.0, 600),
        record("simcore", "picks_repeated", 7.0, 600),
    ]
    section = audit_section(summary, rows=pair_gallery(pairs, stores=stores), n_pairs=40)
    words, table, gallery = section.blocks
    assert "Of 12,000 open-set images, 3 are copies of the target's test images and 2 of its train images" in words
    assert isinstance(table, Table) and isinstance(gallery, Gallery)
    assert table.rows[0][1:] == ("1 of 1,200", "—", "—", "—")
    assert table.rows[1][1:] == ("4 of 1,200", "3 of 600", "2 of 600", "7 of 600")
    assert gallery.caption.startswith("11 of 40 pairs")
    page = render_report(Report(title="t", answer="a", command="c", sections=[section]))
    assert "7 of 600" in page and 'title="o8"' in page
    empty = audit_section(summary)
    assert "No image to show" in render_report(Report(title="t", answer="a", command="c", sections=[empty]))


def test_a_hostile_key_is_only_text(hostile: str, array_images) -> None:
    stores = {"openset": array_images([hostile]), "target": array_images(["t"])}
    rows = pair_gallery(pd.DataFrame([pair(hostile, "t", "bytes")]), stores=stores)
    section = audit_section(
        [
            {"arm": "openset", "metric": f"images_of_{split}", "protocol": "copies", "value": 1.0, "n": 1}
            for split in ("test", "train")
        ],
        rows=rows,
        n_pairs=1,
    )
    assert hostile not in render_report(Report(title="t", answer="a", command="c", sections=[section]))


def test_a_sentence_is_drawn_as_wide_as_it_is_long() -> None:
    short, long = (Image.open(io.BytesIO(draw_sentence(text))) for text in ("No.", "No duplicates were found."))
    assert short.width < long.width and np.asarray(long).min() < 128
