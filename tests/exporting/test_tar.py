"""WebDataset shards."""

import io
import json
import os
import tarfile
from pathlib import Path

import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.exporting import tar, write_tar
from simcore.images import read_bytes, read_source
from tests.exporting.conftest import files_below


def samples(folder: Path) -> list[tuple[str, dict[str, bytes]]]:
    """Return base name and members by ending, by WebDataset's own rule: up to the first dot of the last part."""
    found: list[tuple[str, dict[str, bytes]]] = []
    for shard in sorted(folder.glob("*.tar")):
        with tarfile.open(shard) as archive:
            for member in archive:
                head, _, last = member.name.rpartition("/")
                stem, _, ending = last.partition(".")
                base = f"{head}/{stem}" if head else stem
                file = archive.extractfile(member)
                assert file is not None
                if not found or found[-1][0] != base or ending in found[-1][1]:
                    found.append((base, {}))
                found[-1][1][ending] = file.read()
    return found


def test_each_image_beside_its_facts_in_the_order_of_selection(
    images: pd.DataFrame, contents: dict[str, bytes], tmp_path: Path
) -> None:
    write_tar(images, tmp_path)
    found = samples(tmp_path)
    assert len({base for base, _ in found}) == len(images)
    facts = [json.loads(members["json"]) for _, members in found]
    assert [fact["key"] for fact in facts] == images["key"].tolist()
    for (_, members), fact, row in zip(found, facts, images.to_dict("records"), strict=True):
        (ending,) = set(members) - {"json"}
        assert members[ending] == contents[fact["key"]]
        assert fact == {name: value for name, value in row.items() if name != "uri" and not pd.isna(value)}


def test_it_is_a_source_again(images: pd.DataFrame, contents: dict[str, bytes], tmp_path: Path) -> None:
    for shard_mib in (1, 512):
        write_tar(images, tmp_path / str(shard_mib), shard_mib=shard_mib)
        manifest = read_source(tmp_path / str(shard_mib), role="openset", max_rejected=0).manifest.set_index("key")
        assert set(manifest.index) == set(contents)
        assert all(read_bytes(uri) == contents[key] for key, uri in manifest["uri"].items())
        assert manifest["label"].to_dict() == images.set_index("key")["label"].to_dict()


def test_places_point_at_the_bytes(images: pd.DataFrame, contents: dict[str, bytes], tmp_path: Path) -> None:
    for key, place in zip(images["key"], write_tar(images, tmp_path, shard_mib=1), strict=True):
        assert read_bytes(str(tmp_path / place)) == contents[key]


def test_the_same_images_give_the_same_bytes(in_files: pd.DataFrame, in_rows: pd.DataFrame, tmp_path: Path) -> None:
    write_tar(in_files, tmp_path / "a", workers=1)
    for uri in in_files["uri"]:
        os.utime(uri)
    write_tar(in_rows, tmp_path / "b", workers=3)
    assert files_below(tmp_path / "a") == files_below(tmp_path / "b")


def test_no_name_leaves_the_folder(in_files: pd.DataFrame, tmp_path: Path) -> None:
    write_tar(in_files, tmp_path / "shards")
    inside = tmp_path / "deep" / "inside"
    inside.mkdir(parents=True)
    with tarfile.open(tmp_path / "shards" / "train-000000.tar") as archive:
        members = archive.getmembers()
        archive.extractall(inside, filter="data")  # refuses what leaves the folder
    assert {entry.name for entry in tmp_path.iterdir()} == {"shards", "deep"}
    assert len(files_below(inside)) == len(members)
    assert all((member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "") for member in members)


def test_shards_are_full_but_not_larger(tmp_path: Path) -> None:
    sizes = [300_000] * 10 + [2_500_000, 100]
    (tmp_path / "pool").mkdir()
    for number, size in enumerate(sizes):
        (tmp_path / "pool" / f"{number}.png").write_bytes(bytes([number]) * size)
    keys = [f"{number}.png" for number in range(len(sizes))]
    table = pd.DataFrame({"key": keys, "uri": [str(tmp_path / "pool" / key) for key in keys]})
    places = write_tar(table, tmp_path / "out", shard_mib=1)
    assert [place.partition("#")[0] for place in places] == [
        f"train-{shard:06d}.tar" for shard in (0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 4, 5)
    ]
    found = {path.name: path.stat().st_size for path in (tmp_path / "out").iterdir()}
    assert all(size <= 2**20 for name, size in found.items() if name != "train-000004.tar")
    assert [json.loads(members["json"])["key"] for _, members in samples(tmp_path / "out")] == keys


def test_an_exact_fit_stays_within_the_limit(tmp_path: Path) -> None:
    """With two empty blocks at its end and whole records, a shard may be 10 KiB larger than its members."""
    for size in range(2**20 - 12_288, 2**20 - 1024, 512):
        (tmp_path / "a.png").write_bytes(b"x" * (size // 2))
        table = pd.DataFrame({"key": ["a.png", "b.png"], "uri": [str(tmp_path / "a.png")] * 2})
        write_tar(table, tmp_path / "out", shard_mib=1)
        for path in (tmp_path / "out").iterdir():
            assert path.stat().st_size <= 2**20
            path.unlink()


def test_the_standard_library_writes_the_same_shard(in_files: pd.DataFrame, tmp_path: Path) -> None:
    """Twin: `TarFile.addfile` with the same members."""
    write_tar(in_files, tmp_path)
    fast = tmp_path / "train-000000.tar"
    with tarfile.open(fast) as archive, tarfile.open(tmp_path / "slow.tar", "w", format=tarfile.PAX_FORMAT) as slow:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            info = tarfile.TarInfo(member.name)
            info.size = member.size
            slow.addfile(info, io.BytesIO(file.read()))
    assert fast.read_bytes() == (tmp_path / "slow.tar").read_bytes()


def test_more_shards_than_names_are_refused(
    in_files: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tar, "_SHARDS", 0)
    with pytest.raises(InputError, match="allow larger shards"):
        write_tar(in_files, tmp_path)
