from dataclasses import replace

from simcore.reporting import Report, Table, compare_arms, compare_pairs, render_report
from simcore.reporting.sections import compose_sections

ARMS = ("x", "random", "simcore")
REFERENCES = ("raw_pixels", "random_network")


def blocks_of(report: Report, anchor: str) -> tuple:
    return next(section.blocks for section in compose_sections(report) if section.anchor == anchor)


def tables_of(report: Report, anchor: str) -> list[Table]:
    return [block for block in blocks_of(report, anchor) if isinstance(block, Table)]


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
    differences = compare_pairs(records, arms=ARMS, references=REFERENCES)
    unlabelled = replace(report, comparison=comparison, differences=differences, findings=())
    table, *rest = blocks_of(unlabelled, "comparison")
    assert {cell for row in table.rows for cell in row[1:]} == {"not evaluated: no labels"}
    assert not rest
    (label_free,) = blocks_of(unlabelled, "label-free")
    # References have no label-free measure here: no row that only says so.
    assert [row[0] for row in label_free.rows] == ["X", "X + random", "X + SimCore"]


def test_the_terms_stand_before_the_numbers(report, hostile) -> None:
    terms, table = blocks_of(report, "terms")
    assert terms == f"Equal compute: {hostile}."
    assert table.rows[0] == ("X", "600")
    assert blocks_of(Report(title="", answer="", command=""), "terms") == ("Terms: not recorded.",)


def test_hostile_terms_and_arms_are_escaped(report, hostile) -> None:
    page = render_report(Report(title="", answer="", command="", terms=report.terms, steps=report.steps))
    assert hostile not in page
    assert page.count("&lt;script&gt;alert(") == 2


def test_marks_are_explained_below_the_table_that_has_them(report, record) -> None:
    table = tables_of(report, "comparison")[0]
    assert any(cell.endswith(" *") for row in table.rows for cell in row)
    assert "* marks the arm with the highest mean of its column" in table.note
    one_seed = compare_arms([record("x", 0, 0.5), record("simcore", 0, 0.75)], arms=["x", "simcore"])
    table = tables_of(replace(report, comparison=one_seed), "comparison")[0]
    assert not any("*" in cell for row in table.rows for cell in row)
    assert table.note.endswith("No arm is marked as the best: one seed supports no claim.")


def test_a_difference_says_in_how_many_seeds_it_was_above(report, record) -> None:
    values = {"x": (0.5, 0.6, 0.7), "simcore": (0.6, 0.5, 0.8)}
    records = [record(arm, seed, value) for arm, of_arm in values.items() for seed, value in enumerate(of_arm)]
    shown = replace(report, differences=compare_pairs(records, arms=list(values)))
    (row,) = tables_of(shown, "comparison")[1].rows
    assert (row[0], row[-1]) == ("X + SimCore − X", "2 of 3")
