"""The page on the data sets says what the code does."""

import re
from pathlib import Path

import pytest

from simcore.images.sources import READERS
from simcore.published import expected_counts
from simcore.source_text import read_entries

PAGE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
OFFICIAL = {name: reader for name, reader in READERS.items() if reader.official is not None}
ROWS = {
    cells[0].strip("`"): cells[1:]
    for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines())
    if cells[0].strip("`") in OFFICIAL
}
SECTIONS = {
    title: text
    for title, text in (part.split("\n", 1) for part in re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)[1:])
    if title in OFFICIAL
}


def test_every_data_set_has_a_row_and_a_section() -> None:
    assert set(ROWS) == set(SECTIONS) == set(OFFICIAL)


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_row_has_the_published_counts_and_the_usual_folder(name: str) -> None:
    _, *counts, folder = ROWS[name]
    expected = expected_counts(name)
    assert counts == [
        "not published" if count is None else f"{count:,}"
        for count in (expected.train, expected.test, expected.classes)
    ]
    assert folder.strip("`") == OFFICIAL[name].official.folder


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_section_has_origin_terms_layout_and_one_command(name: str) -> None:
    section = SECTIONS[name]
    for part in ("- From: ", "- Terms: ", "- Layout: "):
        assert section.count(part) == 1
    commands = re.findall(r"^kedro run --pipelines ingestion --params (?:target|openset).source=(\S+)$", section, re.M)
    assert len(commands) == 1
    (entry,) = read_entries(commands[0])
    assert (entry.source, entry.path) == (name, f"/path/to/{OFFICIAL[name].official.folder}")


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_value_of_every_option_is_named(name: str) -> None:
    for option in OFFICIAL[name].options:
        assert option.name in SECTIONS[name]
        values = option.allowed if option.name == "level" else {*option.allowed} - {"whole"}
        assert all(re.search(rf"\b{value}\b", SECTIONS[name]) for value in values)


@pytest.mark.parametrize("name", OFFICIAL)
def test_known_differences_are_told(name: str) -> None:
    numbers = {number for sentence in expected_counts(name).known for number in re.findall(r"\d[\d,]{3,}", sentence)}
    told = SECTIONS[name] + " ".join(ROWS[name])
    assert [number for number in sorted(numbers) if number not in told] == []
