import importlib
import io
import itertools
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from torchvision.io import decode_jpeg as torchvision_decode

from simcore.images.decode import MAX_PIXELS, decode, decode_compact, measure, reduced_size, resize
from simcore.images.encoded import UnreadableError

# The module: as an attribute of its package the name means the function.
DECODE = importlib.import_module("simcore.images.decode")


def open_image(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "WEBP", "PPM", "GIF"])
def test_lossless_colour_comes_back_as_it_was(noise, encode, form: str) -> None:
    image = noise(13, 9).quantize(64).convert("RGB") if form == "GIF" else noise(13, 9)
    options = {"lossless": True} if form == "WEBP" else {}
    np.testing.assert_array_equal(decode(encode(image, form=form, **options)), np.asarray(image))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF"])
def test_grey_is_repeated_and_compact_is_its_single_channel(noise, encode, form: str) -> None:
    data = encode(noise(13, 9, mode="L"), form=form)
    image, compact = decode(data), decode_compact(data)
    assert image.shape == (9, 13, 3)
    assert compact.shape == (9, 13)
    np.testing.assert_array_equal(image, np.stack([compact] * 3, axis=-1))
    np.testing.assert_array_equal(compact, np.asarray(open_image(data).convert("L")))


def test_grey_stored_as_colour_is_compact_too(noise, encode) -> None:
    grey = noise(40, 40, mode="L")
    assert decode_compact(encode(grey.convert("RGB"))).ndim == 2
    almost = np.asarray(grey.convert("RGB")).copy()
    almost[7, 5, 2] ^= 1
    assert decode_compact(encode(Image.fromarray(almost))).ndim == 3
    almost[7, 5] = almost[7, 5, 0]
    almost[9, 3, 1] ^= 1
    assert decode_compact(encode(Image.fromarray(almost))).ndim == 3


