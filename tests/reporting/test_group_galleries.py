import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.published import oracle_classes
from simcore.reporting import Gallery, Report, class_gallery, draw_gallery, picks_gallery, render_report


def keys_of(row) -> list[str]:
    return [tile.key for group in row.groups for tile in group.tiles]


def test_oracle_classes_have_a_row_each_in_their_order(array_images) -> None:
    named = {each.synset: each.name for each in oracle_classes("aircraft")}
    labels = list(named)[:2]
    manifest = pd.DataFrame({"key": [f"os/{n:02d}" for n in range(30)], "label": [labels[0], labels[1], "n0"] * 10})
    gallery = class_gallery(manifest, images=array_images(manifest["key"]), classes=named, n_images=3)
    assert [row.title for row in gallery[:2]] == [f"{named[label]} (10 images)" for label in labels]
    assert len(gallery) == len(named)
    assert gallery[2].title == f"{list(named.values())[2]} (no image)"
    assert keys_of(gallery[0]) == ["os/00", "os/12", "os/27"]
    assert gallery[0].groups[0].title == labels[0]
    assert draw_gallery(gallery).startswith(b"\x89PNG")


def test_the_order_of_the_manifest_does_not_matter(pool, array_images) -> None:
    images = array_images(pool["key"])
    mixed = pool.sample(frac=1, random_state=0)
    assert class_gallery(mixed, images=images) == class_gallery(pool, images=images)


def test_of_many_classes_evenly_spread_ones_are_shown(array_images) -> None:
    manifest = pd.DataFrame({"key": list("abcdefg"), "label": [*"abcdef", None]})
    gallery = class_gallery(manifest, images=array_images(manifest["key"]), n_classes=3)
    assert [row.title for row in gallery] == ["a (1 image)", "c (1 image)", "f (1 image)"]
    assert class_gallery(manifest.assign(label=None), images=array_images(manifest["key"])) == []


def test_picks_stand_by_class_and_by_source(coreset, pool, array_images) -> None:
    images = array_images(pool["key"])
    by_class = picks_gallery(coreset, pool, openset_images=images)
    assert [row.title.rpartition(" (")[2] for row in by_class] == [
        "4 of 10 picked)", "1 of 1 picked)", "1 of 29 picked)",
    ]  # fmt: skip
    # Nothing is lost: each pick stands in one row, in order of selection.
    shown = [key for row in by_class for key in keys_of(row)]
    assert sorted(shown) == sorted(coreset["key"])
    assert keys_of(by_class[0]) == coreset["key"].tolist()[1:5]
    by_source = picks_gallery(coreset, pool, openset_images=images, by="source", n_images=2)
    source = pool.set_index("key")["source"]
    for row in by_source:
        assert len(keys_of(row)) == 2
        assert {source[key] for key in keys_of(row)} == {row.title.split()[0]}


def test_picks_without_a_label_are_a_group(coreset, pool, array_images) -> None:
    unlabelled = pool.assign(label=pool["label"].where(pool["label"] != "digit/4", None))
    gallery = picks_gallery(coreset, unlabelled, openset_images=array_images(pool["key"]))
    assert "(none) (1 of 29 picked)" in [row.title for row in gallery]


def test_picks_of_another_open_set_are_refused(coreset, pool, array_images) -> None:
    with pytest.raises(InputError, match="not in the open-set manifest"):
        picks_gallery(coreset, pool.head(3), openset_images=array_images(pool["key"]))
    with pytest.raises(InputError, match="use 'label' or 'source'"):
        picks_gallery(coreset, pool, openset_images=array_images(pool["key"]), by="colour")


def test_hostile_names_are_shown_and_not_interpreted(coreset, pool, array_images) -> None:
    images = array_images(pool["key"])
    rows = [*picks_gallery(coreset, pool, openset_images=images), *class_gallery(pool, images=images)]
    page = render_report(Report(title="t", answer="a", command="c", galleries=[Gallery("g", tuple(rows))]))
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert" in page
