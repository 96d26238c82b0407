"""Images made on the spot: nothing binary is committed."""

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image


def noise(width: int, height: int, *, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Return an image of random pixels; low frequencies, so that JPEG keeps most of it."""
    channels = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4, "LA": 2}[mode]
    small = np.random.default_rng(seed).integers(0, 256, (3, 4, channels), dtype=np.uint8)
    bands = [Image.fromarray(small[..., c]).resize((width, height), Image.Resampling.BICUBIC) for c in range(channels)]
    return bands[0] if channels == 1 else Image.merge(mode, bands)


def encode(image: Image.Image, *, form: str = "PNG", **options: object) -> bytes:
    """Return the bytes of `image` as a file."""
    buffer = io.BytesIO()
    image.save(buffer, format=form, **options)
    return buffer.getvalue()


@pytest.fixture(scope="session", name="noise")
def fixture_noise() -> Callable[..., Image.Image]:
    """Return the function that makes an image of random pixels."""
    return noise


@pytest.fixture(scope="session", name="encode")
def fixture_encode() -> Callable[..., bytes]:
    """Return the function that turns an image into the bytes of a file."""
    return encode


@pytest.fixture
def plant(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes small, distinct PNGs under the given relative paths of a new folder."""

    def write(*relatives: str, root: str = "source", extra: Iterable[str] = ()) -> Path:
        top = tmp_path / root
        top.mkdir(exist_ok=True)
        for number, relative in enumerate(relatives):
            path = top / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(noise(10 + number % 5, 8, mode="L", seed=number)))
        for relative in extra:
            path = top / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"not an image")
        return top

    return write


@pytest.fixture
def pack(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the given columns as a packed file; images default to distinct PNGs."""

    def write(columns: dict[str, list], *, name: str = "packed.parquet", row_group_size: int | None = None) -> Path:
        rows = len(next(iter(columns.values())))
        columns = dict(columns)
        columns.setdefault("image", [encode(noise(12, 9, seed=row)) for row in range(rows)])
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path, row_group_size=row_group_size)
        return path

    return write


@pytest.fixture
def memory_copy() -> Iterator[Callable[..., str]]:
    """Return a function that copies a folder into fsspec's memory and gives its URL; it is emptied afterwards."""
    store = fsspec.filesystem("memory")

    def copy(root: Path, *, folders: Iterable[str] = ()) -> str:
        top = f"/copies/{root.name}"
        store.makedirs(top, exist_ok=True)
        for path in sorted(root.rglob("*")):
            if path.is_file():
                store.pipe(f"{top}/{path.relative_to(root).as_posix()}", path.read_bytes())
        for name in folders:
            store.makedirs(f"{top}/{name}", exist_ok=True)
        return f"memory:/{top}"

    yield copy
    if store.exists("/copies"):
        store.rm("/copies", recursive=True)
