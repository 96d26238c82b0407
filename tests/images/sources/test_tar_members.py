import gzip
import io
import re
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.images.sources.tar_members import Member, open_tar, read_members


def make(members: list[tuple[str, bytes]], *, form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return the bytes of a tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def read(data: bytes, path: str = "/tars/birds.tar") -> list[Member]:
    return list(read_members(io.BytesIO(data), path=path))


def contents(data: bytes) -> dict[str, bytes]:
    return {member.name: data[member.start : member.start + member.size] for member in read(data)}


MEMBERS = [("a/wren.jpg", b"pixels"), ("a/wren.cls", b"3"), ("b.png", b""), ("c.jpg", b"x" * 3000)]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_where_they_are_said_to_be(form: int) -> None:
    members = [*MEMBERS, (f"{'long/' * 30}{'x' * 90}.jpg" if form else f"{'l' * 90}/{'x' * 90}.jpg", b"far")]
    if form != tarfile.USTAR_FORMAT:
        members += [("d/Zaunkönig 鷦鷯.jpg", b"name")]
    assert contents(make(members, form=form)) == dict(members)


def test_dots_in_front_are_left_out_and_hidden_files_too() -> None:
    visible = [("./a.jpg", b"1"), ("b//./c.jpg", b"2")]
    hidden = [("._a.jpg", b"x"), (".git/a.jpg", b"x"), ("__MACOSX/b.jpg", b"x"), ("b/.DS_Store", b"x")]
    assert contents(make(visible + hidden)) == {"a.jpg": b"1", "b/c.jpg": b"2"}


@pytest.mark.parametrize(
    "name", ["../a.jpg", "a/../../b.jpg", "a/..", "/etc/a.jpg", "..\\a.jpg", "\\a.jpg", "C:\\a.jpg", "C:/a.jpg"]
)
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE])
def test_a_path_that_leads_out_is_refused(name: str, kind: bytes) -> None:
    buffer = io.BytesIO(make([("ok.jpg", b"1")]))
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        info = tarfile.TarInfo(name)
        info.type = kind
        tar.addfile(info)
    with pytest.raises(InputError, match=re.escape(f"Member '{name}' of /tars/birds.tar lies outside")):
        read(buffer.getvalue())


def test_dots_inside_a_name_are_a_name() -> None:
    names = ["a..b.jpg", "a/...jpg", "..c.jpg"]
    assert [member.name for member in read(make([(name, b"") for name in names]))] == ["a..b.jpg"]


