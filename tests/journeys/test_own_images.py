"""The same job on a person's own folders, labelled or not, grey or in colour."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from simcore.images.decode import decode
from tests.journeys.test_main_job import newest
from tests.projects import as_params, run_here, type_command


def write_folder(table: pd.DataFrame, root: Path, *, side: int, colour: bool, by_class: bool, split: bool) -> None:
    """Write packed images as files, enlarged, below split and class folders as asked."""
    tint = np.array([1.0, 0.8, 0.6]) if colour else np.ones(3)
    for row in table.itertuples():
        folder = root / (row.split if split else "") / (row.label.replace("/", "_") if by_class else "")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.broadcast_to(decode(row.image)[..., :3], (28, 28, 3)) * tint
        image = Image.fromarray(pixels.astype(np.uint8)).resize((side, side + 8))
        image.convert("RGB" if colour else "L").save(folder / f"{row.key.replace('/', '_')}.jpg", quality=90)


@pytest.fixture(scope="module")
def tables(small_data: dict) -> dict[str, pd.DataFrame]:
    return {pool: pq.read_table(small_data[pool]["source"]).to_pandas() for pool in ("target", "openset")}


def test_class_folders_with_train_and_test(tables: dict, tmp_path: Path) -> None:
    write_folder(tables["target"], tmp_path / "target", side=40, colour=True, by_class=True, split=True)
    write_folder(tables["openset"].head(200), tmp_path / "openset", side=40, colour=False, by_class=True, split=False)
    params = {
        "data_root": tmp_path / "root",
        "target.source": tmp_path / "target",
        "openset.source": tmp_path / "openset",
    }
    seen = type_command("run", "--env", "test", "--params", as_params(params))
    assert seen.returncode == 0, seen.stdout
    manifest = pd.read_parquet(newest(tmp_path, "target_manifest.parquet"))
    assert manifest["split"].value_counts().to_dict() == tables["target"]["split"].value_counts().to_dict()
    assert manifest["label"].nunique() == 6
    comparison = pd.read_parquet(newest(tmp_path, "comparison.parquet"))
    linear = comparison[(comparison["evaluation"] == "linear") & (comparison["metric"] == "top1")]
    assert linear.loc[linear["n_seeds"] > 0, "mean"].between(0, 1).all()  # pixels have no augmented layer
    report = newest(tmp_path, "report.html").read_text()
    # The labels of this open-set match no pattern of the shipped data: no purity may be claimed.
    assert "no label of the open-set matches" in report


def test_flat_folder_without_labels_ends_with_label_free_evidence(tables: dict, tmp_path: Path) -> None:
    train = tables["target"][tables["target"]["split"] == "train"]
    write_folder(train, tmp_path / "target", side=30, colour=False, by_class=False, split=False)
    write_folder(tables["openset"].head(200), tmp_path / "openset", side=30, colour=False, by_class=False, split=False)
    params = {
        "target": {"source": str(tmp_path / "target")},
        "openset": {"source": str(tmp_path / "openset")},
    }
    run_here(tmp_path / "root", params=params)
    assert len(pd.read_parquet(newest(tmp_path, "coreset_simcore.parquet"))) > 0
    report = newest(tmp_path, "report.html").read_text()
    assert "not evaluated: no labels" in report
    comparison = pd.read_parquet(newest(tmp_path, "comparison.parquet"))
    measured = set(comparison.loc[comparison["mean"].notna(), "evaluation"])
    assert measured == {"label_free"}
    assert (tmp_path / "root" / "06_encoders" / "simcore" / "encoders").exists()


def test_one_folder_of_classes_gets_a_seeded_split(tables: dict, tmp_path: Path) -> None:
    write_folder(tables["target"], tmp_path / "target", side=28, colour=False, by_class=True, split=False)
    params = {"target": {"source": str(tmp_path / "target"), "test_fraction": 0.25}}
    splits = []
    for name in ("one", "two"):
        run_here(tmp_path / name, params=params, pipeline_names=["ingestion"])
        manifest = pd.read_parquet(newest(tmp_path / name, "target_manifest.parquet"))
        splits.append(manifest.set_index("key")["split"])
    pd.testing.assert_series_equal(*splits)
    assert 0.2 < (splits[0] == "test").mean() < 0.3
