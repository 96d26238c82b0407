"""Bytes come in the order asked for, wherever they lie."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.exporting import image_suffix, read_in_order, reading, write_tar


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_any_order_and_any_number_of_threads(
    images: pd.DataFrame, contents: dict[str, bytes], tmp_path: Path, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(images))))
    workers = data.draw(st.integers(1, 4))
    picked = images.iloc[order[: data.draw(st.integers(0, len(order)))]]
    found = read_in_order(picked["key"].tolist(), picked["uri"].tolist(), spool=tmp_path, workers=workers)
    assert list(found) == [contents[key] for key in picked["key"]]


def test_what_does_not_fit_waits_on_disk(
    in_rows: pd.DataFrame, contents: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_IN_MEMORY", 1)
    found = read_in_order(in_rows["key"].tolist(), in_rows["uri"].tolist(), spool=tmp_path)
    assert list(found) == [contents[key] for key in in_rows["key"]]
    assert not list(tmp_path.iterdir())


def test_members_of_tars_and_remote_images(images: pd.DataFrame, contents: dict[str, bytes], tmp_path: Path) -> None:
    import fsspec

    places = write_tar(images, tmp_path)
    uris = {key: str(tmp_path / place) for key, place in zip(images["key"], places, strict=True)}
    for number, key in enumerate(images["key"][::3]):
        uris[key] = f"memory://exporting/{number}"
        fsspec.filesystem("memory").pipe(uris[key], contents[key])
    found = read_in_order(list(contents), [uris[key] for key in contents], spool=tmp_path)
    assert list(found) == list(contents.values())


def test_a_lost_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Image 'wren' at .*gone\.png cannot be read \(the file does not exist\)"):
        list(read_in_order(["wren"], [str(tmp_path / "gone.png")], spool=tmp_path))


@pytest.mark.parametrize(
    ("form", "suffix"),
    [("PNG", ".png"), ("JPEG", ".jpg"), ("GIF", ".gif"), ("BMP", ".bmp"), ("TIFF", ".tiff"), ("WEBP", ".webp")],
)
def test_endings_by_content(form: str, suffix: str, tmp_path: Path) -> None:
    from tests.exporting.conftest import picture

    data = picture(1, form=form)
    (tmp_path / "file").write_bytes(data)
    assert image_suffix(data, key="a") == suffix
    assert image_suffix(tmp_path / "file", key="a") == suffix


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(InputError, match="Image 'a' is in no known format"):
        image_suffix(b"text", key="a")
