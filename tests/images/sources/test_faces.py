import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.images import read_source
from simcore.images.sources.faces import READER, split_faces
from tests.images.sources.listings import FOLDERS, FOLDERS_TEST, by_split, column, make_folders, read
from tests.images.sources.miniatures._pixels import save_jpeg
from tests.images.sources.miniatures.faces import attribute_of, identity_of, make_faces

NAMES = {
    "male": "Male",
    "oval_face": "Oval_Face",
    "pointy_nose": "Pointy_Nose",
    "smiling": "Smiling",
    "young": "Young",
}


def attributes(name: str, keys: list[str]) -> dict[str, str]:
    return {key: "yes" if attribute_of(int(Path(key).stem), NAMES[name]) else "no" for key in keys}


def test_lists_in_full(tmp_path: Path) -> None:
    expected = make_faces(tmp_path)
    frame = read(READER, tmp_path)
    assert by_split(frame) == expected
    assert all(Path(uri).is_file() for uri in frame["uri"])
    assert ("CelebA-HQ-img/7.jpg", "2880") in expected["train"]  # the last but one in alphabetic order


def test_identities_with_few_images_are_listed_as_left_out(tmp_path: Path) -> None:
    expected = make_faces(tmp_path)
    (tmp_path / "CelebA-HQ-img" / "46.jpg").rename(tmp_path / "CelebA-HQ-img" / "a.txt")  # kept, and needed
    with pytest.raises(InputError, match=r"46\.jpg is listed but missing"):
        read(READER, tmp_path)
    (tmp_path / "CelebA-HQ-img" / "a.txt").rename(tmp_path / "CelebA-HQ-img" / "46.jpg")
    frame = read(READER, tmp_path)
    left = frame[frame["reason"].notna()]
    few = {f"CelebA-HQ-img/{number}.jpg" for number in range(47) if identity_of(number) in ("8", "10177")}
    assert set(left["key"]) == few and len(few) == 15
    assert set(left["reason"]) == set(READER.left_out)
    assert left[["label", "split"]].isna().all(axis=None)
    (tmp_path / sorted(few)[0]).unlink()  # nobody needs it
    assert set(read(READER, tmp_path)["key"]) == set(frame["key"]) - {sorted(few)[0]}
    ingested = read_source(f"faces:{tmp_path}", max_rejected=0)
    assert len(ingested.manifest) == sum(map(len, expected.values())) and len(ingested.rejected) == 14
    found = {record["what"]: record["found"] for record in ingested.counts}
    assert found == {"train": 25, "test": 7, "undecided": 0, "classes": 2, "rejected": 14}
    # A sample is of what can be used, and so are the classes that it is drawn from.
    sampled = read_source(f"faces:{tmp_path}", limit=12, classes=2, max_rejected=0)
    assert len(sampled.manifest) == 12 + 7 and sampled.rejected.empty


def test_without_an_identity_of_enough_images(tmp_path: Path) -> None:
    make_faces(tmp_path)
    file = tmp_path / "identity_CelebA.txt"
    lines = [line.split()[0] for line in file.read_text().splitlines()]
    file.write_text("".join(f"{name} {number}\n" for number, name in enumerate(lines)))
    with pytest.raises(InputError, match=r"None of the 47 identities of .* has the 15 images that it needs to be kept"):
        read(READER, tmp_path)


def test_attributes_are_columns(tmp_path: Path) -> None:
    make_faces(tmp_path)
    frame = read(READER, tmp_path)
    frame = frame[frame["reason"].isna()]
    keys = frame["key"].tolist()
    assert column(frame, "identity") == {key: identity_of(int(Path(key).stem)) for key in keys}
    for name in NAMES:
        assert column(frame, name) == attributes(name, keys)
        assert set(column(frame, name).values()) == {"yes", "no"}


@pytest.mark.parametrize("level", sorted(NAMES))
def test_an_attribute_is_the_label_of_the_same_images(tmp_path: Path, level: str) -> None:
    expected = make_faces(tmp_path)
    frame = read(READER, tmp_path, level=level)
    assert by_split(frame) == {
        split: sorted(attributes(level, [key for key, _ in rows]).items()) for split, rows in expected.items()
    }
    assert frame.drop(columns="label").equals(read(READER, tmp_path, level="identity").drop(columns="label"))


def test_as_an_openset_its_train_images_count(tmp_path: Path) -> None:
    expected = make_faces(tmp_path)
    frame = read(READER, tmp_path, role="openset")
    assert by_split(frame) == {"train": expected["train"]}
    assert column(frame, "young") == attributes("young", frame["key"].tolist())


def test_without_labels(tmp_path: Path) -> None:
    expected = make_faces(tmp_path)
    frame = read(READER, tmp_path, labels="none")
    assert by_split(frame) == {split: [(key, None) for key, _ in rows] for split, rows in expected.items()}


@pytest.mark.parametrize("place", [".", "Anno", "celeba", "../celeba", "..", "../Anno", "../CelebA/Anno"])
def test_identities_may_lie_beside_the_set(tmp_path: Path, place: str) -> None:
    root = tmp_path / "CelebAMask-HQ"
    root.mkdir()
    expected = make_faces(root, identities=root / place)
    assert by_split(read(READER, root)) == expected
    if place in ("..", "../celeba"):
        assert READER.recognises(tmp_path)
        assert read(READER, tmp_path).equals(read(READER, root))


