"""A folder of image files."""

from pathlib import Path

import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.exporting import safe_names, write_folder, write_list
from simcore.images import read_bytes, read_source
from tests.exporting.conftest import files_below


@pytest.mark.parametrize("links", [False, True])
def test_every_image_byte_for_byte(
    images: pd.DataFrame, contents: dict[str, bytes], tmp_path: Path, links: bool
) -> None:
    places = write_folder(images, tmp_path / "deep" / "out", links=links)
    assert {entry.name for entry in tmp_path.iterdir()} == {"deep"}
    assert {entry.name for entry in (tmp_path / "deep").iterdir()} == {"out"}
    expected = {place: contents[key] for place, key in zip(places, images["key"], strict=True)}
    assert files_below(tmp_path / "deep" / "out") == expected
    # Undone by its names: no image stands for another.
    assert len(expected) == len(images)


def test_links_only_where_there_are_files(images: pd.DataFrame, tmp_path: Path) -> None:
    places = write_folder(images, tmp_path / "out", links=True)
    for place, uri in zip(places, images["uri"], strict=True):
        path = tmp_path / "out" / place
        assert path.is_symlink() == ("#row=" not in uri)
        if path.is_symlink():
            assert path.readlink() == Path(uri)


def test_it_is_a_source_again(images: pd.DataFrame, tmp_path: Path) -> None:
    places = write_folder(images, tmp_path / "out")
    manifest = read_source(tmp_path / "out", role="openset", max_rejected=0).manifest
    assert set(manifest["key"]) == set(places)
    plain = images[images["key"].isin(["cat/0.jpg", "001.Albatross/Bird.JPG", "dog/a.b.png", "ü/ß.png"])]
    assert set(plain["key"]) <= set(places)


def test_with_its_list_it_has_the_keys_again(images: pd.DataFrame, contents: dict[str, bytes], tmp_path: Path) -> None:
    places = write_folder(images, tmp_path / "images")
    write_list(images, tmp_path / "images.csv", uris=[f"images/{place}" for place in places])
    manifest = read_source(tmp_path / "images.csv", role="openset", max_rejected=0).manifest
    assert set(manifest["key"]) == set(contents)
    for key, uri in zip(manifest["key"], manifest["uri"], strict=True):
        assert read_bytes(uri) == contents[key]


def test_an_ending_is_added_by_content(in_files: pd.DataFrame, contents: dict[str, bytes], tmp_path: Path) -> None:
    picked = in_files[in_files["key"] == "digits/7"]
    png = contents["digits/7"].startswith(b"\x89PNG")
    for links in (False, True):
        assert write_folder(picked, tmp_path / str(links), links=links) == ["digits/7.png" if png else "digits/7.jpg"]


def test_threads_do_not_change_names(images: pd.DataFrame, tmp_path: Path) -> None:
    assert write_folder(images, tmp_path / "1", workers=1) == write_folder(images, tmp_path / "4", workers=4)


def test_a_link_to_nothing_is_never_made(tmp_path: Path) -> None:
    table = pd.DataFrame({"key": ["a.png"], "uri": [str(tmp_path / "gone.png")]})
    with pytest.raises(InputError, match=r"Image 'a\.png'"):
        write_folder(table, tmp_path / "out", links=True)


def test_hostile_keys_have_names_of_their_own(in_files: pd.DataFrame) -> None:
    names = safe_names(in_files["key"].tolist())
    assert len({name.casefold() for name in (names.stems + names.suffixes)}) == len(in_files)
