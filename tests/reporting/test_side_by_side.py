import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.reporting import (
    Gallery,
    Report,
    coresets_gallery,
    describe_overlap,
    draw_gallery,
    render_report,
    stop_gallery,
)


def keys_of(group) -> list[str]:
    return [tile.key for tile in group.tiles]


@pytest.fixture
def unkept(pool) -> dict[str, list]:
    keys = pool["key"].iloc[[10, 11, 12]].tolist()
    return {"position": [10, 11, 12], "centroid": [0, 1, 7], "similarity": [0.55, 0.5, 0.4], "key": keys}


def test_the_last_kept_stand_beside_the_first_left_out(coreset, pool, unkept, array_images) -> None:
    gallery = stop_gallery(coreset, unkept, openset_images=array_images(pool["key"]), n_images=2, n_before=2)
    # Centroid 7 owns no pick: it stands in the first row only.
    assert [row.title for row in gallery] == ["All centroids", "Centroid 0", "Centroid 1"]
    assert [group.title for group in gallery[0].groups] == ["last kept", "first left out"]
    keys = coreset["key"].tolist()
    assert [keys_of(group) for group in gallery[0].groups] == [keys[-2:], unkept["key"][:2]]
    assert [keys_of(group) for group in gallery[1].groups] == [[keys[3], keys[5]], unkept["key"][:1]]
    assert [keys_of(group) for group in gallery[2].groups] == [[keys[2], keys[4]], unkept["key"][1:2]]
    assert gallery[0].groups[1].tiles[0].caption == "0.550"


def test_of_many_centroids_both_ends_are_shown(coreset, pool, array_images) -> None:
    many = coreset.assign(centroid=pd.array(range(6), dtype="Int32"))
    left_out = {"key": pool["key"].iloc[10:16].tolist(), "centroid": [5, 4, 3, 2, 1, 0], "similarity": [0.1] * 6}
    left_out["similarity"] = [0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    gallery = stop_gallery(many, left_out, openset_images=array_images(pool["key"]), n_centroids=2)
    assert [row.title for row in gallery] == ["All centroids", "Centroid 5", "Centroid 0"]


def test_a_stop_that_left_nothing_out_has_no_row(coreset, pool, unkept, array_images) -> None:
    images = array_images(pool["key"])
    assert stop_gallery(coreset, {}, openset_images=images) == []
    assert stop_gallery(coreset.head(0), unkept, openset_images=images) == []


def test_left_out_images_without_keys_are_refused(coreset, pool, unkept, array_images) -> None:
    del unkept["key"]
    with pytest.raises(InputError, match="`unkept` lacks key"):
        stop_gallery(coreset, unkept, openset_images=array_images(pool["key"]))


def test_coresets_stand_side_by_side(coreset, pool, array_images) -> None:
    baseline = coreset.head(3).assign(round=pd.NA, centroid=pd.NA, similarity=pd.NA)
    gallery = coresets_gallery(
        {"k = 1": coreset, "random": baseline}, openset_images=array_images(pool["key"]), n_images=2
    )
    keys = coreset["key"].tolist()
    assert [row.title for row in gallery] == ["First picks", "Evenly spread picks", "Last picks"]
    assert [group.title for group in gallery[0].groups] == ["k = 1 (6 images)", "random (3 images)"]
    assert [keys_of(row.groups[0]) for row in gallery] == [keys[:2], [keys[0], keys[5]], keys[4:]]
    assert [keys_of(row.groups[1]) for row in gallery] == [keys[:2], [keys[0], keys[2]], keys[1:3]]
    assert gallery[0].groups[1].tiles[0].caption == ""


def test_small_coresets_are_shown_whole_and_once(coreset, pool, array_images) -> None:
    images = array_images(pool["key"])
    [row] = coresets_gallery({"k = 1": coreset, "none": coreset.head(0)}, openset_images=images, n_images=6)
    assert row.title == "All picks"
    assert keys_of(row.groups[0]) == coreset["key"].tolist()
    assert coresets_gallery({"none": coreset.head(0)}, openset_images=images) == []


def test_hostile_names_reach_page_and_picture_as_text(coreset, pool, unkept, array_images, hostile) -> None:
    images = array_images(pool["key"])
    # The hostile image is the first pick, so that it has to be shown on both sides.
    left_out = unkept | {"key": [pool["key"].iloc[39], *unkept["key"][1:]]}
    galleries = [
        Gallery(hostile, tuple(coresets_gallery({hostile: coreset}, openset_images=images))),
        Gallery("stop", tuple(stop_gallery(coreset, left_out, openset_images=images))),
    ]
    page = render_report(Report(title="t", answer="a", command="c", galleries=galleries))
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert" in page
    for gallery in galleries:
        assert draw_gallery(gallery.rows).startswith(b"\x89PNG")


def test_what_each_coreset_has_alone(coreset, pool, array_images) -> None:
    keys = coreset["key"].tolist()
    other = coreset.iloc[[1, 4]]
    found = {"k = 1": coreset, "k = 100": other}
    row = coresets_gallery(found, openset_images=array_images(pool["key"]), n_images=3, alone=True)[-1]
    assert row.title == "Picks that no other has"
    assert [group.title for group in row.groups] == ["k = 1 (4 images)", "k = 100 (0 images)"]
    assert keys_of(row.groups[0]) == [keys[0], keys[3], keys[5]] and not row.groups[1].tiles
    assert describe_overlap(found) == "2 images are in both: 33 % of those of k = 1, 100 % of those of k = 100."
