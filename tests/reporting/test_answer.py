from dataclasses import replace

from simcore.reporting import Report, coreset_purity, state_answer
from simcore.reporting.answer import compose_highlights


def test_the_answer_joins_what_is_known(report) -> None:
    assert state_answer(report.selection, purity=report.purity, finding="kNN: no claim.") == (
        "SimCore picked 6 of 40 open-set images, 83.3 % of them animal/* (chance 27.5 %); kNN: no claim."
    )


def test_an_unknown_purity_is_not_mentioned(report, pool, coreset) -> None:
    unknown = coreset_purity(coreset, pool, relevant=None)
    assert state_answer(report.selection, purity=unknown) == "SimCore picked 6 of 40 open-set images."


def test_highlights_hold_the_arms_in_order_and_no_reference(report) -> None:
    names = [highlight.name for highlight in compose_highlights(report)]
    assert names == ["picked", "purity", "X", "X + random", "X + SimCore"]
    assert compose_highlights(report)[-1].value == "0.803 ± 0.006"


def test_nothing_known_gives_no_highlight(report) -> None:
    assert not compose_highlights(Report(title="", answer="", command=""))
    one = report.comparison[(report.comparison["arm"] == "x") & (report.comparison["metric"] == "top1")]
    assert [h.name for h in compose_highlights(replace(report, comparison=one.assign(role="reference")))] == [
        "picked",
        "purity",
    ]
