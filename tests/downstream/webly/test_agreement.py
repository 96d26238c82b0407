"""Precision, recall and area against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score, roc_auc_score

from simcore.downstream.webly import measure_agreement
from simcore.errors import InputError


@pytest.mark.parametrize("seed", range(5))
def test_as_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    planted = rng.random(50) < 0.4
    scores = rng.random(50).round(1) + 0.3 * ~planted
    clean = scores > 0.6
    assert measure_agreement(scores, clean, planted) == pytest.approx(
        {
            "clean_precision": precision_score(~planted, clean),
            "clean_recall": recall_score(~planted, clean),
            "clean_auroc": roc_auc_score(~planted, scores),
        }
    )


def test_what_is_not_defined_is_left_out() -> None:
    scores, none = np.array([0.1, 0.2]), np.array([False, False])
    assert measure_agreement(scores, none, none) == {"clean_recall": 0.0}
    assert measure_agreement(scores, ~none, ~none) == {"clean_precision": 0.0}
    assert measure_agreement(scores, None, np.array([True, False])) == {"clean_auroc": 1.0}
    with pytest.raises(InputError, match="There are 2 scores, 1 verdicts and 2 labels"):
        measure_agreement(scores, none[:1], none)
