"""Budget, stop rule and truncation, applied to a stream of rounds: the same code for a fresh run and a replay."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd

from simcore.errors import InputError
from simcore.selection.rounds import Round
from simcore.selection.stops import Stop, StopRule

Truncate = Literal["similarity", "random"] | None
StoppedBy = Literal["threshold", "budget", "exhausted"]

# The published runs never sample more than 50 images for each target image.
IMAGES_PER_TARGET = 50


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the rules made of the rounds.

    Attributes:
        rounds: the evaluated rounds, the last one perhaps cut or dropped.
        kept: for each round, the indices into its images that joined the coreset.
        trace: a row for each evaluated round.
        stopped_by: why it ended.
    """

    rounds: list[Round]
    kept: list[np.ndarray]
    trace: pd.DataFrame
    stopped_by: StoppedBy


def check_rules(budget: float | None, stop: Stop | None, truncate: Truncate, n_target: int | None) -> None:
    """Refuse settings that no open-set makes right.

    Raises:
        InputError: a budget ≤ 0, a float budget ≥ 1, an unknown `truncate`, an `n_target` < 1, no stop rule object.
    """
    if budget is not None:
        if isinstance(budget, bool) or not isinstance(budget, int | float | np.integer | np.floating):
            raise InputError(
                f"`budget` is {budget!r}; give a number of images (int), a share of the open-set (float < 1) or None."
            )
        whole = isinstance(budget, int | np.integer)
        if not budget > 0:
            raise InputError(f"`budget` is {budget}; give at least 1 image, or a share between 0 and 1.")
        if not whole and not budget < 1:
            raise InputError(
                f"`budget` is the float {budget}, which means a share of the open-set and must be below 1; "
                "give an int for a number of images."
            )
    if truncate not in ("similarity", "random", None):
        raise InputError(f'`truncate` is {truncate!r}; choose "similarity", "random" or None.')
    if n_target is not None and n_target < 1:
        raise InputError(f"`n_target` is {n_target}; give the number of target images.")
    if stop is not None and not isinstance(stop, Stop):
        raise InputError(f"`stop` is {stop!r}; give a `StopRule`, another registered rule object, or None.")


def rule_settings(
    budget: float | None, stop: Stop | None, truncate: Truncate, n_target: int | None, seed: int
) -> dict[str, Any]:
    """Return the settings as a certificate keeps them, JSON-ready."""
    whole = isinstance(budget, int | np.integer)
    return {
        "budget": budget if budget is None else (int(budget) if whole else float(budget)),
        "stop": None if stop is None else stop.settings(),
        "n_target": n_target,
        "truncate": truncate,
        "seed": seed,
    }


def budget_in_images(budget: float | None, *, n_openset: int | None, n_target: int | None) -> int | None:
    """Return the budget as a number of images: None is 50·`n_target`, or no cap without it.

    A share is taken as the decimal number it is written as and rounded down, like the published ratios: 0.01 of
    1,281,167 is 12,811. Returns None for a share as long as `n_openset` is not known.

    Raises:
        InputError: the share of this open-set is less than one image.

    Example:
        >>> budget_in_images(0.01, n_openset=1_281_167, n_target=None)
        12811
        >>> budget_in_images(None, n_openset=1_281_167, n_target=3680)
        184000
    """
    if budget is None:
        return None if n_target is None else IMAGES_PER_TARGET * n_target
    if isinstance(budget, int | np.integer):
        return int(budget)
    if n_openset is None:
        return None
    images = int(Decimal(str(float(budget))) * n_openset)
    if images < 1:
        raise InputError(f"`budget` is {budget}, which is less than one of {n_openset:,} images; give a larger share.")
    return images


def apply_rules(
    rounds: Iterator[Round], *, budget: int | None, stop: Stop | None, truncate: Truncate, seed: int
) -> Outcome:
    """Return the coreset that `budget`, `stop` and `truncate` make of `rounds`, reading no round more than needed."""
    rule = StopRule.none() if stop is None else stop
    seen: list[Round] = []
    kept: list[np.ndarray] = []
    values: list[float] = []
    totals: list[int] = []
    total, stopped_by = 0, "exhausted"
    while True:
        if budget is not None and total >= budget:
            stopped_by = "budget"
            break
        round_ = next(rounds, None)
        if round_ is None:
            break
        seen.append(round_)
        values.append(round_.value)
        fails = rule.fails(values)
        if fails and not rule.keep_failing_round:
            chosen = np.empty(0, dtype=np.int64)
        else:
            chosen = _cut(len(round_.positions), budget, total, truncate, [seed, len(seen)])
        kept.append(chosen)
        total += len(chosen)
        totals.append(total)
        if fails:
            stopped_by = "threshold"
            break
    return Outcome(seen, kept, _trace(seen, kept, values, totals, rule), stopped_by)  # type: ignore[arg-type]


def _cut(n_new: int, budget: int | None, total: int, truncate: Truncate, seed: list[int]) -> np.ndarray:
    """Return which of a round's images (most similar first) fit into the budget."""
    if budget is None or truncate is None or total + n_new <= budget:
        return np.arange(n_new)
    room = budget - total
    if truncate == "similarity":
        return np.arange(room)
    return np.sort(np.random.default_rng(seed).choice(n_new, size=room, replace=False))


def _trace(
    seen: list[Round], kept: list[np.ndarray], values: list[float], totals: list[int], rule: Stop
) -> pd.DataFrame:
    reference = rule.reference(values)
    column = np.array(values, dtype=np.float64)
    ratio = column / reference if reference is not None and reference > 0 else np.full(len(column), np.nan)
    return pd.DataFrame(
        {
            "round": np.arange(1, len(seen) + 1, dtype=np.int32),
            "value": column,
            "ratio": ratio,
            "n_new": np.array([len(round_.positions) for round_ in seen], dtype=np.int64),
            "n_total": np.array(totals, dtype=np.int64),
            "kept": np.array([len(chosen) > 0 for chosen in kept], dtype=bool),
        }
    )
