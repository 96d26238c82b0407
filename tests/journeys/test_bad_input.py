"""Wrong input stops before training with one sentence, and nothing earlier is lost."""

import logging
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from simcore.errors import InputError
from tests.projects import as_params, run_here, type_command


def draw(path: Path, shade: int) -> None:
    """Write one small image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (28, 28), shade).save(path)


def class_folders(root: Path, split: str, classes: tuple[str, ...], *, n: int = 4) -> None:
    """Write `n` images a class below `root/split`."""
    for number, name in enumerate(classes):
        for image in range(n):
            draw(root / split / name / f"{image}.png", 40 * number + image)


def missing(root: Path) -> Path:
    return root / "nowhere"


def empty(root: Path) -> Path:
    (root / "empty").mkdir()
    return root / "empty"


def no_images(root: Path) -> Path:
    (root / "texts").mkdir()
    (root / "texts" / "a.txt").write_text("no image")
    return root / "texts"


def only_unreadable(root: Path) -> Path:
    (root / "broken").mkdir()
    (root / "broken" / "a.png").write_bytes(b"not a picture")
    return root / "broken"


def empty_test(root: Path) -> Path:
    class_folders(root / "pets", "train", ("cat", "dog"))
    (root / "pets" / "test").mkdir()
    return root / "pets"


def unknown_test_class(root: Path) -> Path:
    class_folders(root / "pets", "train", ("cat", "dog"))
    class_folders(root / "pets", "test", ("cat", "wolf"))
    return root / "pets"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (missing, "does not exist"),
        (empty, "no image"),
        (no_images, "no image"),
        (only_unreadable, "a.png"),
        (empty_test, "test"),
        (unknown_test_class, "wolf"),
    ],
)
def test_wrong_sources_stop_before_training(
    make: Any, sentence: str, tmp_path: Path, small_data: dict, caplog: pytest.LogCaptureFixture
) -> None:
    source = make(tmp_path)
    with pytest.raises(InputError, match=sentence) as caught, caplog.at_level(logging.INFO):
        run_here(tmp_path / "root", params={**small_data, "target": {"source": str(source)}})
    assert "\n" not in str(caught.value)
    assert not [r for r in caplog.records if re.search("Completed node: .*train", r.getMessage())]


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"selection": {"budget": 0}}, "selection.budget"),
        ({"selection": {"tau": 1.2}}, "selection.tau"),
        ({"selection": {"tau": "high"}}, "selection.tau"),
        ({"selection": {"toe": 0.9}}, "unknown parameter `selection.toe`"),
        ({"pretraining": {"backbone": "resnet9000"}}, "resnet9000"),
        ({"retrieval": {"backbone": "resnet9000"}}, "resnet9000"),
    ],
)
def test_wrong_parameters_stop_before_anything(params: dict, sentence: str, tmp_path: Path, small_data: dict) -> None:
    with pytest.raises(InputError, match=sentence):
        run_here(tmp_path, params={**small_data, **params})
    assert not list(tmp_path.rglob("*.parquet"))


def test_batch_larger_than_x_stops_before_training(tmp_path: Path, small_data: dict) -> None:
    with pytest.raises(InputError, match="batch_size"):
        run_here(tmp_path, params={**small_data, "retrieval": {"optimisation": {"batch_size": 61}}})
    assert not list(tmp_path.rglob("retrieval_encoder"))


def test_the_command_line_says_one_sentence_and_exits_with_an_error(tmp_path: Path) -> None:
    params = {"data_root": tmp_path / "root", "target.source": tmp_path / "nowhere"}
    seen = type_command("run", "--env", "test", "--params", as_params(params))
    assert seen.returncode != 0
    last = seen.stdout.strip().splitlines()[-1]
    assert last.startswith("Error: ") and "nowhere does not exist" in last
    assert "Traceback" not in seen.stdout


def test_the_command_line_names_an_unknown_pipeline_and_parameter(tmp_path: Path) -> None:
    seen = type_command("run", "--env", "test", "--params", f"data_root={tmp_path},selection.tao=0.9")
    assert seen.returncode != 0
    assert "unknown parameter `selection.tao`; did you mean `tau`?" in seen.stdout
    assert "Traceback" not in seen.stdout


def test_what_was_made_before_a_wrong_setting_is_kept(tmp_path: Path, small_data: dict) -> None:
    run_here(tmp_path, params=small_data, pipeline_names=["ingestion"])
    before = sorted(tmp_path.rglob("*manifest.parquet/*"))
    openset = pq.read_table(small_data["openset"]["source"])
    pq.write_table(openset.set_column(1, "image", pa.array([b"x"] * len(openset))), tmp_path / "bad.parquet")
    with pytest.raises(InputError):
        run_here(tmp_path, params={**small_data, "openset": {"source": str(tmp_path / "bad.parquet")}})
    assert sorted(tmp_path.rglob("*manifest.parquet/*")) == before
