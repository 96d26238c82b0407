import numpy as np
import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.reporting import curves_figure


def test_long_curves_are_averaged_and_say_so() -> None:
    curves = pd.DataFrame({"arm": "x", "seed": 0, "step": np.arange(1, 601), "loss": np.arange(600.0)})
    figure = curves_figure(curves.sample(frac=1, random_state=0))
    assert len(figure.data[0].x) == 200
    assert list(figure.data[0].y[:2]) == [1.0, 4.0]
    assert figure.layout.yaxis.title.text == "training loss (mean of 3 logged steps)"


def test_seeds_of_an_arm_share_one_entry_of_the_legend() -> None:
    rows = [(arm, seed, 1, 5.0) for arm in ("x", "simcore") for seed in (0, 1)]
    figure = curves_figure(pd.DataFrame(rows, columns=["arm", "seed", "step", "loss"]))
    assert [data.showlegend for data in figure.data] == [True, False, True, False]
    assert figure.data[0].line.color == figure.data[1].line.color != figure.data[2].line.color


def test_no_curve_is_said_and_another_frame_is_refused() -> None:
    empty = curves_figure(pd.DataFrame(columns=["arm", "seed", "step", "loss"]))
    assert "No training curve" in empty.layout.annotations[0].text
    with pytest.raises(InputError, match="lacks"):
        curves_figure(pd.DataFrame({"other": [1]}))
