"""Parameters of active learning: the paper's as they are, and what is refused."""

from pathlib import Path

import pytest

from simcore.errors import InputError
from simcore.parameters import check_parameters
from simcore.reuse.values import value_fingerprint
from tests.parameters.test_parameters import load


def test_the_papers_settings() -> None:
    assert check_parameters(load("paper")).active_learning.model_dump() == {
        "queries": ("random", "entropy", "coreset", "badge"),
        "shares": (0.1, 0.2, 0.3, 0.4),
        "protocols": ("clean", "published"),
        "epochs": 100,
        "batch_size": 256,
        "learning_rate": 0.03,
        "weight_decay": 1e-4,
        "scale": (0.2, 1.0),
        "seed": 0,
        "labels": None,
        "pictures": 12,
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"queries": "badge+margin"}, "`active_learning.queries` is 'margin', but should be 'random', 'entropy'"),
        ({"shares": [0.2, 0.1]}, "shares of the training images have to rise, above 0 and at most 1"),
        ({"shares": "0.5+1.5"}, "have to rise, above 0 and at most 1"),
        ({"labels": "nowhere.csv"}, "nowhere.csv is no file; begin with one that holds the line `key,label`"),
        ({"rounds": 4}, "unknown parameter `active_learning.rounds`"),
    ],
)
def test_wrong_ones_are_refused(change: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_parameters(load("test", active_learning=change))


def test_labels_count_by_their_content(tmp_path: Path) -> None:
    def fingerprint(name: str, text: str, **other: object) -> str:
        (tmp_path / name).write_text(text)
        settings = {"labels": str(tmp_path / name), "queries": "badge", **other}
        return value_fingerprint(check_parameters(load("test", active_learning=settings)).active_learning)

    first = fingerprint("a.csv", "key,label\n")
    assert fingerprint("b.csv", "key,label\n") == first == fingerprint("a.csv", "key,label\n", pictures=1)
    assert fingerprint("a.csv", "key,label\na,b\n") != first != fingerprint("a.csv", "key,label\n", seed=1)
