"""Places365, with and without its lists, under the names of its archives and those of torchvision."""

import shutil
from pathlib import Path

import pytest
from torchvision.datasets import Places365

from simcore.errors import InputError
from simcore.images.sources import places365, pools
from simcore.images.sources.places365 import KNOWN_DAMAGED, READER
from tests.images.sources.listings import by_split, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.places365 import CATEGORIES, DAMAGED, make_places365


def _make(tmp_path: Path, **options):
    root = tmp_path / "places365"
    return root, make_places365(root, **options)


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize("folder", ["data_256", "data_256_challenge"])
@pytest.mark.parametrize("given", [".", "..", "data"])
def test_the_challenge_images(tmp_path: Path, folder: str, lists: bool, given: str) -> None:
    root, expected = _make(tmp_path, folder=folder, lists=lists)
    path = (root / given).resolve() if given != "data" else root / folder
    assert READER.recognises(path)
    assert by_split(read(READER, path)) == expected
    frame = read(READER, path, role="openset")
    assert by_split(frame) == {"train": expected["train"]}
    assert frame["uri"].tolist() == [str(root / key) for key in frame["key"]]
    rejected = frame[frame["reason"].notna()]
    assert rejected["key"].tolist() == [f"{folder}/{DAMAGED}"]
    assert rejected["reason"].tolist() == ["it is known to be damaged in the official archive"]
    assert read(READER, path, role="openset", labels="none")["label"].isna().all()


def test_the_damaged_images_are_the_eight_of_the_paper() -> None:
    assert len(set(KNOWN_DAMAGED)) == 8
    assert sorted({name.split("/")[1] for name in KNOWN_DAMAGED}) == [
        "airfield",
        "airport_terminal",
        "alley",
        "amusement_arcade",
    ]


def test_labels_follow_from_the_folders_without_the_category_file(tmp_path: Path) -> None:
    root, expected = _make(tmp_path)
    (root / "categories_places365.txt").unlink()
    frame = read(READER, root)
    usable = frame[frame["reason"].isna()]
    assert list(zip(usable["key"], usable["label"], strict=True)) == expected["train"]
    assert frame["split"].isna().all()


def test_the_standard_images(tmp_path: Path) -> None:
    root, expected = _make(tmp_path, folder="data_256_standard")
    frame = read(READER, root, role="openset", variant="standard")
    damaged = (f"data_256_standard/{DAMAGED}", CATEGORIES[0])
    assert by_split(frame) == {"train": sorted([*expected["train"], damaged])}
    with pytest.raises(InputError, match="neither data_256/ nor data_256_challenge/"):
        read(READER, root, role="openset")
    with pytest.raises(InputError, match="`variant` is 'large'; allowed are 'challenge', 'standard'"):
        read(READER, root, variant="large")


def test_a_variant_of_its_own_name_goes_before_the_other(tmp_path: Path) -> None:
    root, _ = _make(tmp_path)
    save_jpeg(root / "data_256_challenge" / "a" / "airfield" / "00000001.jpg", 1)
    assert read(READER, root, role="openset")["key"].tolist() == ["data_256_challenge/a/airfield/00000001.jpg"]


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_listed_images_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(pools, "LISTING_ROWS", rows)
    root, expected = _make(tmp_path, lists=True)
    save_jpeg(root / "data_256" / "a" / "airfield" / "99999999.jpg", 1)
    assert by_split(read(READER, root)) == expected
    (root / "data_256/a/airfield/00000002.jpg").unlink()
    with pytest.raises(InputError, match=r"data_256/a/airfield/00000002.jpg is listed but missing; download"):
        read(READER, root)
    shutil.rmtree(root / "data_256/b")
    with pytest.raises(InputError, match=r"00000002.jpg is listed but missing, and 4 more of 17 listed; download"):
        read(READER, root)


def test_a_folder_that_is_no_category(tmp_path: Path) -> None:
    root, _ = _make(tmp_path)
    save_jpeg(root / "data_256" / "a" / "aeroplane" / "1.jpg", 1)
    with pytest.raises(InputError, match=r"data_256/a/aeroplane is no category of .*categories_places365.txt"):
        read(READER, root)


def test_what_is_not_places365(tmp_path: Path) -> None:
    save_jpeg(tmp_path / "data_256" / "cat" / "1.jpg", 1)
    assert not READER.recognises(tmp_path)
    with pytest.raises(InputError, match=r"neither data_256/ nor data_256_challenge/ .* download train_256_places365c"):
        read(READER, tmp_path)


def test_classes_as_torchvision_has_them(tmp_path: Path) -> None:
    root, _ = _make(tmp_path, folder="data_256_challenge", lists=True)

    class Unchecked(Places365):
        def _check_integrity(self, *_: object) -> bool:
            return True

    for split, part, role in (("train-challenge", "train", "openset"), ("val", "test", "target")):
        theirs = Unchecked(str(root), split=split, small=True)
        names = {number: name for name, number in theirs.class_to_idx.items()}
        frame = read(READER, root, role=role)
        ours = frame[frame["split"] == part]
        found = dict(zip(ours["uri"], ours["label"], strict=True))
        # Their list has the ending as it is written there, ours as it is on disk: the same here.
        assert found == {path: names[label] for path, label in theirs.imgs}


def test_the_category_file_decides_the_numbers_of_validation(tmp_path: Path) -> None:
    root, expected = _make(tmp_path)
    lines = (root / "categories_places365.txt").read_text().split("\n")
    (root / "categories_places365.txt").write_text("\n".join(reversed(lines)))
    assert by_split(read(places365.READER, root)) == expected