def test_folders_of_classes(tmp_path: Path) -> None:
    make_folders(tmp_path, save_jpeg)
    assert not READER.recognises(tmp_path)
    frame = read(READER, tmp_path)
    assert by_split(frame) == FOLDERS | FOLDERS_TEST
    assert frame[[*NAMES, "identity"]].isna().all(axis=None)
    with pytest.raises(InputError, match=r"`level` is 'smiling', but .* has only class folders"):
        read(READER, tmp_path, level="smiling")


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("CelebA-HQ-to-CelebA-mapping.txt", "it has no CelebA-HQ-to-CelebA-mapping.txt; download CelebAMask-HQ.zip"),
        ("CelebA-HQ-img", "it has no CelebA-HQ-img; download CelebAMask-HQ.zip"),
        ("CelebA-HQ-img/0.jpg", "0.jpg is listed but missing; download CelebAMask-HQ.zip"),
        (
            "identity_CelebA.txt",
            "CelebAMask-HQ/identity_CelebA.txt is missing (who is on each image; it is part of CelebA, another "
            "download, and may also lie beside this folder); download CelebAMask-HQ.zip from the project page of "
            "CelebAMask-HQ, and identity_CelebA.txt (folder Anno) from the project page of CelebA",
        ),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, gone: str, message: str) -> None:
    root = tmp_path / "sets" / "CelebAMask-HQ"
    make_faces(root)
    (root / gone).rename(tmp_path / "gone")
    assert READER.recognises(root)
    with pytest.raises(InputError, match=re.escape(message)):
        read(READER, root)


def test_attributes_are_needed_only_where_they_are_the_label(tmp_path: Path) -> None:
    expected = make_faces(tmp_path)
    (tmp_path / "CelebAMask-HQ-attribute-anno.txt").unlink()
    frame = read(READER, tmp_path)
    assert by_split(frame) == expected
    frame = frame[frame["reason"].isna()]
    assert frame[list(NAMES)].isna().all(axis=None) and frame["identity"].notna().all()
    with pytest.raises(InputError, match=r"attribute-anno.txt is missing \(the attributes of each face\); download"):
        read(READER, tmp_path, level="male")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("CelebAMask-HQ-attribute-anno.txt", "Pointy_Nose", "Nose", "has no attribute Pointy_Nose in its second line"),
        ("CelebAMask-HQ-attribute-anno.txt", "\n4.jpg", "\n4.jpg 1", "has no line of 40 values 1 or -1 for 4.jpg"),
        ("CelebAMask-HQ-attribute-anno.txt", "\n4.jpg", "\nfour.jpg", "has no line of 40 values 1 or -1 for 4.jpg"),
        ("CelebA-HQ-to-CelebA-mapping.txt", "\n4 ", "\n4.jpg", "is not a number, a number and a file; unpack"),
        ("CelebA-HQ-to-CelebA-mapping.txt", "\n4 ", "\n3 ", "Image 3 occurs twice"),
        ("CelebA-HQ-to-CelebA-mapping.txt", "\n4 ", "\n../4 ", "is not a number, a number and a file; unpack"),
        ("CelebA-HQ-to-CelebA-mapping.txt", "\n4 ", "\n4 4 ", "is not a number, a number and a file; unpack"),
        ("identity_CelebA.txt", "000006.jpg", "000007.jpg", "000006.jpg, named in"),
    ],
)
def test_broken_annotations(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    make_faces(tmp_path)
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=re.escape(message)):
        read(READER, tmp_path)


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    seed=st.randoms(use_true_random=False),
)
def test_the_split_follows_the_file_numbers_whatever_their_order(sizes: list[int], seed) -> None:
    identities = [str(identity) for identity, size in enumerate(sizes) for _ in range(size)]
    seed.shuffle(identities)
    files = [(f"{number}.jpg", identity) for number, identity in enumerate(identities)]
    frame = split_faces(dict(files))
    slow = []
    for number, identity in enumerate(identities):
        of_identity = [other for other, same in enumerate(identities) if same == identity]
        if len(of_identity) >= 15:
            train = of_identity.index(number) < int(0.8 * len(of_identity))
            slow.append((f"{number}.jpg", identity, "train" if train else "test"))
    assert list(frame.itertuples(index=False, name=None)) == slow
    seed.shuffle(files)
    assert split_faces(dict(files)).equals(frame)


def test_four_fifths_are_the_published_formula() -> None:
    assert [4 * n // 5 for n in range(30_001)] == [int(0.8 * n) for n in range(30_001)]


@pytest.mark.parametrize("files", [("1.jpg", "01.jpg"), ("face.jpg",), ("².jpg",), ("../4.jpg",), ("",)])
def test_files_need_a_number_of_their_own(files: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=re.escape(f"'{files[-1]}' is not named by a number of its own")):
        split_faces(dict.fromkeys(files, "7"))
