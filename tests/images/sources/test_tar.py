import io
import json
import re
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.images import ImageStore, decode, read_bytes, read_source
from simcore.images.sources import LISTING_COLUMNS, READERS, Request, tar
from simcore.images.sources.tar import list_images, recognises
from tests.images.sources.listings import none

TARGET, OPENSET = Request(role="target"), Request(role="openset")


@pytest.fixture
def shard(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a tar of {name: bytes, text or JSON}."""

    def write(members: Mapping[str, Any], *, name: str = "shards/shard-000.tar") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w") as archive:
            for member, content in members.items():
                data = content if isinstance(content, bytes) else b""
                if isinstance(content, str):
                    data = content.encode()
                elif isinstance(content, dict | list):
                    data = json.dumps(content).encode()
                info = tarfile.TarInfo(member)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return path

    return write


def listed(place: str | Path, request: Request = TARGET) -> pd.DataFrame:
    frame = pd.concat(list(list_images(place, request)), ignore_index=True)
    assert tuple(frame.columns) == LISTING_COLUMNS
    assert {str(kind) for kind in frame.dtypes} == {"str"}
    return frame


def rows(images: pd.DataFrame) -> list[tuple[str | None, ...]]:
    return [tuple(none(value) for value in row) for row in images[["key", "label", "split", "reason"]].to_numpy()]


def usable(images: pd.DataFrame) -> dict[str, str | None]:
    return {key: label for key, label, _, reason in rows(images) if reason is None}


def test_labels_of_cls_json_and_txt_and_bytes_in_place(shard) -> None:
    path = shard(
        {
            "a.jpg": b"first",
            "a.cls": "3\n",
            "b.JSON": {"label": "wren"},
            "b.PNG": b"second",
            "c.jpeg": b"third",
            "c.txt": " great tit ",
            "d.webp": b"fourth",
            "d.txt": "a caption of a bird",
            "d.json": {"url": "http://x", "label": 7},
            "e.jpg": b"fifth",
            "e.cls": "owl",
            "e.json": {"label": "jay"},
            "f.jpg": b"sixth",
            "f.txt": "a caption",
            "f.json": {"caption": "a caption"},
            "g.jpg": b"seventh",
        }
    )
    images = listed(path)
    assert rows(images) == [
        ("a", "3", None, None),
        ("b", "wren", None, None),
        ("c", "great tit", None, None),
        ("d", "7", None, None),
        ("e", "owl", None, None),
        ("f", None, None, None),
        ("g", None, None, None),
    ]
    assert [read_bytes(uri) for uri in images["uri"]] == [
        b"first",
        b"second",
        b"third",
        b"fourth",
        b"fifth",
        b"sixth",
        b"seventh",
    ]
    assert all(re.fullmatch(rf"{re.escape(str(path))}#bytes=\d+\+\d+", uri) for uri in images["uri"])


@pytest.mark.parametrize(
    ("facts", "label"),
    [
        ({"a.json": {"label": True}}, None),
        ({"a.json": {"label": 1.5}}, None),
        ({"a.json": {"label": ["x"]}}, None),
        ({"a.json": {"label": ""}}, None),
        ({"a.json": {"label": 0}}, "0"),
        ({"a.json": ["label"]}, None),
        ({"a.txt": "a story\nof two lines"}, None),
        ({"a.txt": "x" * 201}, None),
        ({"a.txt": "x" * 200}, "x" * 200),
        ({"a.txt": " \n"}, None),
        ({"a.cls": ""}, None),
        ({"a.txt": "x" * (2**20 + 1)}, None),
    ],
)
def test_what_is_a_label(shard, facts: dict[str, Any], label: str | None) -> None:
    assert usable(listed(shard({"a.jpg": b"x", **facts}))) == {"a": label}
    assert usable(listed(shard({"a.jpg": b"x", **facts}), Request(role="target", labels="none"))) == {"a": None}


@pytest.mark.parametrize("facts", [{"a.json": "{"}, {"a.json": "[" * 100_000}, {"a.cls": b"\xff"}, {"a.txt": b"\xe9"}])
def test_facts_that_cannot_be_read_cost_the_image(shard, facts: dict[str, Any]) -> None:
    images = listed(shard({"a.jpg": b"x", **facts, "b.jpg": b"y"}))
    assert usable(images) == {"b": None}
    assert str(images["reason"][0]).startswith(f"the {next(iter(facts)).partition('.')[2]} of its sample cannot be")


def test_json_gives_key_and_split_as_our_own_export_writes_them(shard) -> None:
    path = shard(
        {
            "cat%2E1.png": b"x",
            "cat%2E1.json": {"key": "cat.1.png", "label": "cat", "split": "test"},
            "b.png": b"y",
            "b.json": {"key": "pets/b.png", "label": "cat", "split": "train"},
            "c.png": b"z",
            "c.json": {"key": 5, "label": "cat", "split": "val"},
            "d.png": b"z",
            "d.json": {"label": "cat", "split": ["train"]},
        }
    )
    assert rows(listed(path)) == [
        ("cat.1.png", "cat", "test", None),
        ("pets/b.png", "cat", "train", None),
        ("c", "cat", "train", None),
        ("d", "cat", None, None),
    ]


def test_the_base_ends_at_the_first_dot_of_the_last_part(shard) -> None:
    path = shard({"v1.0/a/wren.seg.png": b"mask", "v1.0/a/wren.jpg": b"image", "v1.0/a/wren.cls": "2"})
    images = listed(path)
    assert usable(images) == {"v1.0/a/wren": "2"}
    assert read_bytes(images["uri"][0]) == b"image"


def test_samples_of_several_images(shard) -> None:
    images = listed(
        shard(
            {
                "a.jpg": b"1",
                "a.png": b"2",
                "b.input.jpg": b"3",
                "b.output.jpg": b"4",
                "c.only.jpg": b"5",
            }
        )
    )
    assert rows(images) == [
        ("a", None, None, None),
        ("a.png", None, None, "its sample has another image before it"),
        ("b.input.jpg", None, None, "its sample has several images: input.jpg, output.jpg"),
        ("b.output.jpg", None, None, "its sample has several images: input.jpg, output.jpg"),
        ("c", None, None, None),
    ]


def test_several_tars_put_their_names_in_front(shard, tmp_path: Path, memory_copy) -> None:
    for number in range(3):
        shard({"000.jpg": b"x%d" % number, "000.cls": "a"}, name=f"shards/shard-{number:03d}.tar")
    (tmp_path / "shards" / "000.parquet").write_bytes(b"a table of img2dataset")
    (tmp_path / "shards" / "stats.json").write_text("{}")
    root = tmp_path / "shards"
    keys = [f"shard-{number:03d}/000" for number in range(3)]
    for place in (
        root,
        root / "shard-{000..002}.tar",
        memory_copy(root),
        f"{memory_copy(root)}/shard-{{000..002}}.tar",
        root / "shard-*.tar",
        tmp_path / "sh*ds" / "shard-00*.tar",
        f"{memory_copy(root)}/shard-*.tar",
    ):
        assert recognises(place)
        general = [name for name, reader in READERS.items() if reader.official is None]
        assert next(name for name in general if READERS[name].recognises(place)) == "tar"
        images = listed(place)
        above = "shards/" if "sh*ds" in str(place) else ""
        assert images["key"].tolist() == [above + key for key in keys]
        assert [read_bytes(uri) for uri in images["uri"]] == [b"x0", b"x1", b"x2"]
    assert listed(root / "shard-001.tar")["key"].tolist() == ["000"]
    assert listed(root / "shard-{001..002}.tar")["key"].tolist() == keys[1:]


def test_stars_from_what_is_typed_to_the_manifest(shard, noise, encode, tmp_path: Path, monkeypatch) -> None:
    for name in ("shard-1", "shard-0", "other-0"):
        shard({"a.png": encode(noise(9, 9)), "a.cls": "x"}, name=f"tars/{name}.tar")
    monkeypatch.chdir(tmp_path)
    for typed in ("tars/shard-*.tar", f"{tmp_path}/tars/shard-*.tar@5", "tar:./tars/shard-*.tar"):
        manifest = read_source(typed, role="openset").manifest
        assert manifest["key"].tolist() == ["shard-0/a", "shard-1/a"]
    with pytest.raises(InputError, match=r"No file is called as .*/tars/part-\*\.tar; correct the pattern"):
        read_source("tars/part-*.tar", role="openset")


def test_splits_by_the_names_of_the_tars(shard, tmp_path: Path) -> None:
    for name in ("train-0", "train-1", "val-0"):
        shard({"a.jpg": b"x", "a.cls": "cat"}, name=f"shards/{name}.tar")
    assert {key: split for key, _, split, _ in rows(listed(tmp_path / "shards"))} == {
        "train-0/a": "train",
        "train-1/a": "train",
        "val-0/a": "test",
    }
    assert {split for *_, split, _ in rows(listed(tmp_path / "shards", OPENSET))} == {None}


def test_samples_that_are_torn_apart_are_an_error_and_other_files_are_not(shard, monkeypatch) -> None:
    alone = {"README.txt": "read me", "classes.json": ["a"]}
    assert usable(listed(shard({**alone, "a.jpg": b"x", "a.cls": "1"}))) == {"a": "1"}
    for members in (
        {"a.jpg": b"x", "b.jpg": b"y", "a.cls": "1", "b.cls": "2"},
        {"a.cls": "1", "b.cls": "2", "a.jpg": b"x", "b.jpg": b"y"},
    ):
        for most in (tar._MOST_STRAYS, 1):
            monkeypatch.setattr(tar, "_MOST_STRAYS", most)
            with pytest.raises(InputError, match=r"sample '[ab]' of .* do not stand side by side.*--sort=name"):
                listed(shard(members))


def test_refused_members_and_damage_are_rejected_images(shard, tmp_path: Path) -> None:
    path = shard({"a.jpg": b"x" * 700, "b.jpg": b"y" * 700, "c.jpg": b"z"})
    with tarfile.open(path, "a") as archive:
        link = tarfile.TarInfo("d.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "a.jpg"
        archive.addfile(link)
    assert {key: reason for key, *_, reason in rows(listed(path))} == {
        "a": None,
        "b": None,
        "c": None,
        "d.jpg": "it is a link to 'a.jpg', and links in a tar are not followed",
    }
    path.write_bytes(path.read_bytes()[:3100])
    assert sorted(rows(listed(path))) == [
        ("a", None, None, None),
        ("b", None, None, None),
        ("shard-000.tar", None, None, "the tar is cut off or damaged at byte 3072 of 3100; what follows is missing"),
    ]
    path.write_bytes(path.read_bytes()[:2100])
    assert sorted(rows(listed(path))) == [
        ("a", None, None, None),
        ("b.jpg", None, None, "the tar is cut off in it; what follows is missing"),
    ]
    path.write_bytes(path.read_bytes()[:1700])
    assert sorted(rows(listed(path)))[1:] == [
        ("shard-000.tar", None, None, "the tar is cut off or damaged at byte 1536 of 1700; what follows is missing")
    ]
    shard({"a.jpg": b"x"}, name="shards/shard-001.tar")
    assert sorted(key for key, *_ in rows(listed(tmp_path / "shards"))) == [
        "shard-000/a",
        "shard-000/shard-000.tar",
        "shard-001/a",
    ]


def test_a_tar_that_ends_between_two_members_is_never_taken_for_a_whole_one(shard, noise, encode) -> None:
    path = shard({f"{number}.png": encode(noise(9, 9, seed=number)) for number in range(4)})
    data = path.read_bytes()
    second = listed(path)["uri"][2]
    start = int(second.rpartition("=")[2].split("+")[0]) - 512
    path.write_bytes(data[:start])
    with pytest.raises(
        InputError, match=r"1 of the 3 images of .* cannot be used \(shard-000\.tar: the tar has no end mark"
    ):
        read_source(path)
    assert read_source(path, max_rejected=0.4).manifest["key"].tolist() == ["0", "1"]


def test_paths_that_lead_out_name_tar_and_member(shard) -> None:
    path = shard({"a.jpg": b"x", "../../etc/b.jpg": b"y"})
    with pytest.raises(InputError, match=rf"Member '\.\./\.\./etc/b\.jpg' of {re.escape(str(path))} lies outside"):
        read_source(path)


@pytest.mark.parametrize("ending", ["tar.gz", "tgz", "tar"])
def test_compressed_tars_are_recognised_and_refused(tmp_path: Path, ending: str) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    path = tmp_path / f"set.{ending}"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "a.jpg", "a.jpg")
    assert recognises(path)
    with pytest.raises(InputError, match=r"is compressed \(gzip\).* decompress it to a plain \.tar"):
        read_source(path)


def test_recognised_by_ending_or_by_content(shard, plant, tmp_path: Path) -> None:
    path = shard({"a.jpg": b"x"})
    assert recognises(path)
    assert recognises(path.rename(tmp_path / "no_ending"))
    (tmp_path / "text").write_text("x" * 600)
    for place in (tmp_path / "text", tmp_path / "nothing", plant("a.png", extra=["x.tar"])):
        assert not recognises(place)


def test_no_images_and_no_labels(shard) -> None:
    with pytest.raises(InputError, match="holds no images"):
        listed(shard({"README.txt": "x"}))
    insist = Request(role="target", labels="folder")
    with pytest.raises(InputError, match=r"no sample of .* has a label"):
        listed(shard({"a.jpg": b"x"}), insist)
    assert usable(listed(shard({"a.jpg": b"x", "a.cls": "1"}), insist)) == {"a": "1"}


def test_long_tars_come_in_frames(shard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar, "LISTING_ROWS", 4)
    path = shard({f"{number:02d}.jpg": b"x" for number in range(10)})
    frames = list(list_images(path, OPENSET))
    assert [len(frame) for frame in frames] == [4, 4, 2]
    assert pd.concat(frames)["key"].tolist() == [f"{number:02d}" for number in range(10)]


def test_a_tar_of_the_systems_own_tool(plant, tmp_path: Path) -> None:
    root = plant("cat/a.png", "dog/b.png", "dog/long/" + "x" * 120 + ".png", extra=["cat/._a.png"])
    path = tmp_path / "own.tar"
    subprocess.run(["tar", "--sort=name", "-cf", path, "-C", root, "."], check=True)
    images = listed(path)
    assert sorted(usable(images)) == ["cat/a", "dog/b", "dog/long/" + "x" * 120]
    for key, uri in images[["key", "uri"]].to_numpy():
        assert read_bytes(uri) == (root / f"{key}.png").read_bytes()


def test_from_the_tar_to_the_pixels(shard, noise, encode, memory_copy, tmp_path: Path) -> None:
    pictures = [encode(noise(20 + row, 10, seed=row), form="JPEG" if row % 2 else "PNG") for row in range(6)]
    members: dict[str, Any] = {}
    for row, picture in enumerate(pictures):
        members |= {f"{row}.{'jpg' if row % 2 else 'png'}": picture, f"{row}.cls": "ab"[row % 2]}
    path = shard(members | {"bad.jpg": b"no image", "bad.cls": "a"})
    for place in (path, f"file://{path}", f"{memory_copy(path.parent)}/{path.name}"):
        for verify in ("decode", "header"):
            ingested = read_source(place, max_rejected=0.2, test_fraction=0.3, verify=verify)
            assert ingested.manifest["key"].tolist() == list("012345")
            assert ingested.manifest["width"].tolist() == [20, 21, 22, 23, 24, 25]
            assert ingested.manifest["label"].tolist() == list("ababab")
            assert ingested.rejected["reason"].tolist() == ["the data are not those of a known image format"]
        for cache_gib in (4.0, 0.0):
            store = ImageStore(ingested.manifest, cache_gib=cache_gib)
            for row, picture in enumerate(pictures):
                np.testing.assert_array_equal(store[row], decode(picture))


NAMES = st.lists(
    st.tuples(
        st.sampled_from(["", "a/", "v1.0/b/"]),
        st.text("xyz_-é", min_size=1, max_size=3),
        st.sampled_from(["jpg", "png", "PNG", "seg.png", "webp"]),
        st.sampled_from(["", "3", "wren"]),
        st.binary(max_size=1500),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda sample: sample[0] + sample[1],
)


@given(NAMES, st.booleans(), st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_samples_are_those_that_were_written(tmp_path: Path, samples, facts_first: bool, form: int) -> None:
    path = tmp_path / "x.tar"
    expected = {}
    with tarfile.open(path, "w", format=form) as archive:
        for folder, base, extension, label, data in samples:
            files = [(f"{folder}{base}.{extension}", data)] + [(f"{folder}{base}.cls", label.encode())] * bool(label)
            for name, content in reversed(files) if facts_first else files:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            expected[folder + base] = (label or None, data)
    images = listed(path)
    assert images["reason"].isna().all()
    found = {key: (none(label), read_bytes(uri)) for key, label, uri in images[["key", "label", "uri"]].to_numpy()}
    assert found == expected
