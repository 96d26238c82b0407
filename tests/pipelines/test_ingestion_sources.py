"""Every data set in miniature, named as a person names it, through the ingestion pipeline."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.images.sources import READERS
from tests.projects import as_params, run_here, type_command

TARGETS = ("aircraft", "cars", "pets", "birds", "dogs", "flowers", "actions", "indoor", "textures", "faces", "food")
OPENSETS = ("imagenet", "coco", "inaturalist", "places365", "webvision", "webfg")
Listed = dict[str, list[tuple[str, str | None]]]


@pytest.fixture(scope="module")
def miniatures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Listed]]:
    """Return a root of data sets, each in its usual folder, and what is in each."""
    root = tmp_path_factory.mktemp("datasets")
    held = {}
    for name in (*TARGETS, *OPENSETS):
        module = import_module(f"tests.images.sources.miniatures.{name}")
        official = READERS[name].official
        assert official is not None
        held[name] = getattr(module, f"make_{name}")(root / official.folder)
    return root, held


@pytest.fixture(scope="module")
def shared_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data root that many runs share: each makes a version of its own."""
    return tmp_path_factory.mktemp("root")


def ingest(root: Path, **params: Any) -> None:
    # A miniature has too few images for a batch of the test settings.
    small = {stage: {"optimisation": {"batch_size": "auto"}} for stage in ("retrieval", "pretraining")}
    run_here(root, pipeline_names=["ingestion"], params={**params, **small})


def newest(root: Path, name: str) -> Path:
    return max((root / "02_manifests" / name).glob(f"*/{name}"))


def ingested(root: Path, pool: str) -> tuple[pd.DataFrame, pd.DataFrame, list[dict[str, Any]]]:
    manifest, rejected = (pd.read_parquet(newest(root, f"{pool}_{what}.parquet")) for what in ("manifest", "rejected"))
    return manifest, rejected, json.loads(newest(root, f"{pool}_counts.json").read_text())


def rows(manifest: pd.DataFrame) -> set[tuple[str, str | None]]:
    return {(key, None if pd.isna(label) else label) for key, label in manifest[["key", "label"]].to_numpy()}


@pytest.mark.parametrize(("number", "target"), list(enumerate(TARGETS)), ids=TARGETS)
def test_every_data_set(
    miniatures: tuple[Path, dict[str, Listed]], number: int, target: str, shared_root: Path
) -> None:
    datasets, held = miniatures
    openset = OPENSETS[number % len(OPENSETS)]
    ingest(
        shared_root,
        datasets_root=str(datasets),
        target={"source": target, "max_rejected": 0.5},
        openset={"source": openset, "max_rejected": 0.5},
    )
    manifest, rejected, counts = ingested(shared_root, "target")
    assert set(manifest["source"]) == {target}
    for split in ("train", "test"):
        wanted = set(held[target][split])
        found = rows(manifest[manifest["split"] == split])
        # What a reader lists is kept, or rejected with a reason: nothing is lost, nothing comes from nowhere.
        assert found <= wanted
        assert {key for key, _ in wanted - found} <= set(rejected["key"])
    assert rejected["reason"].str.len().min() > 0 or rejected.empty
    verdicts = {record["what"]: record["verdict"] for record in counts}
    # A miniature has other counts than the real set, and that is said.
    assert verdicts["train"] == "mismatch"

    manifest, rejected, counts = ingested(shared_root, "openset")
    assert set(manifest["source"]) == {openset} and set(manifest["split"]) == {"train"}
    wanted = set(held[openset]["train"])
    assert rows(manifest) <= wanted
    assert {key for key, _ in wanted - rows(manifest)} <= set(rejected["key"])
    assert {record["dataset"] for record in counts} == {openset}


def test_all_joined_with_quotas_and_own_images(miniatures: tuple[Path, dict[str, Listed]], tmp_path: Path) -> None:
    datasets, held = miniatures
    (tmp_path / "pool+1").symlink_to(datasets / READERS["food"].official.folder)  # type: ignore[union-attr]
    params = {
        "data_root": tmp_path / "root",
        "datasets_root": datasets,
        "target.source": "flowers",
        "openset.source": f"all+dogs@3+folder:{tmp_path}/pool+1@4",
        "openset.max_rejected": 0.5,
        "openset.limit": 40,
    }
    command = ("run", "--env", "test", "--nodes", "ingest_target,ingest_openset", "--params", as_params(params))
    seen = type_command(*command)
    assert seen.returncode == 0, seen.stdout
    manifest, rejected, counts = ingested(tmp_path / "root", "openset")
    assert len(manifest) + len(rejected) <= 40
    by_source = manifest["source"].value_counts().to_dict()
    assert set(by_source) <= {"coco", "inaturalist", "imagenet", "places365", "dogs", "pool+1"}
    assert by_source.get("dogs", 0) <= 3 and by_source.get("pool+1", 0) <= 4
    for key, source in manifest[["key", "source"]].to_numpy():
        assert key.startswith(f"{source}/")
        if source in held:
            assert key.removeprefix(f"{source}/") in {each for each, _ in held[source]["train"]}
    assert {record["verdict"] for record in counts} == {"not compared"}


def test_a_changed_image_makes_the_manifest_again(miniatures: tuple[Path, dict[str, Listed]], tmp_path: Path) -> None:
    datasets, held = miniatures
    official = READERS["textures"].official
    assert official is not None
    params = {"datasets_root": str(datasets), "target": {"source": "textures", "limit": 12, "classes": 2}}
    ingest(tmp_path, **params)
    versions = {path.parent.name for path in tmp_path.rglob("target_manifest.parquet") if path.is_file()}
    ingest(tmp_path, **params)
    assert {path.parent.name for path in tmp_path.rglob("target_manifest.parquet") if path.is_file()} == versions
    image = datasets / official.folder / held["textures"]["train"][0][0]
    image.write_bytes(image.read_bytes() + b"\0")
    ingest(tmp_path, **params)
    assert {path.parent.name for path in tmp_path.rglob("target_manifest.parquet") if path.is_file()} > versions


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ({"source": "aircraft"}, "download fgvc-aircraft-2013b.tar.gz"),
        ({"source": "aircrafts"}, "did you mean `aircraft`"),
        ({"source": "flowers", "counts": "stop"}, "published are"),
        ({"source": "flowers", "level": "species"}, "Option 'level' does not belong to"),
        ({"source": "pets", "level": "colour"}, "`level` is 'colour'; allowed are"),
        ({"source": "flowers", "classes": ["001", "rose"]}, "'rose' is not among the"),
        ({"source": "flowers", "layout": "tree"}, "`layout` is 'tree'; allowed are"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    miniatures: tuple[Path, dict[str, Listed]], target: dict[str, Any], sentence: str, shared_root: Path, tmp_path: Path
) -> None:
    datasets = tmp_path / "nowhere" if target["source"] == "aircraft" else miniatures[0]
    before = sorted(shared_root.rglob("target_manifest.parquet"))
    with pytest.raises(InputError, match=sentence) as caught:
        ingest(shared_root, datasets_root=str(datasets), target=target)
    assert "\n" not in str(caught.value)
    assert sorted(shared_root.rglob("target_manifest.parquet")) == before
