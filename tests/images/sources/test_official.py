import importlib
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.images.sources import folder
from simcore.images.sources.official import (
    check_files,
    find_root,
    folder_form,
    missing_official,
    official_frame,
    optional_files,
    recognised_by,
    require,
    require_root,
)
from simcore.images.sources.reader import Official, Option, Reader, Request
from tests.images.sources.listings import by_split, make_folders
from tests.images.sources.miniatures._pixels import save_jpeg

READER = Reader(
    takes="Wrens as they come off the archive",
    recognises=recognised_by("wrens.txt", beside=("masks",)),
    list_images=folder.list_images,
    options=(Option("level", ("species", "family"), "species", "what the label is"),),
    columns=("family", "boxes"),
    official=Official(title="Wrens", folder="wrens-1", download="wrens.tar from the project page of Wrens"),
)
SIX = ("aircraft", "cars", "pets", "birds", "dogs", "flowers")


def plant(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_the_root_is_the_path_or_a_folder_in_it(tmp_path: Path) -> None:
    plant(
        tmp_path, "b/x/wrens.txt", "b/x/images/1.jpg", "b/a/wrens.txt", "b/.hidden/wrens.txt", "b/.hidden/images/1.jpg"
    )
    assert find_root(tmp_path / "b" / "x", "wrens.txt", "images") == tmp_path / "b" / "x"
    assert find_root(tmp_path / "b", "wrens.txt", "images") == tmp_path / "b" / "x"
    assert find_root(str(tmp_path / "b"), "images/1.jpg") == tmp_path / "b" / "x"
    assert find_root(tmp_path, "wrens.txt") is None
    assert find_root(tmp_path / "nowhere", "wrens.txt") is None
    assert find_root(tmp_path / "b" / "x" / "wrens.txt", "wrens.txt") is None
    assert find_root("memory://b", "wrens.txt") is None


def test_a_folder_of_very_many_entries_is_not_searched(tmp_path: Path) -> None:
    plant(tmp_path, "set/wrens.txt", *(f"{number}.jpg" for number in range(255)))
    assert find_root(tmp_path, "wrens.txt") == tmp_path / "set"
    plant(tmp_path, "255.jpg")
    assert find_root(tmp_path, "wrens.txt") is None
    plant(tmp_path, "wrens.txt")
    assert find_root(tmp_path, "wrens.txt") == tmp_path


def test_one_marker_is_enough_but_other_folders_beside_it_are_a_pool(tmp_path: Path) -> None:
    plant(tmp_path, "set/wrens.txt")
    assert READER.recognises(tmp_path)
    plant(tmp_path, "masks/1.png", ".cache/1")
    assert READER.recognises(tmp_path)
    plant(tmp_path, "more/1.jpg")
    assert not READER.recognises(tmp_path)
    assert READER.recognises(tmp_path / "set")
    assert not READER.recognises("memory://set")


def test_a_missing_root_says_what_is_missing_in_the_likeliest_folder(tmp_path: Path) -> None:
    plant(tmp_path, "set/wrens.txt", "set/classes.txt", "other/images/1.jpg")
    whole = (
        f"{tmp_path / 'set'} is not Wrens as they come off the archive: it has no images; download wrens.tar from the "
        "project page of Wrens and give the path of the unpacked folder (usually wrens-1/)."
    )
    with pytest.raises(InputError, match=re.escape(whole)):
        require_root(tmp_path, "images", "wrens.txt", "classes.txt", reader=READER)
    with pytest.raises(InputError, match=r"nowhere is no folder of this machine; download wrens.tar"):
        require_root(tmp_path / "nowhere", "images", reader=READER)
    with pytest.raises(InputError, match=r"memory://b is no folder of this machine; download wrens.tar"):
        require_root("memory://b", "images", reader=READER)


def test_of_two_roots_side_by_side_none_is_taken(tmp_path: Path) -> None:
    plant(tmp_path, "a/wrens.txt", "b/wrens.txt")
    with pytest.raises(InputError, match=f"{tmp_path}/a and {tmp_path}/b are both Wrens .*; give the path of the one"):
        require_root(tmp_path, "wrens.txt", reader=READER)
    plant(tmp_path, "wrens.txt")
    assert require_root(tmp_path, "wrens.txt", reader=READER) == tmp_path


def test_the_root_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "set/wrens.txt")
    monkeypatch.chdir(tmp_path)
    assert require_root(Path(), "wrens.txt", reader=READER) == tmp_path / "set"


def test_what_is_required(tmp_path: Path) -> None:
    path = plant(tmp_path, "wrens.txt") / "wrens.txt"
    assert require(path, what="the species", reader=READER) == path
    with pytest.raises(InputError, match=r"none.txt is missing \(the species\); download wrens.tar"):
        require(tmp_path / "none.txt", what="the species", reader=READER)


