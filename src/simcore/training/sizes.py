"""How many images an arm will train on, as far as that is known before the selection has run."""

from dataclasses import dataclass

from simcore.training.epochs import IMAGENET_IMAGES, LONGEST


@dataclass(frozen=True)
class ArmSize:
    """Images of the open-set in an arm's training set.

    Attributes:
        n_selected: Images; the most there can be where `exact` is False.
        exact: Whether the number stands.
        reason: What decides it, in words.
    """

    n_selected: int
    exact: bool
    reason: str


STOPPED = {
    "threshold": "tau decided",
    "budget": "the cap decided",
    "exhausted": "the open-set was used up",
}
"""What a selection's `stopped_by` says, in words."""


def coreset_size(*, budget: int | None, n_openset: int, tau: float | None) -> ArmSize:
    """Return the size of a coreset before it is selected.

    Without a stop rule the budget, or the open-set if that is smaller, is the size; with one it is the most there can
    be.

    Args:
        budget: Images, None for no cap.
        n_openset: Images of the open-set.
        tau: Threshold of the stop rule; None without one.

    Example:
        >>> coreset_size(budget=184_000, n_openset=1_281_167, tau=0.95)
        ArmSize(n_selected=184000, exact=False, reason='the budget; tau may stop before')
        >>> coreset_size(budget=184_000, n_openset=118_287, tau=None)
        ArmSize(n_selected=118287, exact=True, reason='the whole open-set, below the budget')
    """
    capped = budget is not None and budget <= n_openset
    size = budget if budget is not None and capped else n_openset
    what = "the budget" if capped else "the whole open-set" + (", below the budget" if budget is not None else "")
    return ArmSize(size, exact=tau is None, reason=what if tau is None else f"{what}; tau may stop before")


def costliest_size(size: ArmSize) -> int:
    """Return the number of selected images, up to `size`, whose training takes longest by the paper's epoch rule.

    Up to 25,623 images a coreset is trained on for 5,000 epochs; beyond, the epochs fall as fast as the coreset grows
    and the share of X makes larger ones cheaper. So an upper bound of the cost is not always at the largest size.

    Example:
        >>> costliest_size(ArmSize(184_000, exact=False, reason=""))
        25623
        >>> costliest_size(ArmSize(184_000, exact=True, reason=""))
        184000
    """
    return size.n_selected if size.exact else min(size.n_selected, 100 * IMAGENET_IMAGES // LONGEST)
