"""Sizes of arms before the selection has run."""

from simcore.training.epochs import epochs_for_coreset
from simcore.training.sizes import ArmSize, coreset_size, costliest_size


def test_without_tau_the_size_is_exact():
    assert coreset_size(budget=50, n_openset=1000, tau=None) == ArmSize(50, exact=True, reason="the budget")


def test_with_tau_the_budget_bounds():
    size = coreset_size(budget=50, n_openset=1000, tau=0.95)
    assert (size.n_selected, size.exact) == (50, False)


def test_no_budget_bounds_by_the_openset():
    assert coreset_size(budget=None, n_openset=1000, tau=0.9).n_selected == 1000


def test_costliest_size_bounds_every_smaller_one():
    """Images seen = epochs * (|X| + |I|), over all sizes that the stop rule can end at."""
    for n_target, cap in ((6_667, 333_350), (3_680, 184_000), (120, 6_000), (500, 25_623), (500, 25_624)):
        worst = costliest_size(ArmSize(cap, exact=False, reason=""))
        bound = epochs_for_coreset(worst) * (n_target + worst)
        sizes = {*range(1, cap + 1, 97), cap, *range(max(1, min(cap, 25_500)), min(cap, 25_700) + 1)}
        seen = {size: epochs_for_coreset(size) * (n_target + size) for size in sizes}
        largest = max(seen.values())
        assert bound <= largest
        # The floor in the rule lets a size beyond the knee see up to one epoch's rounding more.
        assert largest <= bound * (1 + 1e-3)
