import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.images import MANIFEST_COLUMNS, build_manifest, check_manifest


def record(key: str, **changes: object) -> dict[str, object]:
    return {
        "key": key,
        "uri": f"/data/{key}",
        "label": None,
        "split": "train",
        "width": 28,
        "height": 20,
        "source": "birds",
        **changes,
    }


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), unique=True), st.randoms())
@settings(deadline=None)
def test_the_order_of_the_records_does_not_matter(keys: list[str], random: object) -> None:
    records = [record(key) for key in keys]
    shuffled = records.copy()
    random.shuffle(shuffled)
    manifest = build_manifest(shuffled)
    pd.testing.assert_frame_equal(manifest, build_manifest(records))
    assert manifest["key"].tolist() == sorted(keys)


def test_columns_and_types() -> None:
    manifest = build_manifest([record("b", label=7), record("a", width=np.int64(3))])
    assert tuple(manifest.columns) == MANIFEST_COLUMNS
    assert manifest["label"].isna().tolist() == [True, False]
    assert manifest["label"][1] == "7"
    assert manifest["width"].dtype == manifest["height"].dtype == np.int32
    assert {str(manifest[name].dtype) for name in ("key", "uri", "label", "split", "source")} == {"str"}
    assert manifest["width"].tolist() == [3, 28]


def test_no_records_give_an_empty_manifest() -> None:
    manifest = build_manifest([])
    assert len(manifest) == 0
    check_manifest(manifest)


def test_further_columns_stay() -> None:
    assert build_manifest([record("a", mask_uri="/m/a.png")])["mask_uri"].tolist() == ["/m/a.png"]


def test_a_manifest_survives_parquet(tmp_path) -> None:
    manifest = build_manifest([record("b", label="cat"), record("a", label=None)])
    manifest.to_parquet(tmp_path / "m.parquet")
    back = pd.read_parquet(tmp_path / "m.parquet")
    check_manifest(back)
    pd.testing.assert_frame_equal(back, manifest)
    build_manifest([record("a")]).to_parquet(tmp_path / "unlabelled.parquet")
    check_manifest(pd.read_parquet(tmp_path / "unlabelled.parquet"))


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([record("a"), record("a")], "Key 'a' occurs 2 times"),
        ([record("a", split="val")], "split of image 'a' is 'val'"),
        ([record("a", split=None)], "`split` is empty at image 'a'"),
        ([record("a"), record("")], "`key` is empty at row 0"),
        ([record("a", uri=None)], "`uri` is empty at image 'a'"),
        ([record("a", width=0)], "width of image 'a' is 0"),
        ([record("a", height=2.5)], "height of image 'a' is 2.5"),
        ([record("a", height="tall")], "height of image 'a' is 'tall'"),
        ([record("a", width=2**31)], "width of image 'a' is 2147483648"),
        ([{"key": "a", "uri": "b"}], "lacks `split`, `width`, `height`, `source`"),
    ],
)
def test_broken_records_are_named(records: list[dict[str, object]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_manifest(records)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.iloc[::-1], "not sorted: key 'a' comes after 'b'"),
        (lambda frame: frame.astype({"width": np.int64}), "`width` has the type int64"),
        (lambda frame: frame.assign(label=[1, 2]), "`label` has the type int64"),
        (lambda frame: frame.drop(columns="uri"), "lacks `uri`"),
        (lambda frame: frame.assign(split=["train", "Test"]), "split of image 'b' is 'Test'"),
    ],
)
def test_a_frame_from_elsewhere_is_checked(change, message: str) -> None:
    manifest = build_manifest([record("a"), record("b")])
    check_manifest(manifest)
    with pytest.raises(InputError, match=message):
        check_manifest(change(manifest))
