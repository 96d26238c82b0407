import logging
import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.images import (
    Settings,
    assemble,
    check_manifest,
    ingest,
    ingest_files,
    listing_store,
    read_source,
    reading_order,
    runs,
    verify,
)
from simcore.images.sources import READERS, Official, Option, Reader, Request, listing_frame, option_of
from simcore.images.splits import stratified_split
from simcore.published.counts import CountFinding

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
    monkeypatch.setattr("simcore.images.verify.measure_images", lambda *_, **__: pytest.fail("images were opened"))
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
    with pytest.raises(
        InputError, match=r"a.zip is neither a packed Parquet file, a list .* nor a folder of images, and no data set"
    ):
        read_source(tmp_path / "a.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no images; it is empty"):
        read_source(tmp_path / "empty")


def test_a_name_is_for_a_single_source() -> None:
    paths = [str(DEFAULT / f"quadrupeds_{pool}.parquet") for pool in ("target", "openset")]
    with pytest.raises(InputError, match="`name` is 'x', but there are 2 sources"):
        read_source(paths, name="x")


LEVEL = Option("level", ("species", "colour"), "species", "what the label is")


def list_flowers(path: Path, request: Request) -> Iterator[pd.DataFrame]:
    level = option_of((LEVEL,), request, "level")
    for split in ("test", "train"):
        keys = [f"{split}/{number}" for number in range(4)]
        uris = [str(path / f"{key}.png") for key in keys]
        species = ["rose", "lily", "rose", "lily"]
        colours = ["red", "white", "white", "red"]
        yield listing_frame(
            keys,
            uris,
            labels=species if level == "species" else colours,
            splits=split,
            reasons=[None, None, None, "left out as in the published split"],
            colour=colours,
            boxes=[[[0, 0, 3, 4.5]], None, [], [[1, 1, 2, 2], [0, 0, 1, 1]]],
        )


FLOWERS = Reader(
    takes="the flowers",
    recognises=lambda path: (path / "train").is_dir(),
    list_images=list_flowers,
    options=(LEVEL,),
    columns=("boxes", "colour"),
    official=Official(title="The flowers", folder="flowers-1.0", download="flowers.tar from their page"),
)


