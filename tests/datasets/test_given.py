"""A list in place of the coreset, and what is said where it is none."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from kedro.io.core import DatasetError, Version

from simcore.datasets.given import CertificateDataset, CoresetDataset
from simcore.datasets.tables import TableDataset
from simcore.errors import ArtefactError, InputError, SimCoreError


@contextmanager
def refused(message: str, kind: type[SimCoreError] = InputError) -> Iterator[None]:
    """Expect one sentence; Kedro wraps what comes out of `load` and `save`, and the session unwraps it."""
    with pytest.raises((kind, DatasetError)) as caught:
        yield
    error = caught.value if isinstance(caught.value, kind) else caught.value.__cause__
    assert isinstance(error, kind) and "\n" not in str(error)
    assert re.search(message, str(error))


@pytest.fixture
def dataset(tmp_path: Path) -> Callable[[str], CoresetDataset]:
    """Return a function from a list's content to the dataset of a coreset that it stands for."""
    manifest = str(tmp_path / "manifest.parquet")
    frame = pd.DataFrame({"key": ["a", "b"], "uri": ["/pool/a.png", "/pool/b.png"], "source": ["pool", "pool"]})
    TableDataset(filepath=manifest, version=Version(None, None)).save(frame)

    def make(text: str, name: str = "picks.txt") -> CoresetDataset:
        (tmp_path / name).write_text(text)
        coreset = str(tmp_path / "coreset.parquet")
        return CoresetDataset(filepath=coreset, given=str(tmp_path / name), manifest=manifest)

    return make


def test_a_list_stands_for_the_coreset(dataset: Callable[..., CoresetDataset]) -> None:
    assert dataset("b\na\n").load()["key"].tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("b\nc\n", "picks.txt", r"1 of the 2 entries of .*picks\.txt are neither a key nor a uri"),
        ("", "picks.txt", "names no image"),
        ("a", "picks.json", r"ends in '\.json'; a list of images is one of"),
        ("name\na\n", "picks.csv", "has the columns `name`; a list of images has `key` or `uri`"),
    ],
)
def test_what_is_wrong_with_a_list(dataset: Callable[..., CoresetDataset], text: str, name: str, message: str) -> None:
    with refused(message):
        dataset(text, name).load()


def test_a_list_that_is_gone(dataset: Callable[..., CoresetDataset], tmp_path: Path) -> None:
    coreset = dataset("a")
    assert coreset.outside_state() is not None
    (tmp_path / "picks.txt").unlink()
    for question in (coreset.load, coreset.outside_state):
        with refused(r"picks\.txt.* is no file"):
            question()
    certificate = CertificateDataset(filepath=str(tmp_path / "certificate.json"), given=str(tmp_path / "picks.txt"))
    with refused("which is no file"):
        certificate.load()


def test_nothing_is_saved_over_a_list(dataset: Callable[..., CoresetDataset]) -> None:
    with refused(r"The coreset is given by .*picks\.txt, so none is selected"):
        dataset("a").save(pd.DataFrame({"key": ["a"]}))


def test_a_list_of_an_open_set_that_was_not_read(tmp_path: Path) -> None:
    (tmp_path / "picks.txt").write_text("a")
    coreset = CoresetDataset(
        filepath=str(tmp_path / "c.parquet"), given=str(tmp_path / "picks.txt"), manifest=str(tmp_path / "m.parquet")
    )
    with refused("no manifest yet; run the stage `ingestion` before"):
        coreset.load()


def test_a_changed_byte_of_the_manifest_is_found(dataset: Callable[..., CoresetDataset], tmp_path: Path) -> None:
    """Also one in a key, which would still be read: as that of another image."""
    coreset = dataset("b\na\n")
    (manifest,) = tmp_path.glob("manifest.parquet/*/manifest.parquet")
    whole = manifest.read_bytes()
    for place in (0, whole.index(b"/pool/a.png"), len(whole) - 6):
        manifest.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with refused(f"{re.escape(str(manifest))} does not hold the bytes that were written; remove", ArtefactError):
            coreset.load()


def test_a_manifest_too_large_for_digests_is_named_where_it_cannot_be_read(
    dataset: Callable[..., CoresetDataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simcore.content.CHECKED_BYTES", 10)
    coreset = dataset("b\na\n")
    (manifest,) = tmp_path.glob("manifest.parquet/*/manifest.parquet")
    manifest.write_bytes(manifest.read_bytes()[:-1] + b"?")
    with refused(f"{re.escape(str(manifest))} cannot be read", ArtefactError):
        coreset.load()
