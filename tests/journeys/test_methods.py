"""Every method through the pipeline by its name; given encoders, two stages, repeated selection, matched lengths."""

import json
import logging
import shutil
from pathlib import Path

import pandas as pd
import pytest

from simcore.backbones import Encoder
from simcore.errors import InputError
from tests.journeys.test_main_job import newest, ran
from tests.projects import as_params, run_here, type_command

TINY = {
    "byol": {
        "byol": {"hidden_dim": 16, "projection_dim": 8},
        "optimisation": {"steps": 3, "batch_size": 8, "warmup_steps": 1, "views_on": "device"},
    },
    # Two steps an epoch: the prototypes move from the last of the three steps on.
    "swav": {
        "swav": {"n_prototypes": 5, "freeze_prototypes_epochs": 1, "hidden_dim": 16, "projection_dim": 8},
        "optimisation": {"steps": 3, "batch_size": 30, "warmup_steps": 1},
    },
    "dino": {"dino": {"output_dim": 16, "hidden_dim": 16, "bottleneck_dim": 8, "local_views": 2}},
    "mae": {"mae": {"decoder_dim": 16, "decoder_depth": 1, "decoder_heads": 2}},
    "hns": {"hns": {"tau_plus": 0.05}},
    "ehns": {
        "ehns": {"anchors": "target"},
        "optimisation": {"steps": 3, "batch_size": 8, "warmup_steps": 1, "views_on": "device"},
    },
}
SHORT = {"optimisation": {"steps": 3, "batch_size": 8, "warmup_steps": 1}}
DIMS = {"byol": 128, "swav": 128, "dino": 128, "mae": 192, "hns": 128, "ehns": 128}


def tiny(method: str, **change: dict) -> dict:
    """Return parameters of a short training with small heads."""
    stage = {**SHORT, **TINY.get(method, {})}
    return {"method": method, "retrieval": {**stage}, "pretraining": {**stage}, **change}


@pytest.mark.parametrize("method", sorted(TINY))
def test_a_word_chooses_the_method(method: str, small_data: dict, tmp_path: Path) -> None:
    run_here(tmp_path, params={**small_data, **tiny(method)}, pipeline_names=["ingestion", "retrieval"])
    encoder = Encoder.load(newest(tmp_path, "retrieval_encoder"))
    assert (encoder.card.method, encoder.dim, encoder.card.steps) == (method, DIMS[method], 3)
    assert encoder.card.embedding == ("patch_mean" if method == "mae" else "features")
    curves = pd.read_parquet(newest(tmp_path, "retrieval_curves.parquet"))
    assert curves["loss"].notna().all()
    assert curves["knn_top1"].dropna().between(0, 1).all() and curves["knn_top1"].notna().any()


