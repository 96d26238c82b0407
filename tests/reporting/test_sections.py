from dataclasses import replace

import pytest

from simcore.errors import InputError
from simcore.reporting import Figure, Report, Section, Table
from simcore.reporting.sections import compose_sections

ARMS = ("x", "random", "simcore")
REFERENCES = ("raw_pixels", "random_network")


def blocks_of(report: Report, anchor: str) -> tuple:
    return next(section.blocks for section in compose_sections(report) if section.anchor == anchor)


def test_sections_come_in_reading_order(report) -> None:
    anchors = [section.anchor for section in compose_sections(report)]
    wanted = "run selection composition images terms comparison published label-free curves leakage artefacts"
    assert anchors == wanted.split()


def test_everything_absent_becomes_a_sentence() -> None:
    sections = compose_sections(Report(title="", answer="", command=""))
    assert all(isinstance(block, str) and block.endswith(".") for section in sections for block in section.blocks)
    text = " ".join(block for section in sections for block in section.blocks)
    assert "Accuracy: not evaluated: no labels." in text
    assert "By class: not evaluated: the open-set has no labels." in text


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
