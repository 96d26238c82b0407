from dataclasses import replace

import pytest

from simcore.errors import InputError
from simcore.reporting import Figure, Report, Section, Table, compare_arms, paired_differences
from simcore.reporting.sections import compose_sections

ARMS = ("x", "random", "simcore")
REFERENCES = ("raw_pixels", "random_network")


def blocks_of(report: Report, anchor: str) -> tuple:
    return next(section.blocks for section in compose_sections(report) if section.anchor == anchor)


def test_sections_come_in_reading_order(report) -> None:
    anchors = [section.anchor for section in compose_sections(report)]
    wanted = "run selection composition images comparison label-free curves leakage artefacts"
    assert anchors == wanted.split()


def test_everything_absent_becomes_a_sentence() -> None:
    sections = compose_sections(Report(title="", answer="", command=""))
    assert all(isinstance(block, str) and block.endswith(".") for section in sections for block in section.blocks)
    text = " ".join(block for section in sections for block in section.blocks)
    assert "Accuracy: not evaluated: no labels." in text
    assert "By class: not evaluated: the open-set has no labels." in text


def test_arms_and_references_share_a_table(report) -> None:
    table = next(block for block in blocks_of(report, "comparison") if isinstance(block, Table))
    assert [row[0] for row in table.rows] == [
        "X",
        "X + random",
        "X + SimCore",
        "raw pixels",
        "random network",
    ]
    assert "on 1,200 test images" in table.note


def test_a_metric_that_repeats_another_is_named_and_left_out(report, all_records) -> None:
    table = next(block for block in blocks_of(report, "comparison") if isinstance(block, Table))
    assert not [column for column in table.columns if "per-class" in column]
    assert "Mean per-class accuracy is the same" in table.note
    changed = [
        {**record, "value": record["value"] - 0.1} if record["metric"] == "mean_per_class" else record
        for record in all_records
    ]
    comparison = compare_arms(changed, arms=ARMS, references=REFERENCES)
    table = next(b for b in blocks_of(replace(report, comparison=comparison), "comparison") if isinstance(b, Table))
    assert [column for column in table.columns if "per-class" in column]
    assert "is the same" not in table.note


def test_an_unlabelled_target_has_a_comparison_that_says_so(report, all_records) -> None:
    records = [record for record in all_records if record["evaluation"] == "label_free"]
    comparison = compare_arms(records, arms=ARMS, references=REFERENCES)
    differences = paired_differences(records, arms=ARMS, references=REFERENCES)
    unlabelled = replace(report, comparison=comparison, differences=differences, findings=())
    table, *rest = blocks_of(unlabelled, "comparison")
    assert {cell for row in table.rows for cell in row[1:]} == {"not evaluated: no labels"}
    assert not rest
    (label_free,) = blocks_of(unlabelled, "label-free")
    # References have no label-free measure here: no row that only says so.
    assert [row[0] for row in label_free.rows] == ["X", "X + random", "X + SimCore"]


def test_the_selection_says_how_many_why_and_how_pure(report) -> None:
    text = " ".join(block for block in blocks_of(report, "selection") if isinstance(block, str))
    assert "6 of 40 open-set images were picked (15.0 %) in 3 rounds over 2 centroids." in text
    assert "Why it stopped: the round value fell below the threshold." in text
    assert "The selection is exact" in text
    assert "83.3 % of the picks are animal/* (5 of 6); chance is 27.5 % (11 of 40)." in text


def test_the_certificate_leaves_out_what_serves_replays(report) -> None:
    table = next(block for block in blocks_of(report, "selection") if isinstance(block, Table))
    assert dict(table.rows) == {"exact": "true", "list_depth": "8"}


def test_every_figure_has_a_caption_and_an_alternative(report) -> None:
    figures = [b for section in compose_sections(report) for b in section.blocks if isinstance(b, Figure)]
    assert len(figures) == 4
    assert all(figure.caption and figure.alt for figure in figures)


def test_anchors_are_unique(report) -> None:
    with pytest.raises(InputError, match="must be unique"):
        compose_sections(replace(report, sections=(Section("Again", "run", ()),)))