@pytest.fixture
def flowers(plant, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of the made-up data set `blooms`, which is in the registry."""
    monkeypatch.setitem(READERS, "blooms", FLOWERS)
    return plant(*(f"{split}/{number}.png" for split in ("train", "test") for number in range(4)), root="blooms")


def test_a_new_layout_is_one_registry_line(flowers: Path) -> None:
    found = read_source(f"blooms:{flowers}", max_rejected=0.3)
    assert found.manifest[["key", "label", "split", "colour"]].to_numpy().tolist() == [
        ["test/0", "rose", "test", "red"],
        ["test/1", "lily", "test", "white"],
        ["test/2", "rose", "test", "white"],
        ["train/0", "rose", "train", "red"],
        ["train/1", "lily", "train", "white"],
        ["train/2", "rose", "train", "white"],
    ]
    assert list(found.manifest.columns[-2:]) == ["boxes", "colour"]
    boxes = found.manifest.set_index("key")["boxes"]
    assert [list(box) for box in boxes["train/0"]] == [[0, 0, 3, 4.5]]
    assert boxes["train/1"] is None and len(boxes["train/2"]) == 0
    assert found.rejected["reason"].unique().tolist() == ["left out as in the published split"]
    by_colour = read_source(f"blooms:{flowers}", options={"level": "colour"}, max_rejected=0.3)
    assert by_colour.manifest["label"].tolist() == by_colour.manifest["colour"].tolist()
    with pytest.raises(InputError, match="`level` is 'size'; allowed are 'species', 'colour'"):
        read_source(f"blooms:{flowers}", options={"level": "size"})


def test_what_is_left_out_on_purpose_does_not_count_as_rejected(
    flowers: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InputError, match="2 of the 8 images"):
        read_source(f"blooms:{flowers}")
    monkeypatch.setitem(READERS, "blooms", replace(FLOWERS, left_out=("left out as in the published split",)))
    with caplog.at_level(logging.INFO):
        found = read_source(f"blooms:{flowers}", max_rejected=0)
    assert found.rejected["reason"].tolist() == ["left out as in the published split"] * 2
    assert "2 rejected (2 of them left out on purpose)." in caplog.text
    (flowers / "train" / "0.png").write_bytes(b"")
    # One of the six that are wanted, and it is the one that is named.
    assert len(read_source(f"blooms:{flowers}", max_rejected=1 / 6).rejected) == 3
    with pytest.raises(InputError, match=r"1 of the 6 images of .* cannot be used \(train/0: the file is empty"):
        read_source(f"blooms:{flowers}", max_rejected=0.16)
    # A sample is of what is wanted.
    assert len(read_source(f"blooms:{flowers}", limit=3, max_rejected=1 / 3).rejected) == 1
    assert read_source(f"blooms:{flowers}@3", role="openset", max_rejected=1 / 3).rejected["key"].tolist() == [
        "train/0"
    ]


@pytest.mark.parametrize(
    ("name", "options"), [("birds", {}), ("cars", {"level": "type"}), ("places365", {}), ("faces", {})]
)
def test_what_a_published_set_leaves_out_stops_no_run(name: str, options: dict, tmp_path: Path) -> None:
    make = getattr(import_module(f"tests.images.sources.miniatures.{name}"), f"make_{name}")
    make(tmp_path)
    found = read_source(f"{name}:{tmp_path}", options=options, max_rejected=0)
    assert len(found.rejected) > 0 and set(found.rejected["reason"]) == set(READERS[name].left_out)


def test_classes_of_a_source_without_any(plant) -> None:
    with_classes = plant("a/1.png", "a/2.png", "b/1.png", root="one")
    flat = plant("1.png", "2.png", root="two")
    sentence = (
        r"`classes` is given, but of .* the source `two` has no classes, so that none of its images would be taken;"
    )
    for classes in (["a"], 1):
        with pytest.raises(InputError, match=sentence):
            read_source(f"{with_classes}+{flat}", role="openset", classes=classes)
    assert len(read_source(f"{with_classes}+{flat}", role="openset").manifest) == 5


def test_an_official_open_set_lends_its_train_images_only(flowers: Path) -> None:
    found = read_source(f"blooms:{flowers}", role="openset", max_rejected=0.3)
    assert found.manifest["key"].tolist() == ["train/0", "train/1", "train/2"]
    assert found.rejected["key"].tolist() == ["train/3"]
    assert set(found.manifest["split"]) == {"train"}


def test_what_one_source_knows_is_null_for_the_others(flowers: Path, plant) -> None:
    own = plant("rose/1.png", "train/1.png", root="own")
    found = read_source(f"blooms:{flowers}+folder:{own}", role="openset", max_rejected=0.5).manifest
    assert found["key"].tolist() == [
        "blooms/train/0",
        "blooms/train/1",
        "blooms/train/2",
        "own/rose/1.png",
        "own/train/1.png",
    ]
    assert found["source"].tolist() == ["blooms"] * 3 + ["own"] * 2
    assert found["colour"].isna().tolist() == [False] * 3 + [True] * 2
    assert found["boxes"].isna().tolist() == [False, True, False, True, True]


def test_joined_targets_keep_their_splits_and_draw_the_missing_ones(plant) -> None:
    with_test = plant("train/a/1.png", "test/a/2.png", root="one")
    without = plant(*(f"{label}/{number}.png" for label in "ab" for number in range(10)), root="two")
    found = read_source(f"{with_test}+{without}", seed=5).manifest.set_index("key")
    assert found.loc["one/test/a/2.png", "split"] == "test"
    drawn = found[found["source"] == "two"]
    wanted = stratified_split(drawn.index.to_series(), drawn["label"], test_fraction=0.3, seed=5)
    assert drawn["split"].tolist() == wanted.tolist()


def test_quota_limit_and_classes(plant, caplog: pytest.LogCaptureFixture) -> None:
    many = plant(*(f"{label}/{number:02}.png" for label in "abc" for number in range(20)), root="many")
    few = plant(*(f"{label}/{number:02}.png" for label in "abd" for number in range(5)), root="few")
    pool = read_source(f"{many}@12+{few}", role="openset").manifest
    assert pool["source"].value_counts().to_dict() == {"few": 15, "many": 12}
    alone = read_source(f"{many}@12", role="openset").manifest["key"]
    assert sorted("many/" + alone) == pool["key"][pool["source"] == "many"].tolist()
    limited = read_source(f"{many}@12+{few}", role="openset", limit=10).manifest
    assert len(limited) == 10 and set(limited["key"]) <= set(pool["key"])
    chosen = read_source(f"{many}+{few}", role="openset", classes=["a", "d"]).manifest
    assert chosen["label"].value_counts().to_dict() == {"a": 25, "d": 5}
    target = read_source(many, classes=2, limit=10, sample_seed=3).manifest
    assert len(target) == 10 and target["label"].nunique() == 2
    assert read_source(many, classes=2, limit=10, sample_seed=3).manifest.equals(target)


def test_images_that_are_not_in_the_sample_are_not_opened(plant, monkeypatch: pytest.MonkeyPatch) -> None:
    root = plant(*(f"{number:02}.png" for number in range(30)))
    opened: list[str] = []
    real = verify.measure_images
    monkeypatch.setattr(verify, "measure_images", lambda uris, **more: opened.extend(uris) or real(uris, **more))
    assert len(read_source(root, limit=4).manifest) == 4 == len(opened)


def test_the_bars_count_images(plant, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root = plant(*(f"{number}.png" for number in range(7)))
    for _ in range(2):
        read_source(root, show_progress=True, workdir=tmp_path / "work")
    said = capfd.readouterr().err
    assert said.count("list images: 7image") == 1
    # The second run finds all parts done, and says so.
    assert said.count("| 7/7 [") == 2


def test_a_sampled_target_without_train_images_of_a_class(plant) -> None:
    names = [f"{split}/{label}/1.png" for split in ("train", "test") for label in "abcd"]
    with pytest.raises(InputError, match=r"has no train images.*; raise `limit`, or name the `classes` to take"):
        read_source(plant(*names), limit=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keys": ["a", "b", "a"]}, r"Key 'a' is at .*/1.png and at .*/3.png; keys must be unique"),
        ({"keys": ["a", "", "c"]}, "An image of .* has an empty key"),
        ({"splits": ["train", "dev", "test"]}, "Image 'b' of .* has the split 'dev'; every row needs 'train' or"),
        ({"splits": ["train", None, "test"]}, "Image 'b' of .* has no split, but others are test"),
        ({"splits": ["test", "test", "test"]}, "has no train images; mark some"),
        ({"labels": ["cat", None, "cat"]}, "Image 'b' of .* has no class, but others have"),
        ({"keys": [], "uris": []}, "holds no images to use"),
    ],
)
def test_what_no_reader_may_list(
    change: dict, message: str, plant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = plant("1.png", "2.png", "3.png")
    columns = {"keys": ["a", "b", "c"], "uris": [str(root / f"{number}.png") for number in (1, 2, 3)]} | change
    # One frame a row: what is wrong lies in different batches.
    rows = range(len(columns["keys"]))
    frames = [listing_frame(**{name: values[row : row + 1] for name, values in columns.items()}) for row in rows]
    reader = Reader(takes="rows", recognises=lambda path: True, list_images=lambda path, request: iter(frames))
    monkeypatch.setitem(READERS, "rows", reader)
    monkeypatch.setattr(verify, "measure_images", lambda *_, **__: pytest.fail("images were opened"))
    with pytest.raises(InputError, match=message):
        read_source(root, layout="rows")


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 60 images in 3 classes, some unusable, and 20 packed rows in an odd order."""
    from tests.images.conftest import encode, noise

    root = tmp_path_factory.mktemp("pool")
    for number in range(60):
        path = root / "files" / "abc"[number % 3] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if number % 13 == 5 else encode(noise(10 + number % 5, 8, mode="L", seed=number)))
    (root / "files" / "a" / "dead.png").symlink_to(root / "nothing")
    keys = [f"{number * 7 % 20:02}" for number in range(20)]
    images = [None if row == 3 else encode(noise(9, 9, seed=row)) for row in range(20)]
    frame = pd.DataFrame({"key": keys, "image": images, "label": list("ab" * 10)})
    frame.to_parquet(root / "rows.parquet", row_group_size=6)
    return root


