from dataclasses import replace

import pandas as pd
import pytest

from simcore.errors import InputError
from simcore.published import compare_with_published
from simcore.reporting import Report, render_report
from simcore.reporting.published import published_section
from simcore.reporting.sections import compose_sections


def anchors_of(report: Report) -> list[str]:
    return [section.anchor for section in compose_sections(report)]


def test_a_published_number_stands_beside_ours_with_what_differs(published) -> None:
    (table,) = published_section(published.head(1)).blocks
    shown = dict(zip(table.columns, table.rows[0], strict=True))
    assert shown == {
        "arm": "X",
        "measure": "linear probe, top-1 accuracy (clean)",
        "published": "59.23",
        "ours": "58.50",
        "difference": "−0.73",
        "seeds": "3",
        "what differs": "Clean instead of published; 3 seeds instead of 1.",
        "data set": "pets",
        "open-set": "none",
        "pretraining": "simclr, resnet50",
        "table": "main",
    }
    assert "no difference has an interval" in table.note


def test_a_flag_has_a_column_where_there_is_one(published) -> None:
    flagged = published.head(1).assign(flag="far below its neighbours")
    (table,) = published_section(pd.concat([published.head(1), flagged])).blocks
    assert table.columns[-1] == "read with care"
    assert [row[-1] for row in table.rows] == ["", "far below its neighbours"]


def test_the_size_of_a_coreset_is_named_as_published(published) -> None:
    rows = [{"ratio_percent": 1.0, "tau": 0.95}, {"tau": 0.9}, {"protocol_differences": ""}]
    frame = pd.concat([published.head(1).assign(arm="simcore", **row) for row in rows])
    (table,) = published_section(frame).blocks
    assert [row[0] for row in table.rows] == [
        "X + SimCore, 1 % of the open-set",
        "X + SimCore, tau 0.9",
        "X + SimCore",
    ]
    assert table.rows[2][table.columns.index("what differs")] == "Nothing that the records tell."


def test_numbers_without_a_counterpart_have_no_section(report, published) -> None:
    assert "published" in anchors_of(report)
    nothing = compare_with_published(
        pd.DataFrame(
            [
                {
                    "dataset": "mine", "method": "simclr", "encoder": "resnet10", "arm": "x", "evaluation": "linear",
                    "metric": "top1", "protocol": "clean", "value": 0.5,
                }
            ]
        )
    )  # fmt: skip
    for empty in (None, nothing, pd.DataFrame()):
        assert "published" not in anchors_of(replace(report, published=empty))
    with pytest.raises(InputError, match="`published` lacks flag"):
        published_section(published.drop(columns="flag"))


def test_hostile_names_are_escaped(published, hostile) -> None:
    page = render_report(Report(title="", answer="", command="", published=published))
    assert hostile not in page
    # Eleven texts in eight cells.
    assert page.count("&lt;script&gt;alert(") == 11
