"""No name leads out of the folder it belongs to: keys, members, links, encoders, data sets, arms, exports."""

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from simcore.backbones import create_backbone, load_encoder
from simcore.errors import InputError, SimCoreError
from simcore.exporting.folder import write_folder
from simcore.exporting.tar import write_tar
from simcore.images import read_source
from simcore.images.sources.spec import parse_sources
from tests.fuzz.hostile import NAMES
from tests.fuzz.originals import picture

OUTWARD = [
    "../../etc/passwd.png",
    "/etc/passwd.png",
    "a/../../../b.png",
    "..\\..\\b.png",
    "C:\\b.png",
    "//server/share/b.png",
    "~/b.png",
    "./../b.png",
    ".ssh/authorized_keys",
    "a/./b.png",
    "...",
    "a//b.png",
    "a\0.png",
]


@pytest.mark.parametrize("write", [write_folder, write_tar])
def test_an_export_stays_in_its_folder_whatever_the_keys(
    write: Callable[[pd.DataFrame, Path], list[str]], tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(picture("PNG"))
    keys = [key for key in dict.fromkeys([*OUTWARD, *NAMES]) if key != "\ud800"]
    images = pd.DataFrame({"key": keys, "uri": str(tmp_path / "a.png")})
    before = set(tmp_path.iterdir())
    inner = tmp_path / "deep" / "er" / "export"
    places = write(images, inner)
    assert len(set(places)) == len(keys)
    assert set(tmp_path.iterdir()) - before == {tmp_path / "deep"} and set((tmp_path / "deep").iterdir()) == {
        tmp_path / "deep" / "er"
    }
    assert list((tmp_path / "deep" / "er").iterdir()) == [inner]
    for place in places:
        path = (inner / place.partition("#")[0]).resolve()
        assert path.is_relative_to(inner.resolve()) and path.is_file()
    for path in inner.rglob("*.tar"):
        with tarfile.open(path) as tar:
            for name in tar.getnames():
                assert not name.startswith("/") and ".." not in name.split("/") and "\\" not in name, name


@pytest.mark.parametrize("name", ["../out.png", "/etc/out.png", "a/../../out.png", "..\\out.png"])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_tar_with_a_member_outside_is_refused_whole(name: str, kind: bytes, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "birds.tar", "w") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        info.size = len(picture("PNG")) if kind == tarfile.REGTYPE else 0
        tar.addfile(info, io.BytesIO(picture("PNG")))
    with pytest.raises(InputError, match="lies outside the tar's own folder"):
        read_source(tmp_path / "birds.tar", role="openset")
    assert [entry.name for entry in tmp_path.iterdir()] == ["birds.tar"]


def test_a_link_in_a_tar_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture("PNG"))
    with tarfile.open(tmp_path / "birds.tar", "w") as tar:
        for name, kind in (("a.png", tarfile.SYMTYPE), ("b.png", tarfile.LNKTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, str(secret)
            tar.addfile(info)
    with pytest.raises(InputError, match="links in a tar are not followed"):
        read_source(tmp_path / "birds.tar", role="openset", max_rejected=1.0)


@pytest.mark.parametrize("uri", ["../secret.png", "a/../../secret.png"])
def test_a_list_reaches_no_file_above_it(uri: str, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(picture("PNG"))
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool" / "list.csv").write_text(f"uri\n{uri}\n")
    with pytest.raises(InputError, match="leads out of the list's own folder"):
        read_source(tmp_path / "pool" / "list.csv", role="openset")


def test_a_link_to_something_that_is_no_picture_is_rejected_and_not_quoted(tmp_path: Path) -> None:
    """Links of a folder are followed, since data are often linked into place: what they lead to must be a picture."""
    (tmp_path / "secret").write_text("top secret words")
    pool = tmp_path / "pool"
    pool.mkdir()
    (pool / "whole.png").write_bytes(picture("PNG"))
    for name, target in (("file", tmp_path / "secret"), ("device", Path("/dev/zero")), ("gone", tmp_path / "gone")):
        (pool / f"{name}.png").symlink_to(target)
    (pool / "self.png").symlink_to(pool / "self.png")
    (pool / "up").symlink_to(tmp_path)
    found = read_source(pool, role="openset", max_rejected=1.0)
    assert found.manifest["key"].tolist() == ["whole.png"] or set(found.manifest["key"]) == {"whole.png"}
    rejected = dict(zip(found.rejected["key"], found.rejected["reason"], strict=True))
    assert {"file.png", "device.png", "gone.png", "self.png"} <= set(rejected)
    assert not any("top secret" in reason for reason in rejected.values())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "whole.png").write_bytes(picture("PNG"))
    os.mkfifo(tmp_path / "pipe.png")
    found = read_source(tmp_path, role="openset", max_rejected=1.0)
    assert found.rejected["key"].tolist() == ["pipe.png"]


@pytest.mark.parametrize(
    "name",
    ["../../x", "/etc/passwd", "timm:../../x", "timm:hf_hub:a/b", "timm:local-dir:/etc", "hf_hub:a/b", "__init__"],
)
def test_names_of_encoders_reach_no_file_and_no_network(name: str) -> None:
    for make in (create_backbone, lambda given: load_encoder(f"random:{given}")):
        with pytest.raises(InputError, match=r"Unknown encoder"):
            make(name)


@pytest.mark.parametrize("name", ["../../etc", "coco/../../etc", "..", "coco:", "COCO/..", "a\nb"])
def test_names_of_data_sets_do_not_leave_their_root(name: str, tmp_path: Path) -> None:
    """What is no name of a data set is a path as it was typed, never one below the root of the data sets."""
    try:
        (spec,) = parse_sources(name, root=tmp_path / "datasets")
    except SimCoreError:
        return
    assert spec.path is not None and not str(spec.path).startswith(str(tmp_path))