def written(pool: Path, workdir: Path, **settings) -> tuple[str, str]:
    """Return digests of the manifest and of the list of rejected images."""
    files = ingest_files(
        f"{pool / 'files'}@40+{pool / 'rows.parquet'}",
        workdir,
        settings=Settings(max_rejected=0.5, limit=45, **settings),
        workers=random.Random(str(workdir)).choice([1, 2, 5]),
    )
    manifest, rejected = (sha256(path.read_bytes()).hexdigest() for path in (files.manifest, files.rejected))
    return manifest, rejected


@pytest.fixture(scope="module")
def expected(pool: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return written(pool, tmp_path_factory.mktemp("expected"))


@settings(deadline=None, max_examples=12)
@given(
    seed=st.integers(0, 1000),
    part=st.integers(1, 30),
    batch=st.integers(1, 30),
    run=st.sampled_from([1, 2_000, 10**9]),
    frame=st.integers(1, 30),
)
def test_the_same_files_give_the_same_bytes(  # noqa: PLR0917 hypothesis passes what it draws by name
    pool: Path, expected: tuple[str, str], tmp_path_factory, seed: int, part: int, batch: int, run: int, frame: int
) -> None:
    shuffled = random.Random(seed)

    def list_shuffled(reader: Reader):
        def list_images(path: Path, request: Request) -> Iterator[pd.DataFrame]:
            whole = pd.concat(list(reader.list_images(path, request)), ignore_index=True)
            order = shuffled.sample(range(len(whole)), len(whole))
            for start in range(0, len(whole), frame):
                yield whole.iloc[order[start : start + frame]]

        return list_images

    with pytest.MonkeyPatch.context() as patch:
        for name in ("folder", "packed"):
            reader = READERS[name]
            changed = Reader(
                takes=reader.takes,
                recognises=reader.recognises,
                list_images=list_shuffled(reader),
                options=reader.options,
            )
            patch.setitem(READERS, name, changed)
        patch.setattr(ingest, "PART_ROWS", part)
        for module in (runs, reading_order, listing_store, verify):
            patch.setattr(module, "BATCH_ROWS", batch)
        patch.setattr(runs, "RUN_BYTES", run)
        assert written(pool, tmp_path_factory.mktemp("other")) == expected


@pytest.mark.parametrize("stop", range(0, 9, 2))
def test_an_interrupted_run_goes_on_where_it_was(
    pool: Path, expected: tuple[str, str], stop: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "PART_ROWS", 5)
    real, calls = verify.measure_images, []

    def measure(uris, **more):
        if len(calls) == stop:
            raise KeyboardInterrupt
        calls.append(len(uris))
        return real(uris, **more)

    monkeypatch.setattr(verify, "measure_images", measure)
    with pytest.raises(KeyboardInterrupt):
        written(pool, tmp_path)
    monkeypatch.setattr(verify, "measure_images", lambda uris, **more: calls.append(len(uris)) or real(uris, **more))
    monkeypatch.setattr(listing_store, "_to_table", lambda *_, **__: pytest.fail("listed again"))
    assert written(pool, tmp_path) == expected
    assert len(calls) == 9 and sum(calls) == 44


def test_other_settings_or_other_files_start_afresh(plant, tmp_path: Path) -> None:
    root = plant("a.png", "b.png", "c.png")
    work = tmp_path / "work"
    assert len(read_source(root, workdir=work).manifest) == 3
    assert len(read_source(root, workdir=work, limit=2).manifest) == 2
    shutil.copy(root / "a.png", root / "d.png")
    assert len(read_source(root, workdir=work).manifest) == 4
    assert len(list(work.iterdir())) == 3


def test_the_frames_are_those_of_the_files(pool: Path, tmp_path: Path) -> None:
    files = ingest_files(pool / "files", tmp_path, settings=Settings(max_rejected=0.5))
    found = read_source(pool / "files", max_rejected=0.5)
    check_manifest(found.manifest)
    pd.testing.assert_frame_equal(pd.read_parquet(files.manifest), found.manifest)
    pd.testing.assert_frame_equal(pd.read_parquet(files.rejected), found.rejected)
    assert found.manifest.dtypes.astype(str).to_dict() == {
        **dict.fromkeys(("key", "uri", "label", "split", "source"), "str"),
        **dict.fromkeys(("width", "height"), "int32"),
    }


@pytest.mark.parametrize("protocol", ["memory", "file"])
def test_images_behind_a_url(plant, memory_copy, protocol: str) -> None:
    root = plant("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png", extra=["dog/bad.png"])
    url = memory_copy(root) if protocol == "memory" else f"file://{root}"
    here, there = (read_source(place, max_rejected=0.5) for place in (root, url))
    pd.testing.assert_frame_equal(there.manifest.drop(columns="uri"), here.manifest.drop(columns="uri"))
    assert there.manifest["uri"].tolist() == [f"{url}/{key}" for key in there.manifest["key"]]
    assert there.rejected[["key", "reason"]].equals(here.rejected[["key", "reason"]])


def counted(found: list[dict]) -> dict[str, tuple[int, int | None, str]]:
    return {record["what"]: (record["found"], record["expected"], record["verdict"]) for record in found}


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """Let `blooms` have published counts; return the questions that were asked."""
    asked: list[dict] = []

    def compare(dataset: str, **numbers) -> list[CountFinding]:
        asked.append({"dataset": dataset, **numbers})
        verdict = "match" if numbers["train"] == 4 else "mismatch"
        return [
            CountFinding("train", 4, numbers["train"], verdict, ""),
            CountFinding("classes", 3, numbers["classes"], "known", "One is missing on purpose."),
        ]

    monkeypatch.setattr("simcore.images.count_check.compare_counts", compare)
    return asked


def test_counts_of_a_published_set(flowers: Path, published: list, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        counts = read_source(f"blooms:{flowers}", max_rejected=0.3).counts
    # What was rejected is there all the same.
    assert published == [{"dataset": "blooms", "level": "species", "train": 4, "test": 4, "classes": 2}]
    assert counted(counts) == {
        "train": (4, 4, "match"),
        "test": (4, None, "not compared"),
        "undecided": (0, None, "not compared"),
        "rejected": (2, None, "not compared"),
        "classes": (2, 3, "known"),
    }
    assert [r.levelname for r in caplog.records if "One is missing on purpose" in r.getMessage()] == ["INFO"]
    read_source(f"blooms:{flowers}", role="openset", max_rejected=0.3)
    assert published[-1]["test"] is None


@pytest.mark.parametrize("change", [{"limit": 3}, {"classes": 1}, {"source": "@3"}])
def test_a_sample_is_not_compared(flowers: Path, published: list, change: dict) -> None:
    quota = change.pop("source", "")
    read_source(f"blooms:{flowers}{quota}", role="openset", max_rejected=0.5, **change)
    assert published == []


def test_a_mismatch_warns_or_stops(flowers: Path, published: list, monkeypatch, caplog) -> None:
    monkeypatch.setattr(
        "simcore.images.count_check.compare_counts",
        lambda *_, **__: [CountFinding("train", 6667, 4, "mismatch", "An archive is missing.")],
    )
    assert counted(read_source(f"blooms:{flowers}", max_rejected=0.3).counts)["train"] == (4, 6667, "mismatch")
    warning = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert warning == [f"blooms ({flowers}) has 4 train images, published are 6,667: An archive is missing."]
    with pytest.raises(InputError, match="are 6,667: An archive is missing; repair the data set, or set `counts` to"):
        read_source(f"blooms:{flowers}", max_rejected=0.3, counts="stop")


def test_many_images_in_little_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    n, frame = 200_000, 20_000
    (tmp_path / "source").mkdir()

    def list_many(path: Path, request: Request) -> Iterator[pd.DataFrame]:
        for start in range(0, n, frame):
            keys = [f"{(row * 7919) % n:09}" for row in range(start, start + frame)]
            yield listing_frame(keys, [f"/nowhere/{key}.jpg" for key in keys], splits="train")

    def measure(uris, *, bar, **_):
        bar.update(len(uris))
        ones = np.ones(len(uris), dtype=np.int32)
        return pd.DataFrame({"width": ones, "height": ones, "reason": pd.Series([None] * len(uris), dtype="str")})

    monkeypatch.setitem(READERS, "many", Reader(takes="rows", recognises=lambda path: True, list_images=list_many))
    monkeypatch.setattr(verify, "measure_images", measure)
    monkeypatch.setattr(runs, "RUN_BYTES", 2**20)
    monkeypatch.setattr(ingest, "PART_ROWS", 10_000)
    largest = 0
    real = runs.write_tables

    def write(path: Path, tables, **more):
        def watched():
            nonlocal largest
            for table in tables:
                largest = max(largest, len(table))
                yield table

        return real(path, watched(), **more)

    for module in (assemble, reading_order, listing_store, verify):
        monkeypatch.setattr(module, "write_tables", write)
    files = ingest_files(tmp_path / "source", tmp_path / "work", settings=Settings(role="openset"), layout="many")
    keys = pd.read_parquet(files.manifest, columns=["key"])["key"]
    assert len(keys) == n and keys.is_monotonic_increasing
    # No step ever held more than a few batches of the 200,000 rows.
    assert largest <= 12 * runs.BATCH_ROWS
