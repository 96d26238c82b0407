"""The accuracies and ratios that the paper prints, in one long table."""

from functools import cache
from importlib.resources import files

import pandas as pd

_TEXT = (
    "table",
    "dataset",
    "openset",
    "method",
    "encoder",
    "arm",
    "evaluation",
    "recipe",
    "metric",
    "our_metric",
    "flag",
)
_WHOLE = ("neighbours", "labels_percent")


def published_results() -> pd.DataFrame:
    """Return the published numbers, one row a number.

    Sources: SimCore (CVPR 2023), main table ("main"), tables 3, 4, 6, 7a to 7d and 9, supplement, tables 11 to 17 and the
    text of E.2 and F.2, and a comment of the authors on full fine-tuning ("authors").

    | column | what it says |
    |---|---|
    | `table` | where the number stands |
    | `dataset`, `openset` | target and open-set, as `target.source` and `openset.source` take them; no open-set: null |
    | `method`, `encoder` | of the pretraining; the hard negatives of table 17 are `hns`, `ehns`, `ehns_m` |
    | `arm` | x, os, x_os, random, simcore_k1, simcore, oracle; x_matched (X for as many steps), simcore_repeated (selected three times), os_given (weights of others), os_then_x, os_then_simcore (two stages), none (no pretraining) |
    | `ratio_percent` | fixed share of the open-set; null with the stop rule and where nothing is drawn |
    | `tau` | of the stop rule; null where there is none, and where none is stated |
    | `evaluation` | linear, knn, finetune, attribute_..., detection, segmentation, semi_supervised, openset_semi_supervised, webly, active_learning as in records of runs; selection: a number on the coreset itself |
    | `recipe` | fine-tuning: authors, long; else the method that learns from the labels, or the query of active learning |
    | `neighbours`, `labels_percent` | k of kNN; share of the labels |
    | `metric` | accuracy, mAP, mAP50, IoU_fg, IoU_bg, ratio_percent (coreset in per cent of the open-set), images |
    | `our_metric` | the same in records of runs: accuracy is mean_per_class for some data sets, else top1 |
    | `value` | in per cent; images: a number |
    | `flag` | why the number is to be read with care, else null |

    Example:
        >>> table = published_results()
        >>> main = table[(table["table"] == "main") & (table["metric"] == "accuracy")]
        >>> alone = main[main["arm"] == "x"]
        >>> stopped = main[(main["arm"] == "simcore") & main["ratio_percent"].isna()]
        >>> [f"{arm['value'].mean():.2f} over {len(arm)}" for arm in (alone, stopped)]
        ['56.52 over 11', '66.98 over 11']
    """  # noqa: E501 (rows of a table)
    return _table().copy()


@cache
def _table() -> pd.DataFrame:
    dtypes = {**dict.fromkeys(_TEXT, "str"), **dict.fromkeys(_WHOLE, "Int64")}
    with (files(__name__.rpartition(".")[0]) / "results.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=dtypes)
