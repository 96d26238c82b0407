"""WebFG-496, whole and by set."""

import shutil
from pathlib import Path

import pytest

from simcore.errors import InputError
from simcore.images.sources.webfg import READER
from tests.images.sources.listings import by_split, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.webfg import CLASSES, EMPTY, make_webfg

FOLDERS = dict(zip(("aircraft", "bird", "car"), CLASSES, strict=True))


@pytest.fixture
def webfg(tmp_path: Path):
    root = tmp_path / "webfg"
    return root, make_webfg(root, damaged=True)


def _of(images: list, folder: str) -> list:
    return [(key, label) for key, label in images if key.startswith(f"{folder}/")]


@pytest.mark.parametrize("given", [".", ".."])
def test_the_whole_set(webfg, given: str) -> None:
    root, expected = webfg
    path = (root / given).resolve()
    train = sorted([*expected["train"], (EMPTY, CLASSES["web-bird"][1])])
    assert READER.recognises(path)
    assert by_split(read(READER, path)) == {"train": train, "test": expected["test"]}
    frame = read(READER, path, role="openset")
    assert by_split(frame) == {"train": train}
    assert frame["uri"].tolist() == [str(root / key) for key in frame["key"]]
    assert read(READER, path, labels="none")["label"].isna().all()


@pytest.mark.parametrize("subset", list(FOLDERS))
@pytest.mark.parametrize("alone", [True, False])
def test_one_set(tmp_path: Path, subset: str, alone: bool) -> None:
    expected = make_webfg(tmp_path / "webfg")
    folder = FOLDERS[subset]
    path = tmp_path / "webfg"
    if alone:
        for other in set(CLASSES) - {folder}:
            shutil.rmtree(path / other)
        path /= folder
    assert READER.recognises(path)
    assert by_split(read(READER, path, subset=subset)) == {
        split: _of(images, folder) for split, images in expected.items()
    }


def test_the_names_that_the_authors_of_simcore_use(tmp_path: Path) -> None:
    expected = make_webfg(tmp_path)
    renamed = {"web-bird": "web-cub", "web-car": "web-cars"}
    for old, new in renamed.items():
        (tmp_path / old).rename(tmp_path / new)
    train = []
    for key, label in expected["train"]:
        folder, _, rest = key.partition("/")
        train.append((f"{renamed.get(folder, folder)}/{rest}", label))
    assert by_split(read(READER, tmp_path, role="openset")) == {"train": sorted(train)}


def test_without_validation_the_split_is_open(webfg) -> None:
    root, _ = webfg
    shutil.rmtree(root / "web-car" / "val")
    frame = read(READER, root)
    assert frame["split"].isna().all()
    assert not frame["key"].str.contains("/val/").any()


def test_a_set_that_is_missing(webfg) -> None:
    root, _ = webfg
    shutil.rmtree(root / "web-bird")
    with pytest.raises(InputError, match="no web-bird/train/; set `subset` to 'aircraft' to take what is there, or do"):
        read(READER, root)
    with pytest.raises(InputError, match=r"no web-bird/train/; download web-aircraft.tar.gz"):
        read(READER, root, subset="bird")
    with pytest.raises(InputError, match="`subset` is 'birds'; allowed are 'whole', 'aircraft', 'bird', 'car'"):
        read(READER, root, subset="birds")


def test_what_is_not_webfg(tmp_path: Path) -> None:
    save_jpeg(tmp_path / "web-bird" / "1.jpg", 1)
    assert not READER.recognises(tmp_path)
    with pytest.raises(InputError, match="it has no web-aircraft/train/; download"):
        read(READER, tmp_path)
