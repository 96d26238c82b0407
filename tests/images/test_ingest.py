import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.images import check_manifest, read_source
from simcore.images.sources import READERS, Listing, Reader

DEFAULT = Path(__file__).parents[2] / "data" / "01_raw"


def test_the_default_target_and_openset() -> None:
    target = read_source(DEFAULT / "quadrupeds_target.parquet")
    check_manifest(target.manifest)
    counts = target.manifest.groupby(["split", "label"]).size()
    assert target.labelled
    assert set(counts["train"]) == {20}
    assert set(counts["test"]) == {200}
    assert set(counts["train"].index) == {"bear", "cat", "cow", "dog", "horse", "sheep"}
    openset = read_source(DEFAULT / "quadrupeds_openset.parquet", role="openset", name="pool", verify="header")
    assert len(openset.manifest) == 12_000
    assert openset.manifest["label"].str.startswith("animal/").sum() == 3_000
    assert openset.rejected.empty
    for manifest, name in ((target.manifest, "quadrupeds_target"), (openset.manifest, "pool")):
        assert set(manifest["source"]) == {name}
        assert (manifest[["width", "height"]] == 28).all().all()


def test_a_folder_from_end_to_end(plant) -> None:
    root = plant(*(f"{label}/{number}.png" for label in ("cat", "dog") for number in range(10)))
    manifest = read_source(root, test_fraction=0.3, seed=1).manifest
    assert manifest.groupby(["label", "split"]).size().to_dict() == {
        ("cat", "test"): 3,
        ("cat", "train"): 7,
        ("dog", "test"): 3,
        ("dog", "train"): 7,
    }
    assert manifest["width"].tolist()[:5] == [10, 11, 12, 13, 14]
    assert set(manifest["height"]) == {8}
    pd.testing.assert_frame_equal(manifest, read_source(root, test_fraction=0.3, seed=1, workers=1).manifest)
    other = read_source(root, test_fraction=0.3, seed=2).manifest
    assert (other["split"] != manifest["split"]).any()


