import hashlib
import importlib
import os
from pathlib import Path

import pytest

from simcore.errors import InputError
from simcore.images import fingerprint, parse_sources, source_fingerprint, sources_fingerprint
from simcore.images.remote_files import open_remote
from simcore.images.sources import READERS


def test_a_small_file_is_its_content(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    file.write_bytes(b"content")
    before = source_fingerprint(file)
    assert before == hashlib.sha256(b"content").hexdigest()
    os.utime(file, ns=(1, 1))
    assert source_fingerprint(file) == before
    file.write_bytes(b"contenT")
    assert source_fingerprint(file) != before


def test_a_large_file_is_its_size_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_WHOLE_FILE_BYTES", 3)
    file = tmp_path / "a.parquet"
    file.write_bytes(b"content")
    os.utime(file, ns=(5, 5))
    before = source_fingerprint(file)
    file.write_bytes(b"CONTENT")
    os.utime(file, ns=(5, 5))
    assert source_fingerprint(file) == before
    os.utime(file, ns=(5, 6))
    assert source_fingerprint(file) != before


def test_a_folder_changes_with_every_file_below_it(plant) -> None:
    root = plant("a/1.png", "b/2.png")
    seen = {source_fingerprint(root)}

    def changed() -> bool:
        seen.add(new := source_fingerprint(root))
        return new in seen and len(seen) == changed.expected

    for number, change in enumerate(
        (
            lambda: (root / "b" / "3.png").write_bytes(b"x"),
            lambda: (root / "b" / "3.png").rename(root / "b" / "4.png"),
            lambda: (root / "b" / "4.png").write_bytes(b"xy"),
            lambda: os.utime(root / "b" / "4.png", ns=(7, 7)),
            lambda: (root / "dead").symlink_to(root / "nothing"),
        ),
        start=2,
    ):
        change()
        changed.expected = number
        assert changed()
    before = source_fingerprint(root)
    (root / ".DS_Store").write_bytes(b"x")
    assert source_fingerprint(root) == before


def test_the_place_of_a_folder_does_not_matter(plant, tmp_path: Path) -> None:
    root = plant("a/1.png")
    before = source_fingerprint(root)
    assert source_fingerprint(root.rename(tmp_path / "moved")) == before


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        source_fingerprint(tmp_path / "gone")


@pytest.mark.parametrize("protocol", ["memory", "file"])
def test_behind_a_url(plant, memory_copy, protocol: str) -> None:
    root = plant("cat/1.png", "cat/2.png")
    url = memory_copy(root) if protocol == "memory" else f"file://{root}"
    store, path = open_remote(url)
    seen = {source_fingerprint(url)}
    assert source_fingerprint(url) in seen
    store.pipe(f"{path}/cat/1.png", b"another")
    seen.add(source_fingerprint(url))
    store.pipe(f"{path}/cat/3.png", b"more")
    seen.add(source_fingerprint(url))
    store.rm(f"{path}/cat/2.png")
    seen.add(source_fingerprint(url))
    assert len(seen) == 4
    before = source_fingerprint(f"{url}/cat/3.png")
    store.pipe(f"{path}/cat/3.png", b"most")
    assert source_fingerprint(f"{url}/cat/3.png") != before
    with pytest.raises(InputError, match="gone does not exist"):
        source_fingerprint(f"{url}/gone")


def test_a_pattern_is_all_its_files(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"s-{number}.tar").write_bytes(bytes([number]))
    pattern = tmp_path / "s-{0..1}.tar"
    before = source_fingerprint(pattern)
    (tmp_path / "s-2.tar").write_bytes(b"x")
    assert source_fingerprint(pattern) == before == source_fingerprint(pattern)
    (tmp_path / "s-1.tar").write_bytes(b"x")
    assert source_fingerprint(pattern) != before
    assert source_fingerprint(f"file://{pattern}") == source_fingerprint(f"file://{pattern}")


def test_a_pattern_of_stars_is_what_matches(tmp_path: Path) -> None:
    (tmp_path / "s-0.tar").write_bytes(b"x")
    before = source_fingerprint(tmp_path / "s-*.tar")
    (tmp_path / "t-0.tar").write_bytes(b"x")
    assert source_fingerprint(tmp_path / "s-*.tar") == before
    (tmp_path / "s-1.tar").write_bytes(b"x")
    assert source_fingerprint(tmp_path / "s-*.tar") != before
    with pytest.raises(InputError, match="No file is called as"):
        source_fingerprint(tmp_path / "u-*.tar")


@pytest.mark.parametrize(
    ("name", "below", "beside", "options"),
    [
        ("birds", ".", "segmentations/001.Black_footed_Albatross/extra.png", {"segmentations": "beside"}),
        ("faces", ".", "celeba/identity_CelebA.txt", {"identities": Path("celeba")}),
        ("imagenet", "ILSVRC/Data/CLS-LOC", "LOC_val_solution.csv", {}),
        ("coco", "train2017", "val2017/extra.jpg", {}),
        ("inaturalist", "train_mini", "val/extra.jpg", {}),
        ("places365", "data_256", "categories_places365.txt", {}),
    ],
)
def test_what_a_reader_takes_from_beside_belongs_to_the_source(
    name: str, below: str, beside: str, options: dict, tmp_path: Path
) -> None:
    make = getattr(importlib.import_module(f"tests.images.sources.miniatures.{name}"), f"make_{name}")
    root = tmp_path / "set"
    above = tmp_path if options else root
    make(root, **{key: tmp_path / value if isinstance(value, Path) else value for key, value in options.items()})
    for typed in (f"{name}:{root / below}", str(root / below)):
        sources = parse_sources(typed, root=tmp_path)
        before = sources_fingerprint(sources)
        (above / "unknown.txt").write_text(typed)
        assert (sources_fingerprint(sources) == before) or below == "."
        before = sources_fingerprint(sources)
        assert sources_fingerprint(sources) == before
        (above / beside).write_bytes((above / beside).read_bytes() + b"\n" if (above / beside).exists() else b"x")
        assert sources_fingerprint(sources) != before


def test_several_sources_are_those_at_those_places(tmp_path: Path) -> None:
    for name in ("a", "b", "coco", "moved"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"x")

    def of(*typed: str) -> str:
        return sources_fingerprint(parse_sources(list(typed), root=tmp_path))

    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    assert of(a) == source_fingerprint(a)
    assert of(a, b) == of(a, b) != of(b, a)
    # A data set that is found elsewhere has other uris.
    before = of("coco")
    (tmp_path / "coco").rename(tmp_path / "old")
    (tmp_path / "moved").rename(tmp_path / READERS["coco"].official.folder)
    assert of(f"coco:{tmp_path / 'old'}") != before
    mixed = of(a, "coco")
    (tmp_path / "a" / "2.png").write_bytes(b"y")
    assert of(a, "coco") != mixed
