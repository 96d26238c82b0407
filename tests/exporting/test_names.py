"""Names stay below their folder, differ everywhere, and depend on keys alone."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.exporting import safe_names

PARTS = st.sampled_from(
    ["a", "A", "..", ".", "", "b.png", "a.b", "c:d", "~", "%2E", "x" * 300, "ü", " e ", "\n", "a~1"]
)
KEYS = st.lists(
    st.one_of(
        st.lists(PARTS, min_size=1, max_size=4).map("/".join),
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
    ).flatmap(lambda stem: st.sampled_from(["", ".png", ".PNG", ".jpg", ".txt"]).map(lambda ending: stem + ending)),
    unique=True,
    min_size=1,
    max_size=30,
)


def full_names(keys: list[str], *, dots: bool) -> list[str]:
    names = safe_names(keys, dots=dots)
    return [names.full(position, suffix=".png") for position in range(len(keys))]


@pytest.mark.parametrize("dots", [True, False])
@given(keys=KEYS)
def test_names_are_unique_relative_and_short(keys: list[str], dots: bool) -> None:
    names = full_names(keys, dots=dots)
    assert len({name.casefold() for name in names}) == len(keys)
    for name in names:
        path = PurePosixPath(name)
        assert not path.is_absolute() and str(path) == name
        assert not {"", ".", ".."} & set(name.split("/"))
        assert all(len(part.encode()) <= 255 and not part.startswith(".") for part in path.parts)
        assert not set(name) & set('\\:*?"<>|\n')
        if not dots:
            assert path.name.count(".") == 1


@pytest.mark.parametrize("dots", [True, False])
@given(keys=KEYS, data=st.data())
def test_a_name_does_not_depend_on_the_order(keys: list[str], dots: bool, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(keys))
    first = dict(zip(keys, full_names(keys, dots=dots), strict=True))
    assert dict(zip(shuffled, full_names(shuffled, dots=dots), strict=True)) == first


@given(keys=KEYS)
def test_no_name_is_a_folder_of_another(keys: list[str]) -> None:
    names = [name.casefold() for name in full_names(keys, dots=True)]
    folders = {str(parent) for name in names for parent in PurePosixPath(name).parents}
    assert not folders & set(names)


@pytest.mark.parametrize(
    ("key", "folder_name", "tar_name"),
    [
        ("cat/0.png", "cat/0.png", "cat/0.png"),
        ("001.Black/Bird_1.JPG", "001.Black/Bird_1.JPG", "001.Black/Bird_1.JPG"),
        ("a.b.png", "a.b.png", "a%2Eb.png"),
        ("digits/7", "digits/7.png", "digits/7.png"),
        ("notes.txt", "notes.txt.png", "notes%2Etxt.png"),
        ("../up.png", "%2E%2E/up.png", "%2E%2E/up.png"),
        ("/abs/x.png", "abs/x.png", "abs/x.png"),
        ("c:\\x.png", "c%3A%5Cx.png", "c%3A%5Cx.png"),
        ("wren.png/a.png", "wren%2Epng/a.png", "wren%2Epng/a.png"),
    ],
)
def test_names_read_like_their_keys(key: str, folder_name: str, tar_name: str) -> None:
    assert full_names([key], dots=True) == [folder_name]
    assert full_names([key], dots=False) == [tar_name]


def test_endings_alone_tell_files_apart_but_not_members_of_a_tar() -> None:
    keys = ["a.png", "a.jpg"]
    assert full_names(keys, dots=True) == keys
    marked = full_names(keys, dots=False)
    assert all(name.startswith("a~") for name in marked)


def test_a_key_without_an_ending_leaves_room_for_one() -> None:
    assert len(set(full_names(["a", "a.png"], dots=True))) == 2
