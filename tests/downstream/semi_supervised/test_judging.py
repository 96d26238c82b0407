"""What is said about the test images, and when they are looked at."""

import pytest

from simcore.backbones import create_random_encoder
from simcore.downstream.semi_supervised import SemiSupervisedRecipe, judge_semi_supervised
from simcore.errors import InputError
from simcore.evaluation import training as module
from simcore.evaluation.training import Sight
from tests.labelled_stores import make_stores
from tests.training.worlds import Recorder

SIGHT = Sight(image_size=16, machine={"workers": 0, "threads": 1, "device": "cpu"})
RECIPE = SemiSupervisedRecipe(
    method="fixmatch",
    epochs=2,
    epoch_steps=2,
    batch_size=64,
    unlabelled_ratio=1,
    learning_rate=0.03,
    weight_decay=1e-4,
    rand_augment=(2, 10),
    method_settings={"threshold": 0.5},
)


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Judge under a protocol; counts the looks at images."""
    train, test = make_stores(tmp_path)
    looks = []
    rank = module.rank_classes
    monkeypatch.setattr(
        module, "rank_classes", lambda *given, **more: looks.append(len(given[1])) or rank(*given, **more)
    )
    encoder = create_random_encoder("resnet10_small", image_size=16, seed=0)
    keys = [key for key in train.keys if key[-5] in "012"]
    left = [key for key in train.keys if key not in keys]

    def judged(protocol, **more):
        return judge_semi_supervised(
            encoder,
            train.subset(keys),
            train.subset(left),
            test,
            classes=("class0", "class1"),
            recipe=RECIPE,
            protocol=protocol,
            sight=SIGHT,
            seed=0,
            workdir=tmp_path / "work" / protocol,
            suffix=" fixmatch 38 % of labels",
            **more,
        ), looks

    return judged


def test_clean_looks_once_at_the_end(judged):
    recorders = {}
    outcome, looks = judged("clean", make_reporter=lambda name: recorders.setdefault(name, Recorder()))
    assert looks == [8]
    assert list(recorders) == ["all"]
    assert [row["step"] for row in recorders["all"].rows] == [4]
    assert {"certain", "loss_labelled", "loss_unlabelled"} <= recorders["all"].rows[0].keys()
    found = {record["metric"]: record for record in outcome.records()}
    assert set(found) == {"top1", "mean_per_class", "learning_rate"}
    assert found["top1"]["protocol"] == "clean fixmatch 38 % of labels"
    assert found["top1"]["evaluation"] == "semi_supervised"
    assert found["learning_rate"]["value"] == 0.03


def test_published_looks_after_every_epoch_and_takes_the_best(judged):
    recorder = Recorder()
    outcome, looks = judged("published", make_reporter=lambda _: recorder)
    assert looks == [8, 8]
    best = max(row["test_top1_rate_0.03"] for row in recorder.rows)
    assert outcome.records()[0]["value"] == pytest.approx(best)
    again, looks = judged("published")
    assert looks == [8, 8]  # finished: neither trained nor looked at again
    assert again.records() == outcome.records()


def test_an_unknown_protocol_is_refused(judged):
    with pytest.raises(InputError, match="`protocol` is 'best'"):
        judged("best")