def test_one_bit_palette_and_cmyk(noise, encode) -> None:
    colour = noise(12, 10)
    bits = colour.convert("1")
    np.testing.assert_array_equal(decode(encode(bits))[..., 0], np.asarray(bits).astype(np.uint8) * 255)
    palette = colour.quantize(16)
    np.testing.assert_array_equal(decode(encode(palette)), np.asarray(palette.convert("RGB")))
    ink = encode(noise(12, 10, mode="CMYK"), form="JPEG")
    np.testing.assert_array_equal(decode(ink), np.asarray(open_image(ink).convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_over_white(noise, encode, mode: str) -> None:
    image = noise(12, 10, mode=mode)
    values = np.asarray(image).astype(float)
    alpha = values[..., -1:] / 255
    expected = values[..., :-1] * alpha + 255 * (1 - alpha)
    np.testing.assert_allclose(decode(encode(image)), np.broadcast_to(expected, (10, 12, 3)), atol=1.01)


def test_transparent_palette_entry_and_transparent_colour_become_white(encode) -> None:
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([10, 20, 30, 200, 0, 0])
    assert (decode(encode(palette, transparency=1)) == 255).all()
    assert (decode(encode(palette, transparency=0)) == [200, 0, 0]).all()
    assert (decode(encode(Image.new("RGB", (4, 4), (1, 2, 3)), transparency=(1, 2, 3))) == 255).all()
    assert (decode(encode(Image.new("L", (4, 4), 9), transparency=9)) == 255).all()


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bit_grey_keeps_its_high_byte(encode, form: str) -> None:
    values = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    np.testing.assert_array_equal(decode_compact(encode(Image.fromarray(values), form=form)), values >> 8)


def test_floats_and_wide_integers_have_no_agreed_white(encode) -> None:
    for values in (
        np.full((4, 4), 0.5, np.float32),
        np.full((4, 4), 70_000, np.int32),
        np.full((4, 4), -1, np.int32),
    ):
        with pytest.raises(UnreadableError, match="without an agreed white"):
            decode(encode(Image.fromarray(values), form="TIFF"))
    fits = Image.fromarray(np.full((4, 4), 0x1234, np.int32))
    assert (decode(encode(fits, form="TIFF")) == 0x12).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_applied(noise, encode, orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(noise(24, 16), form=form, exif=exif)
    stored = np.asarray(open_image(data).convert("RGB"))
    turns = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(stored, 1),
    }
    np.testing.assert_array_equal(decode(data), turns[orientation])
    assert measure(data) == decode(data).shape[1::-1]
    assert decode(data, side=8).shape[:2] == ((8, 12) if orientation < 5 else (12, 8))


def test_first_frame_of_an_animation_counts(noise, encode) -> None:
    frames = [noise(10, 10, mode="L", seed=seed) for seed in range(3)]
    data = encode(frames[0], form="GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode_compact(data), np.asarray(frames[0]))


@given(
    width=st.integers(1, 60),
    height=st.integers(1, 60),
    side=st.integers(1, 70),
    form=st.sampled_from(["PNG", "JPEG"]),
)
@settings(max_examples=60, deadline=None)
def test_side_is_met_exactly(noise, encode, *, width: int, height: int, side: int, form: str) -> None:
    data = encode(noise(width, height), form=form)
    reduced = decode(data, side=side).shape[1::-1]
    assert reduced == reduced_size(width, height, side=side)
    if min(width, height) > side:
        assert min(reduced) == side
        assert max(reduced) == int(side * max(width, height) / min(width, height))
    else:
        assert reduced == (width, height)
        np.testing.assert_array_equal(decode(data, side=side), decode(data))


def test_fast_reduction_of_jpegs_stays_close_to_the_slow_one(noise, encode) -> None:
    for mode, side in (("RGB", 64), ("L", 150)):
        image = noise(801, 603) if mode == "RGB" else noise(801, 603, mode="L")
        data = encode(image, form="JPEG", quality=95)
        slow = open_image(data).resize(reduced_size(801, 603, side=side), Image.Resampling.BILINEAR)
        fast = decode_compact(data, side=side)
        difference = np.abs(fast.astype(int) - np.asarray(slow).astype(int))
        assert 0 < difference.mean() < 1, mode
        assert difference.max() < 8


JPEGS = (
    {"quality": 90},
    {"quality": 50, "progressive": True},
    {"quality": 95, "subsampling": 0},
    {"quality": 80, "subsampling": 1},
    {"quality": 75, "restart_marker_blocks": 4},
    {"quality": 90, "keep_rgb": True},
)


@pytest.fixture
def pillow_only(monkeypatch: pytest.MonkeyPatch):
    """Return a function that decodes as `decode_compact` does where torchvision reads nothing."""

    def decode_slowly(data: bytes, **settings_) -> np.ndarray:
        with monkeypatch.context() as patch:
            patch.setattr(DECODE, "_decode_colour_jpeg", lambda *_, **__: None)
            return decode_compact(data, **settings_)

    return decode_slowly


@pytest.mark.parametrize("options", JPEGS, ids=str)
def test_torchvision_reads_jpegs_as_pillow_does(noise, encode, pillow_only, options: dict) -> None:
    """Both carry libjpeg-turbo; versions of it may differ by a level."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(noise(97, 61), form="JPEG", exif=exif, **options)
    ours, theirs = decode_compact(data).astype(int), pillow_only(data).astype(int)
    assert ours.shape == theirs.shape == (97, 61, 3)
    assert np.abs(ours - theirs).max() <= 1
    assert np.abs(decode_compact(data, side=30).astype(int) - pillow_only(data, side=30)).max() <= 1


def test_which_decoder_reads_what(noise, encode, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    monkeypatch.setattr(DECODE, "decode_jpeg", lambda data, **_: read.append(len(data)) or torchvision_decode(data))
    colour = encode(noise(240, 160), form="JPEG")
    for data, side, times in (
        (colour, None, 1),
        (colour, 21, 1),
        (colour, 20, 0),
        (encode(noise(240, 160, mode="L"), form="JPEG"), None, 0),
        (encode(noise(240, 160, mode="CMYK"), form="JPEG"), None, 0),
        (encode(noise(240, 160)), None, 0),
    ):
        read.clear()
        decode(data, side=side)
        assert len(read) == times


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_jpegs_are_taken_or_refused_as_by_pillow(noise, encode, data) -> None:
    whole = bytearray(encode(noise(40, 31), form="JPEG", **data.draw(st.sampled_from(JPEGS))))
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(len(whole) // 2, len(whole)))])

    def attempt() -> np.ndarray | str:
        try:
            return decode_compact(damaged)
        except UnreadableError as error:
            return str(error)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = attempt()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DECODE, "_decode_colour_jpeg", lambda *_, **__: None)
            theirs = attempt()
    if isinstance(ours, str) or isinstance(theirs, str):
        assert ours is theirs or ours == theirs
    else:
        assert ours.shape == theirs.shape
        assert np.abs(ours.astype(int) - theirs).max() <= 1


@given(
    width=st.integers(1, 60),
    height=st.integers(1, 60),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    grey=st.booleans(),
)
@settings(deadline=None)
def test_resize_is_pillows(noise, *, width: int, height: int, size: tuple[int, int], grey: bool) -> None:
    image = noise(width, height, mode="L" if grey else "RGB")
    read_only = np.asarray(image)
    ours = resize(read_only, size)
    np.testing.assert_allclose(ours, np.asarray(image.resize(size, Image.Resampling.BILINEAR)), atol=0 if grey else 2)
    assert (np.abs(ours.astype(int) - np.asarray(image.resize(size, Image.Resampling.BILINEAR))) > 1).sum() <= 3
    assert ours.flags.c_contiguous


def test_the_smallest_images_are_resized_too(noise) -> None:
    for width, height, new_width, new_height in itertools.product((1, 2, 3, 40), (1, 2, 3, 40), (1, 2, 5), (1, 2, 33)):
        image, size = noise(width, height), (new_width, new_height)
        expected = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
        np.testing.assert_allclose(resize(np.asarray(image), size), expected, atol=2)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_truncated_files_are_refused(noise, encode, form: str) -> None:
    data = encode(noise(40, 30), form=form)
    decode(data)
    with pytest.raises(UnreadableError):
        decode(data[: len(data) // 2])


def test_postscript_is_not_run(encode, noise) -> None:
    data = encode(noise(20, 20), form="EPS")
    with pytest.raises(UnreadableError, match="known image format"):
        decode(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", r"empty \(0 bytes\)"), (b"<html>not found</html>", "known image format"), (b"\xff\xd8\xff", ".")],
)
def test_what_is_no_image_is_refused(data: bytes, reason: str) -> None:
    for function in (decode, measure):
        with pytest.raises(UnreadableError, match=reason):
            function(data)


def test_a_bomb_is_refused_by_its_header() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    for side in (9_500, 60_000):
        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
        assert side * side > MAX_PIXELS
        for function in (decode, measure):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                with pytest.raises(UnreadableError, match="pixels"):
                    function(data)


def test_header_and_pixels_agree_on_the_size(noise, encode, tmp_path) -> None:
    for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        data = encode(noise(23, 17), form=form)
        (tmp_path / "image").write_bytes(data)
        assert measure(data) == measure(tmp_path / "image") == decode(data).shape[1::-1] == (23, 17)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_broken_orientation_does_not_cost_the_image(noise, encode) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(noise(24, 16), form="JPEG", exif=exif)
    where = data.index(b"Exif\0\0") + 6
    for damage in (b"XXXXXXXX", b"MM\0*\xff\xff\xff\xff"):
        damaged = data[:where] + damage + data[where + 8 :]
        assert decode(damaged).shape[:2] in ((16, 24), (24, 16))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damage_never_ends_in_another_error(noise, encode, data) -> None:
    form = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"]))
    whole = bytearray(encode(noise(20, 15), form=form))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for function in (decode, measure):
            try:
                function(damaged)
            except UnreadableError as error:
                assert str(error)
                assert "\n" not in str(error)


def test_exif_twin(noise, encode) -> None:
    exif = Image.Exif()
    exif[0x0112] = 7
    data = encode(noise(24, 16), form="JPEG", exif=exif)
    np.testing.assert_array_equal(decode(data), np.asarray(ImageOps.exif_transpose(open_image(data))))
