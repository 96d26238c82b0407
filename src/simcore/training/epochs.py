"""How long the SimCore paper trains: epochs of a run, and the parts of a method's schedule counted in epochs."""

from typing import Literal

from simcore.errors import InputError

IMAGENET_IMAGES = 1_281_167
"""Size of ImageNet's training part: what the paper's rules divide by, whatever the open-set is."""

LONGEST = 5_000
"""Epochs of the paper's longest run; the lengths of warm-ups and freezes are stated for it."""

_RETRIEVAL = 1_000
_OPENSET = 200
_TWO_STAGE = 5

Purpose = Literal["retrieval", "target", "coreset", "openset"]
"""What is trained: the retrieval encoder on X, a model on X alone, on X + a coreset, or on all of the open-set."""

# Value of the 5,000 epochs' run, least value, and whether the text gives it as a share of the run's length (2 % and
# 40 %) or as a number of epochs.
_LENGTHS: dict[str, tuple[int, int, bool]] = {
    "dino.warmup": (100, 0, True),
    "dino.warmup_teacher_temperature": (2_000, 0, True),
    "dino.freeze_last_layer": (10, 1, False),
    "swav.freeze_prototypes": (10, 1, False),
    "mae.warmup": (100, 0, False),
}
_OPENSET_PROTOTYPES_FROZEN = 1


def epochs_for_coreset(n_selected: int, *, maximum: int = LONGEST, reference: int = IMAGENET_IMAGES) -> int:
    """Return the epochs of a run on X and `n_selected` images of an open-set.

    With I the coreset,

        min(maximum, floor(100 * reference / |I|)),

    at least 1: a coreset of 1 % of ImageNet trains for 5,000 epochs, one of 5 % for 2,000. The same formula serves
    every open-set, so that the number of steps hardly depends on which one it was. Source: SimCore paper,
    implementation details of the stop rule.

    Args:
        n_selected: Images of the coreset.
        maximum: Epochs of small coresets.
        reference: Size of ImageNet.

    Raises:
        InputError: If `n_selected` is below 1.

    Example:
        >>> [epochs_for_coreset(n) for n in (12_811, 64_058, 184_000)]
        [5000, 2000, 696]
    """
    if n_selected < 1:
        raise InputError(f"`n_selected` is {n_selected}; the rule divides by it, so it needs at least 1 image.")
    return max(1, min(maximum, 100 * reference // n_selected))


def rescale_epochs(value: int, epochs: float, *, of: int = LONGEST, at_least: int = 0) -> int:
    """Return a number of epochs stated for a run of `of` epochs, brought to a run of `epochs`, rounded down.

    Example:
        >>> rescale_epochs(10, 696, at_least=1), rescale_epochs(2_000, 696), rescale_epochs(10, 400, at_least=1)
        (1, 278, 1)
    """
    # Products before the division: 10 * 0.1392 is 1.3919999999999997 and 100 * 0.29 is 28.999999999999996.
    return max(at_least, int(value * epochs // of))


def two_stage_epochs(epochs: int) -> int:
    """Return the epochs of a run that starts from weights pretrained on the open-set: a fifth, at least 1.

    Source: SimCore paper, supplement F.1.

    Example:
        >>> two_stage_epochs(696)
        139
    """
    return max(1, epochs // _TWO_STAGE)


def paper_epochs(purpose: Purpose, *, n_selected: int | None = None, two_stage: bool = False) -> int:
    """Return the epochs that the paper trains for.

    1,000 for the retrieval encoder, 5,000 for X alone, `epochs_for_coreset` for X with a part of the open-set and 200
    for the open-set, with or without X; from pretrained weights a fifth of that.

    Args:
        purpose: What is trained.
        n_selected: Images of the open-set's part; of a coreset only.
        two_stage: Whether the run starts from weights pretrained on the open-set.

    Raises:
        InputError: If `n_selected` is missing for a coreset.

    Example:
        >>> paper_epochs("target"), paper_epochs("coreset", n_selected=184_000), paper_epochs("target", two_stage=True)
        (5000, 696, 1000)
    """
    if purpose == "coreset":
        if n_selected is None:
            raise InputError("The epochs of a coreset depend on its size; give `n_selected`.")
        epochs = epochs_for_coreset(n_selected)
    else:
        epochs = {"retrieval": _RETRIEVAL, "target": LONGEST, "openset": _OPENSET}[purpose]
    return two_stage_epochs(epochs) if two_stage else epochs


def paper_length(name: str, *, purpose: Purpose, epochs: float) -> int:
    """Return how many epochs a part of a method's schedule lasts in a run of `epochs`.

    DINO warms its learning rate up over 2 % and its teacher's temperature over 40 % of every run. Epochs stated as a
    number (frozen prototypes or last layer 10, MAE's warm-up 100) hold for the retrieval encoder and X alone, and are
    rescaled by epochs / 5,000 for coresets, frozen parts staying frozen for one epoch at least; on the whole open-set
    SwAV freezes for 1 epoch. Sources: SimCore paper, implementation details; the published code for the rescaling.

    Args:
        name: `dino.warmup`, `dino.warmup_teacher_temperature`, `dino.freeze_last_layer`, `swav.freeze_prototypes` or
            `mae.warmup`.
        purpose: What is trained.
        epochs: Of the run.

    Raises:
        InputError: If the paper has no such part.

    Example:
        >>> paper_length("dino.warmup", purpose="retrieval", epochs=1_000)
        20
        >>> paper_length("mae.warmup", purpose="coreset", epochs=2_590)
        51
    """
    if name not in _LENGTHS:
        raise InputError(f"The paper states no length of `{name}`; it does of {', '.join(sorted(_LENGTHS))}.")
    if name == "swav.freeze_prototypes" and purpose == "openset":
        return _OPENSET_PROTOTYPES_FROZEN
    value, least, is_share = _LENGTHS[name]
    if is_share or purpose in ("coreset", "openset"):
        return rescale_epochs(value, epochs, at_least=least)
    return value


def reselection_epochs(epochs: int, *, selections: int) -> tuple[int, ...]:
    """Return after which epochs the coreset is selected anew, in a run with `selections` selections in all.

    The first selection is the one before the run; the others follow after floor(i * epochs / selections) epochs, i =
    1 to selections - 1. Source: SimCore paper, supplement F.2 (three selections in 5,000 epochs).

    Raises:
        InputError: If there is no selection, or more than epochs.

    Example:
        >>> reselection_epochs(5_000, selections=3)
        (1666, 3333)
    """
    if not 1 <= selections <= max(1, epochs):
        raise InputError(
            f"{selections} selections do not fit a run of {epochs} epochs: there is one before the run, and at most "
            "one after each epoch but the last."
        )
    return tuple(epochs * number // selections for number in range(1, selections))
