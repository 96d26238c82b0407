"""Pictures that are something else as well, say that they are larger than they are, or unfold without end."""

import io
import struct
import zipfile
import zlib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simcore.errors import InputError
from simcore.images import read_source
from simcore.images.decode import MAX_PIXELS, decode, decode_compact, measure
from simcore.images.encoded import UnreadableError
from tests.fuzz.originals import giant, picture
from tests.fuzz.victim import Victim

# The package exports the function under the module's name.
decoding = import_module("simcore.images.decode")


@pytest.mark.parametrize("form", ["PNG", "BMP", "GIF", "JPEG"])
def test_a_header_of_a_giant_is_refused_before_its_pixels(form: str, tmp_path: Path, victim: Victim) -> None:
    data = giant(form)
    for look in (measure, decode):
        with pytest.raises(UnreadableError):
            look(data)
    (tmp_path / "giant").write_bytes(data)
    assert victim.read("read_image", tmp_path / "giant")["outcome"] == "read"


def _bomb(width: int, height: int) -> bytes:
    """Return a grey PNG of zeros: a thousandth of its pixels in bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes((width + 1) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_a_bomb_is_refused_by_its_header_and_one_that_lies_holds_no_more_than_it_says() -> None:
    bomb = _bomb(9_500, 9_500)
    assert len(bomb) < MAX_PIXELS / 500
    with pytest.raises(UnreadableError, match="more than the 89,478,485 pixels allowed"):
        decode(bomb)
    # A header of 10 x 10 before the pixels of 9,500 x 9,500: decoded up to its hundred pixels.
    lying = bytearray(_bomb(9_500, 9_500))
    lying[16:24] = struct.pack(">II", 10, 10)
    lying[29:33] = struct.pack(">I", zlib.crc32(bytes(lying[12:29])))
    assert decode(bytes(lying)).shape == (10, 10, 3)


def test_a_text_beside_the_pixels_that_unfolds_is_not_unfolded(victim: Victim, tmp_path: Path) -> None:
    """A PNG may hold compressed texts and profiles, of a hundred MiB here."""
    whole = picture("PNG")
    body = b"Comment\0\0" + zlib.compress(bytes(100 * 2**20), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    (tmp_path / "text.png").write_bytes(whole[:33] + chunk + whole[33:])
    answer = victim.read("read_image", tmp_path / "text.png")
    assert answer["outcome"] == "read", answer


@pytest.mark.parametrize("rows", [1, 5, 100])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_transparency_by_strips_is_transparency_at_once(mode: str, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 256, size=(37, 23, 4), dtype=np.uint8)
    image = Image.fromarray(values).convert(mode)
    transparent = {"P": 3, "RGB": tuple(map(int, values[0, 0, :3]))}.get(mode)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **({} if transparent is None else {"transparency": transparent}))
    again = Image.open(io.BytesIO(buffer.getvalue()))
    assert again.has_transparency_data
    colour = again.convert("RGBA")
    white = Image.new("RGBA", colour.size, (255, 255, 255, 255))
    at_once = np.array(Image.alpha_composite(white, colour).convert("RGB"))
    monkeypatch.setattr(decoding, "_STRIP_PIXELS", 23 * rows)
    assert np.array_equal(decode(buffer.getvalue()), at_once)


def _zip_behind(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("evil.py", "raise SystemExit")
    return data + buffer.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF"])
@pytest.mark.parametrize(
    "behind", [_zip_behind, lambda data: data + b"<script>alert(1)</script>", lambda data: data + b"PAR1" * 9]
)
def test_what_stands_behind_a_picture_is_not_looked_at(form: str, behind: object) -> None:
    whole = picture(form)
    assert callable(behind)
    assert np.array_equal(decode(behind(whole)), decode(whole))


OTHERS = {
    "page.svg.png": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "programme.eps.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
    "document.pdf.png": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n",
    "list.m3u8.png": b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\nfile:///etc/passwd\n",
    "script.msl.png": b'<?xml version="1.0"?><image><read filename="/etc/passwd"/></image>',
    "archive.png": _zip_behind(b""),
    "pickle.png": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
}


def test_formats_that_act_are_no_pictures(tmp_path: Path) -> None:
    """Pillow hands some formats to programs outside; none of them is tried, whatever the name says."""
    for name, data in OTHERS.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UnreadableError):
            decode_compact(data)
    (tmp_path / "whole.png").write_bytes(picture("PNG"))
    found = read_source(tmp_path, role="openset", max_rejected=1.0, workers=1)
    assert found.manifest["key"].tolist() == ["whole.png"]
    assert set(found.rejected["key"]) == set(OTHERS)
    with pytest.raises(InputError, match="7 of the 8 images"):
        read_source(tmp_path, role="openset", workers=1)