def test_listed_files(tmp_path: Path) -> None:
    plant(tmp_path, "a/1.jpg", "a/2.JPG", "a/3.jpg", "a/3.JPG", "b/4.jpg", "5.jpg", "a/._6.jpg")
    (tmp_path / "b" / "dead.jpg").symlink_to(tmp_path / "nothing")
    listed = ["b/4.jpg", "a/1.jpg", "a/2.jpg", "a/3.jpg", "5.JPG", "b/dead.jpg"]
    found = ["b/4.jpg", "a/1.jpg", "a/2.JPG", "a/3.jpg", "5.jpg", "b/dead.jpg"]  # what decodes not is found later
    assert check_files(tmp_path, listed, reader=READER) == [str(tmp_path / name) for name in found]
    with pytest.raises(InputError, match=r"a/9.jpg is listed but missing, and 2 more of 4 listed; download wrens.tar"):
        check_files(tmp_path, ["a/1.jpg", "a/9.jpg", "c/1.jpg", "a/._6.jpg"], reader=READER)
    with pytest.raises(InputError, match=r"a/9.jpg is listed but missing; download"):
        check_files(tmp_path, ["a/9.jpg"], reader=READER)
    assert optional_files(tmp_path, ["a/1.jpg", "a/9.jpg"]) == [str(tmp_path / "a/1.jpg"), None]


@pytest.mark.parametrize("path", ["../x.jpg", "a/../../x.jpg", "/etc/passwd", "..\\x.jpg", ""])
def test_a_list_cannot_lead_out_of_its_folder(tmp_path: Path, path: str) -> None:
    plant(tmp_path, "x.jpg", "set/a/1.jpg")
    with pytest.raises(InputError, match=r"leads out of that folder"):
        check_files(tmp_path / "set", ["a/1.jpg", path], reader=READER)


def test_the_frame_has_the_columns_of_the_reader(tmp_path: Path) -> None:
    plant(tmp_path, "1.jpg", "2.jpg")
    given = {"keys": ["1.jpg", "2.jpg"], "labels": ["a", "b"], "splits": ["train", "test"], "reader": READER}
    frame = official_frame(tmp_path, **given, request=Request("target"), boxes=[[[0.0, 0.0, 2.0, 2.0]], None])
    assert frame.columns.tolist() == ["key", "uri", "label", "split", "reason", "family", "boxes"]
    assert frame["family"].isna().all()
    assert frame["boxes"].tolist() == [[[0.0, 0.0, 2.0, 2.0]], None]
    openset = official_frame(tmp_path, **given, request=Request("openset", labels="none"))
    assert by_split(openset) == {"train": [("1.jpg", None)]}
    with pytest.raises(InputError, match=r"name no images; download wrens.tar"):
        official_frame(tmp_path, [], labels=[], splits=[], request=Request("target"), reader=READER)


def test_class_folders(tmp_path: Path) -> None:
    root = make_folders(tmp_path / "set", save_jpeg)
    for path in (root, tmp_path):
        frames = folder_form(path, Request("target"), reader=READER)
        assert frames is not None
        frame = pd.concat(frames)
        assert frame.columns.tolist() == ["key", "uri", "label", "split", "reason", "family", "boxes"]
        assert {split: len(images) for split, images in by_split(frame).items()} == {"train": 3, "test": 2}
    with pytest.raises(InputError, match=r"`level` is 'family', but .*; leave it at 'species', or download wrens.tar"):
        folder_form(root, Request("target", options={"level": "family"}), reader=READER)
    shutil.rmtree(root / "test")
    openset = folder_form(root, Request("openset"), reader=READER)
    assert openset is not None
    assert pd.concat(openset)["split"].tolist() == ["train"] * 3
    plant(root, "wrens.txt")
    assert folder_form(root, Request("target"), reader=READER) is None
    assert folder_form(tmp_path / "nowhere", Request("target"), reader=READER) is None


def test_class_folders_of_another_set_are_not_taken(tmp_path: Path) -> None:
    make_folders(tmp_path / "imagenet", save_jpeg)
    plant(tmp_path, "more/1.jpg")
    assert folder_form(tmp_path, Request("target"), reader=READER) is None


def test_a_reader_without_a_download_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"does not say what to download"):
        missing_official(folder.READER)


def test_each_set_is_recognised_by_its_own_reader_alone(tmp_path: Path) -> None:
    readers = {name: importlib.import_module(f"simcore.images.sources.{name}").READER for name in SIX}
    for name in SIX:
        module = importlib.import_module(f"tests.images.sources.miniatures.{name}")
        getattr(module, f"make_{name}")(tmp_path / name / module.FOLDER)
        assert readers[name].official.folder == module.FOLDER
        for path in (tmp_path / name, tmp_path / name / module.FOLDER):
            assert [other for other in SIX if readers[other].recognises(path)] == [name]
    assert not any(reader.recognises(tmp_path) for reader in readers.values())
