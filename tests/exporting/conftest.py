"""Pools of images in every place they can lie, with keys as awkward as they come."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

KEYS = (
    "cat/0.png",
    "cat/0.jpg",
    "Cat/0.png",
    "dog/a.b.png",
    "digits/7",
    "001.Albatross/Bird.JPG",
    "../../etc/passwd",
    "/data/abs.png",
    "web:a?b*c.png",
    "http://pool.example/x y.png",
    "sub/.hidden.png",
    "wren.png/feather.png",
    "ü/ß.png",
    "x" * 300 + ".png",
)


def picture(number: int, *, form: str) -> bytes:
    """Return the bytes of an image of its own."""
    pixels = np.random.default_rng(number).integers(0, 256, (6 + number % 3, 7, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=form)
    return buffer.getvalue()


def table(keys: list[str], uris: list[str]) -> pd.DataFrame:
    """Return the images as an export gets them, picked from the last to the first."""
    n = len(keys)
    return (
        pd.DataFrame(
            {
                "key": keys,
                "uri": uris,
                "label": [key.partition("/")[0] or "root" for key in keys],
                "split": "train",
                "round": pd.array([None, *range(1, n)], dtype="Int64"),
                "centroid": pd.array([None, *range(n - 1)], dtype="Int64"),
                "similarity": pd.array([None, *np.linspace(0.9, 0.5, n - 1)], dtype="Float64"),
                "source": "pool",
            }
        )
        .iloc[::-1]
        .reset_index(drop=True)
    )


@pytest.fixture(scope="session")
def contents() -> dict[str, bytes]:
    """The bytes of every image by key."""
    return {
        key: picture(number, form="JPEG" if key.lower().endswith(".jpg") or number % 2 else "PNG")
        for number, key in enumerate(KEYS)
    }


@pytest.fixture(scope="session")
def in_files(tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes]) -> pd.DataFrame:
    """The images as files whose names have nothing to do with their keys."""
    root = tmp_path_factory.mktemp("files")
    uris = []
    for number, data in enumerate(contents.values()):
        (root / f"file-{number:02d}").write_bytes(data)
        uris.append(str(root / f"file-{number:02d}"))
    return table(list(contents), uris)


@pytest.fixture(scope="session")
def in_rows(tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes]) -> pd.DataFrame:
    """The images as rows of a packed file, two to a row group."""
    path = tmp_path_factory.mktemp("packed") / "pool.parquet"
    pq.write_table(pa.table({"key": list(contents), "image": list(contents.values())}), path, row_group_size=2)
    return table(list(contents), [f"{path}#row={row}" for row in range(len(contents))])


@pytest.fixture(params=["files", "rows", "both"])
def images(request: pytest.FixtureRequest, in_files: pd.DataFrame, in_rows: pd.DataFrame) -> pd.DataFrame:
    """The images wherever they can lie."""
    if request.param == "both":
        every_second = np.arange(len(in_files)) % 2 == 0
        return in_files.assign(uri=in_files["uri"].where(every_second, in_rows["uri"]))
    return in_files if request.param == "files" else in_rows


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below `folder` by its relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
