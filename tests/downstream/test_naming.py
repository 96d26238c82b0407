"""Messages name number, sources, key and file."""

import pandas as pd

from simcore.downstream.naming import name_images


def manifest() -> pd.DataFrame:
    rows = [("a.png", "train", "pets"), ("b.png", "test", "birds"), ("c.png", "test", "pets")]
    return pd.DataFrame([{"key": key, "uri": f"/d/{key}", "split": split, "source": of} for key, split, of in rows])


def test_every_source_is_named_and_the_first_image() -> None:
    assert name_images(manifest()) == "3 images of `pets`, `birds` (the first is 'a.png', /d/a.png)"
    assert name_images(manifest(), split="test") == "2 test images of `birds`, `pets` (the first is 'b.png', /d/b.png)"


def test_no_images_still_have_a_source() -> None:
    assert name_images(manifest().iloc[:1], split="test") == "0 test images of `pets`"
    assert name_images(manifest().iloc[:0]) == "0 images"