def test_the_place_and_the_order_on_disk_do_not_matter(plant, tmp_path: Path) -> None:
    names = [f"{label}/{number}.png" for label in "abc" for number in range(6)]
    first = plant(*names, root="source")
    (tmp_path / "elsewhere").mkdir()
    second = tmp_path / "elsewhere" / "source"
    for name in reversed(names):
        (second / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(first / name, second / name)
    manifests = [read_source(root).manifest.drop(columns="uri") for root in (first, second)]
    pd.testing.assert_frame_equal(*manifests)


def test_unusable_images_are_listed_with_the_reason(plant, noise, encode, tmp_path: Path) -> None:
    root = plant(*(f"{number:02}.png" for number in range(40)))
    (root / "empty.png").touch()
    (root / "text.jpg").write_text("404 not found")
    (root / "cut.jpg").write_bytes(encode(noise(60, 60), form="JPEG")[:-200])
    (root / "dead.png").symlink_to(tmp_path / "nothing")
    (root / "cmyk.jpeg").write_bytes(encode(noise(6, 6, mode="CMYK"), form="JPEG"))
    (root / "png_inside.JPEG").write_bytes(encode(noise(6, 6)))
    found = read_source(root, max_rejected=0.1)
    assert len(found.manifest) == 42
    assert not found.labelled
    assert found.rejected["key"].tolist() == ["cut.jpg", "dead.png", "empty.png", "text.jpg"]
    assert found.rejected["uri"].tolist() == [str(root / key) for key in found.rejected["key"]]
    reasons = found.rejected["reason"]
    for reason, part in zip(reasons, ("truncated", "link to nothing", "0 bytes", "known image format"), strict=True):
        assert part in reason
    header = read_source(root, verify="header").rejected["key"].tolist()
    assert header == ["dead.png", "empty.png", "text.jpg"]


def test_too_many_unusable_images_stop_the_run(plant) -> None:
    root = plant("a.png", "b.png", "c.png", extra=["x.png"])
    assert len(read_source(root, max_rejected=0.25).manifest) == 3
    with pytest.raises(InputError, match=r"1 of the 4 images of .* cannot be used \(x.png: .*`max_rejected` = 0.2 "):
        read_source(root, max_rejected=0.2)


def test_only_unusable_images(plant) -> None:
    with pytest.raises(InputError, match=r"None of the 2 images of .* can be used \(a.png: "):
        read_source(plant(extra=["a.png", "b.png"]), max_rejected=1.0)


def test_a_class_that_loses_its_train_images_stops_the_run(plant) -> None:
    names = [f"{split}/cat/{number}.png" for split in ("train", "test") for number in range(10)]
    root = plant(*names, "test/dog/1.png", extra=["train/dog/1.png"])
    with pytest.raises(InputError, match=r"Test class 'dog' of .* has no train images"):
        read_source(root)
    root = plant("test/1.png", extra=["train/1.png"], root="flat")
    with pytest.raises(InputError, match="None of the train images of"):
        read_source(root, max_rejected=0.5)


def test_packed_rows_without_images_are_rejected(pack, noise, encode) -> None:
    good = [encode(noise(5, 5, seed=seed)) for seed in range(20)]
    path = pack({"key": [f"{row:02}" for row in range(22)], "image": [*good, None, b""]}, row_group_size=7)
    found = read_source(path, workers=2)
    assert found.rejected[["key", "reason"]].to_numpy().tolist() == [
        ["20", "the row holds no image bytes"],
        ["21", "the file is empty (0 bytes)"],
    ]
    assert set(found.manifest["source"]) == {"packed"}


def test_no_broken_target_is_decoded_first(plant, monkeypatch: pytest.MonkeyPatch) -> None:
    root = plant("train/cat/1.png")
    (root / "test").mkdir()
    monkeypatch.setattr("simcore.images.ingest.measure_images", lambda *_, **__: pytest.fail("images were opened"))
    with pytest.raises(InputError, match="test holds no images"):
        read_source(root)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"role": "pool"}, "`role` is 'pool'"),
        ({"labels": "yes"}, "`labels` is 'yes'"),
        ({"layout": "imagenet21k"}, "`layout` is 'imagenet21k'; allowed are 'auto', "),
        ({"layout": "packed"}, "is not a packed Parquet file"),
        ({"verify": "no"}, "`verify` is 'no'"),
        ({"test_fraction": 1.0}, "`test_fraction` is 1.0"),
        ({"max_rejected": 2}, "`max_rejected` is 2"),
        ({"options": {"level": "variant"}}, "Option 'level' does not belong to a folder of images"),
    ],
)
def test_settings_out_of_range(plant, settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        read_source(plant("a.png"), **settings)


def test_paths_that_are_no_source(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_source(tmp_path / "gone")
    (tmp_path / "a.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"a.zip is neither a packed Parquet file nor a folder of images"):
        read_source(tmp_path / "a.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no images; it is empty"):
        read_source(tmp_path / "empty")


def test_a_new_layout_is_one_registry_line(plant, monkeypatch: pytest.MonkeyPatch) -> None:
    root = plant("jpg/image_1.png", "jpg/image_2.png")

    def list_flowers(path: Path, request) -> Listing:
        images = pd.DataFrame(
            {
                "key": ["1", "2"],
                "uri": [str(path / f"jpg/image_{number}.png") for number in (1, 2)],
                "label": ["rose", "rose"],
                "split": ["train", "test"],
            }
        )
        return Listing(images=images, rejected=pd.DataFrame(columns=["key", "uri", "reason"]))

    reader = Reader(
        recognises=lambda path: (path / "jpg").is_dir(),
        list_images=list_flowers,
        takes="the flowers",
        options=("level",),
    )
    monkeypatch.setitem(READERS, "flowers", reader)
    found = read_source(root, layout="flowers", options={"level": 1})
    assert found.manifest[["key", "label", "split"]].to_numpy().tolist() == [
        ["1", "rose", "train"],
        ["2", "rose", "test"],
    ]
