import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.reporting import composition_figure, share_figure


def test_composition_sums_the_smallest_groups() -> None:
    shares = pd.DataFrame({"group": list("abc"), "picked_share": [0.7, 0.2, 0.1], "pool_share": [0.2, 0.3, 0.5]})
    coreset, pool = composition_figure(shares, most=1).data
    assert list(coreset.y) == ["a", "2 others"]
    assert list(coreset.x) == pytest.approx([70, 30])
    assert list(pool.x) == pytest.approx([20, 80])


@pytest.mark.parametrize(("by", "title"), [("label", "class"), ("source", "source")])
def test_shares_stand_beside_those_of_the_open_set_and_lose_nothing(coreset, pool, by, title) -> None:
    figure = share_figure(coreset, pool, by=by)
    assert [bar.name for bar in figure.data] == ["coreset", "pool"]
    assert figure.layout.yaxis.title.text == title
    assert figure.layout.yaxis.title.standoff, "the title would stand on the names of the groups"
    for bar in figure.data:
        assert sum(bar.x) == pytest.approx(100)
    counts = pool[by].value_counts(normalize=True)
    assert sorted(figure.data[1].x) == pytest.approx(sorted(100 * counts))


def test_shares_by_something_else_are_refused(coreset, pool) -> None:
    with pytest.raises(InputError, match="by 'source' or by 'label'"):
        share_figure(coreset, pool, by="width")


def test_an_empty_open_set_is_said_and_another_frame_is_refused() -> None:
    empty = composition_figure(pd.DataFrame(columns=["group", "picked_share", "pool_share"]))
    assert "the open-set is empty" in empty.layout.annotations[0].text
    with pytest.raises(InputError, match="lacks"):
        composition_figure(pd.DataFrame({"other": [1]}))
