"""The classes of ImageNet that the paper picks by hand for a target: its oracle open-sets."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pandas as pd

from simcore.errors import InputError


@dataclass(frozen=True)
class OracleClass:
    """A class of an oracle open-set.

    Attributes:
        synset: its WordNet id, which is its label in `imagenet`.
        name: what the paper calls it.
    """

    synset: str
    name: str


def oracle_classes(target: str) -> tuple[OracleClass, ...]:
    """Return the classes of ImageNet that resemble a target, in the paper's order.

    Their images, added to the target, are the paper's upper reference: no sampling, no stop rule. Source: SimCore
    (CVPR 2023), supplement, table 8. Note that "crane" is the bird, and so are "kite", "quail" and "jay".

    Args:
        target: name of the data set: aircraft, birds, cars or pets, as the paper has no others.

    Raises:
        InputError: the paper has no such list.

    Example:
        >>> len(oracle_classes("pets")), oracle_classes("aircraft")[0]
        (24, OracleClass(synset='n02690373', name='airliner'))
        >>> classes = "+".join(each.synset for each in oracle_classes("aircraft"))  # for `openset.classes`
        >>> classes[:19]
        'n02690373+n02692877'
    """
    table = _table()
    rows = table[table["target"] == target]
    if rows.empty:
        allowed = ", ".join(f"'{each}'" for each in sorted(table["target"].unique()))
        raise InputError(f"The paper has no oracle classes for '{target}', only for {allowed}; name one of them.")
    return tuple(OracleClass(synset, name) for synset, name in zip(rows["synset"], rows["name"], strict=True))


@cache
def _table() -> pd.DataFrame:
    with (files(__name__.rpartition(".")[0]) / "oracle_classes.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype="str")