@pytest.fixture(scope="module")
def selected(finished: Path, small_data: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root in which everything up to the selection has been made."""
    return Path(shutil.copytree(finished, tmp_path_factory.mktemp("selected") / "root"))


def test_two_stages_repeated_selection_and_a_matched_arm(
    selected: Path, small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = newest(selected, "retrieval_encoder")
    change = {
        "initialise_from": str(given),
        "reselections": 1,
        "optimisation": {"steps": None, "epochs": 2, "warmup_steps": 0},
    }
    with caplog.at_level(logging.INFO):
        run_here(selected, params={**small_data, "pretraining": change}, pipeline_names=["pretraining"])
    said = "\n".join(record.getMessage() for record in caplog.records)
    first = Encoder.load(given).fingerprint
    assert said.count("The encoder starts from") == 3 and str(given) in said
    assert "The coreset is selected anew after epochs 1 of 2" in said and "Renewal 1 of 1" in said
    assert "as many as the arm with the coreset" in said
    cards = {}
    for arm in ("x", "random", "simcore"):
        folder = selected / "06_encoders" / arm / "encoders"
        encoder = Encoder.load(sorted(folder.rglob("card.json"))[-1].parent)
        cards[arm] = encoder.card
        assert encoder.fingerprint != first
    assert cards["x"].steps == cards["simcore"].steps == cards["random"].steps > 2 * (60 // 16)


def test_hard_negatives_among_the_openset_and_beside_x(
    selected: Path, small_data: dict, caplog: pytest.LogCaptureFixture
) -> None:
    mined = {"ehns": {"anchors": "target"}, "ehns_m": {"queue_size": 20}}
    for method, block in mined.items():
        change = {"pretraining": {"method": method, **SHORT}, "methods": {method: {method: block}}}
        caplog.clear()
        with caplog.at_level(logging.INFO):
            run_here(
                selected,
                params={**small_data, **change, "comparison": {"arms": "x_os"}},
                pipeline_names=["pretraining"],
            )
        folder = selected / "06_encoders" / "x_os" / "encoders"
        card = Encoder.load(sorted(folder.rglob("card.json"))[-1].parent).card
        assert (card.method, card.steps) == (method, 3)
        beside = method == "ehns_m"
        assert ("Batches of X alone; 600 images of the open-set go along, 8 a step" in caplog.text) == beside
        assert (f"{60 if beside else 660} images, batches of 8, 3 steps" in caplog.text) and (
            "beside" in card.data
        ) == beside
        assert card.settings["method"]["ratio"] == 0.7


def test_the_coreset_counts_for_the_arm_x_only_where_it_is_matched(
    finished: Path, small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = Path(shutil.copytree(finished, tmp_path / "root"))
    # Given in epochs, the length of an arm depends on its images, unless all take those of the coreset.
    epochs = {"pretraining": {"optimisation": {"steps": None, "epochs": 1, "warmup_steps": 0}}}
    small_data = {**small_data, **epochs, "comparison": {"fairness": "paper"}}
    matched = {**small_data, "comparison": {"fairness": "equal_compute"}}
    names = ["ingestion", "retrieval", "embedding", "clustering", "selection", "pretraining"]
    run_here(root, params=matched, pipeline_names=names)
    for params, expected in ((matched, True), (small_data, False)):
        run_here(root, params=params, pipeline_names=names)
        caplog.clear()
        with caplog.at_level(logging.INFO):
            run_here(root, params={**params, "selection": {"tau": 0.99}}, pipeline_names=names)
        done = ran(caplog)
        assert "simcore.pretrain" in done
        assert ("x.pretrain" in done) == expected


def test_a_given_encoder_takes_the_place_of_the_training(
    finished: Path, small_data: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = Path(shutil.copytree(newest(finished, "retrieval_encoder"), tmp_path / "given"))
    params = {**small_data, "retrieval": {"encoder": str(given)}}
    stages = ["ingestion", "retrieval"]
    with caplog.at_level(logging.INFO):
        run_here(tmp_path / "root", params=params, pipeline_names=stages)
    assert "nothing is trained for it" in caplog.text
    made = Encoder.load(newest(tmp_path / "root", "retrieval_encoder"))
    assert made.fingerprint == Encoder.load(given).fingerprint
    assert len(pd.read_parquet(newest(tmp_path / "root", "retrieval_curves.parquet"))) == 0
    caplog.clear()
    with caplog.at_level(logging.INFO):
        run_here(tmp_path / "root", params=params, pipeline_names=stages)
    assert ran(caplog) == []
    # The same path with other content is another encoder.
    other = Encoder.load(given)
    next(other.module.parameters()).data.add_(1)
    shutil.rmtree(given)
    Encoder(other.module, other.card).save(given)
    with caplog.at_level(logging.INFO):
        run_here(tmp_path / "root", params=params, pipeline_names=stages)
    assert "train_retrieval_encoder" in ran(caplog)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"method": "simclear"}, "unknown method; choose one of byol, dino, ehns, ehns_m, hns, mae, simclr, swav"),
        (
            {"pretraining.method": "ehns_m"},
            "`comparison.arms` names x, without one of the two; give arms with both, such as comparison.arms=x_os",
        ),
        ({"retrieval.encoder": "nowhere.pth"}, "nowhere.pth does not exist; give an encoder's folder"),
        ({"method": "mae", "images.image_size": 30}, "nearest allowed: 28 or 32"),
    ],
)
def test_wrong_settings_on_the_command_line_stop_with_a_sentence(
    change: dict, sentence: str, small_data: dict, tmp_path: Path
) -> None:
    sources = {f"{pool}.source": small_data[pool]["source"] for pool in ("target", "openset")}
    seen = type_command("run", "--env", "test", "--params", as_params({"data_root": tmp_path, **sources, **change}))
    assert seen.returncode != 0
    last = seen.stdout.strip().splitlines()[-1]
    assert last.startswith("Error: ") and sentence in last
    assert "Traceback" not in seen.stdout
    assert not list(tmp_path.rglob("retrieval_encoder"))


def test_one_image_is_no_data_set(small_data: dict, tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "one").mkdir()
    Image.new("L", (28, 28), 90).save(tmp_path / "one" / "a.png")
    params = {**small_data, "target": {"source": str(tmp_path / "one")}}
    with pytest.raises(InputError, match="1 image"):
        run_here(tmp_path / "root", params=params, pipeline_names=["ingestion", "retrieval"])


def test_made_from_names_the_settings_of_the_method(small_data: dict, finished: Path) -> None:
    record = json.loads((newest(finished, "retrieval_encoder").parent / "made_from.json").read_text())
    values = record["values"]["params:retrieval"]
    assert values["simclr"] == {"temperature": 0.07, "projection_dim": 128}
    assert values["dino"] is None and values["outside state"] is None