def test_links_devices_and_pipes_are_refused_one_by_one() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, kind in (
            ("soft.jpg", tarfile.SYMTYPE),
            ("hard.jpg", tarfile.LNKTYPE),
            ("tty.jpg", tarfile.CHRTYPE),
            ("disk.jpg", tarfile.BLKTYPE),
            ("pipe.jpg", tarfile.FIFOTYPE),
            ("folder", tarfile.DIRTYPE),
            ("file.jpg", tarfile.REGTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd" if "LNK" in repr(kind) or kind in b"12" else ""
            tar.addfile(info)
    reasons = {member.name: member.refused for member in read(buffer.getvalue())}
    link = "it is a link to '/etc/passwd', and links in a tar are not followed"
    assert reasons == {
        "soft.jpg": link,
        "hard.jpg": link,
        "tty.jpg": "it is not a regular file",
        "disk.jpg": "it is not a regular file",
        "pipe.jpg": "it is not a regular file",
        "file.jpg": None,
    }


def test_names_that_are_not_utf_8() -> None:
    data = make([("caf\udce9.jpg", b"x")], form=tarfile.GNU_FORMAT)
    assert [(member.name, member.refused) for member in read(data)] == [
        ("caf\\udce9.jpg", "its path is not valid UTF-8")
    ]


def test_a_sparse_file_is_no_image() -> None:
    data = bytearray(make([("a.jpg", b"x" * 600)], form=tarfile.GNU_FORMAT))
    data[156:157] = tarfile.GNUTYPE_SPARSE
    header = bytes(data[:148]) + b" " * 8 + bytes(data[156:512])
    data[148:156] = f"{sum(header):06o}\0 ".encode()
    assert [member.refused for member in read(bytes(data))][:1] == ["it is not a regular file"]


@pytest.mark.parametrize(
    "magic",
    [gzip.compress(b"x"), b"BZh91AY", b"\xfd7zXZ\x00\x00", b"\x28\xb5\x2f\xfd\x00"],
    ids=["gzip", "bzip2", "xz", "zstandard"],
)
def test_compressed_tars_say_what_to_do(magic: bytes) -> None:
    with pytest.raises(InputError, match=r"birds\.tar is compressed .* decompress it to a plain \.tar, or unpack it"):
        read(magic)


@pytest.mark.parametrize(
    ("data", "message"), [(b"", "is empty"), (b"<html>not found</html>" * 40, "is no tar"), (b"short", "is no tar")]
)
def test_what_is_no_tar(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(data)


def test_a_tar_without_files() -> None:
    assert read(make([])) == []


def test_every_cut_is_noticed() -> None:
    """Whole members come, and then a refusal that says where the tar ends."""
    data = make(MEMBERS)
    whole = read(data)
    assert [member.refused for member in whole] == [None] * 4
    ends = [member.start + -(-member.size // 512) * 512 for member in whole]
    for cut in range(512, ends[-1] + 1, 37):
        found = read(data[:cut])
        n = sum(member.start + member.size <= cut for member in whole)
        assert found[:n] == whole[:n], cut
        (rest,) = found[n:]
        assert "what follows" in str(rest.refused) and "missing" in str(rest.refused), cut
    for cut in ends:
        assert "has no end mark" in str(read(data[:cut])[-1].refused)
    assert read(data) == whole


def test_what_lies_behind_the_end_mark_is_not_lost_without_a_word() -> None:
    first, second = make(MEMBERS), make([("later.jpg", b"x")])
    whole = read(first)
    for tail in (second, bytes(2**20 + 512), bytes(10_240) + second):
        found = read(first + tail)
        assert found[:-1] == whole
        assert "goes on behind its end mark at byte" in str(found[-1].refused)
    assert read(first + bytes(20_480)) == whole


def test_a_damaged_header_in_the_middle() -> None:
    data = bytearray(make(MEMBERS))
    at = data.index(b"b.png")
    data[at : at + 300] = b"\xff" * 300
    found = read(bytes(data))
    assert [(member.name, member.refused is None) for member in found] == [
        ("a/wren.jpg", True),
        ("a/wren.cls", True),
        ("birds.tar", False),
    ]
    assert found[-1].refused == f"the tar is cut off or damaged at byte {at} of {len(data)}; what follows is missing"


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damage_never_ends_in_another_error(data) -> None:
    form = data.draw(st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
    whole = bytearray(make([*MEMBERS, (f"{'long/' * 40}é.jpg", b"far")], form=form))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        for member in read(damaged):
            assert member.refused is not None or 0 <= member.start <= member.start + member.size <= len(damaged)
    except InputError as error:
        assert "\n" not in str(error)


def test_a_size_that_leads_back_does_not_go_round_in_circles() -> None:
    data = bytearray(make(MEMBERS))
    data[124:136] = b"\xff" * 10 + (-1024 & 0xFFFF).to_bytes(2, "big")
    header = bytes(data[:148]) + b" " * 8 + bytes(data[156:512])
    data[148:156] = f"{sum(header):06o}\0 ".encode()
    try:
        found = read(bytes(data))
    except InputError:
        return
    assert found[-1].refused is not None


def test_reading_in_between_does_not_disturb() -> None:
    data = make(MEMBERS)
    file = io.BytesIO(data)
    seen = {}
    for member in read_members(file, path="x.tar"):
        file.seek(member.start)
        seen[member.name] = file.read(member.size)
    assert seen == dict(MEMBERS)


def test_opening_says_what_is_wrong(tmp_path: Path, memory_copy) -> None:
    (tmp_path / "a.tar").write_bytes(make(MEMBERS))
    for top in (str(tmp_path), memory_copy(tmp_path), f"file://{tmp_path}"):
        with open_tar(f"{top}/a.tar") as file:
            assert len(list(read_members(file, path=f"{top}/a.tar"))) == 4
        with pytest.raises(InputError, match=r"gone\.tar does not exist"), open_tar(f"{top}/gone.tar"):
            pass
    with pytest.raises(InputError, match="cannot be read"), open_tar(str(tmp_path)):
        pass
