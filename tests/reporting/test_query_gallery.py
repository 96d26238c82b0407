"""What active learning asked for, as pictures and as a page."""

import numpy as np
import pandas as pd

from simcore.reporting.gallery_page import render_gallery
from simcore.reporting.query_gallery import query_gallery, wanted_gallery


class Images:
    keys = np.array([f"k<{number}>" for number in range(10)])

    def __getitem__(self, index: int) -> np.ndarray:
        return np.full((4, 4, 3), index, dtype=np.uint8)


def asked(query: str, number: int, rows: range, *, labelled: bool, seed: int = 0) -> pd.DataFrame:
    table = pd.DataFrame({"key": [f"k<{row}>" for row in rows], "label": "wren" if labelled else None})
    return table.assign(query=query, protocol="clean", seed=seed, round=number)


def test_a_row_a_query_and_round() -> None:
    queries = pd.concat([asked("badge", 1, range(5), labelled=True), asked("badge", 2, range(5, 10), labelled=False)])
    rows = query_gallery(queries, images=Images(), n_images=3)
    assert [row.title for row in rows] == ["badge, round 1", "badge, round 2"]
    assert [[tile.key for tile in row.groups[0].tiles] for row in rows] == [
        ["k<0>", "k<2>", "k<4>"],
        ["k<5>", "k<7>", "k<9>"],
    ]
    assert [row.groups[0].title for row in rows] == ["5 images", "5 images, 5 without a label"]
    assert [tile.caption for row in rows for tile in row.groups[0].tiles] == ["wren"] * 3 + [""] * 3
    two = pd.concat([queries, asked("badge", 1, range(5), labelled=True, seed=1)])
    assert query_gallery(two, images=Images())[-1].title == "badge, round 1 (clean, seed 1)"


def test_the_page_shows_every_image_that_waits_over_its_key() -> None:
    wanted = asked("badge", 2, range(5, 10), labelled=False)
    page = render_gallery(wanted_gallery(wanted, images=Images()), title="A & B", sentence="5 wait.")
    assert page.count("<img ") == 5 and page.count("data:image/png;base64,") == 5
    assert '<span class="caption">k&lt;7&gt;</span>' in page and "A &amp; B" in page
    assert "k<7>" not in page and "<script" not in page and "http" not in page.replace("http-equiv", "")
    assert wanted_gallery(wanted.head(0), images=Images()) == []
