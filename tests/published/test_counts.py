"""The published counts against the numbers as printed, and what is said of copies that differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcore.images.sources import READERS
from simcore.published import compare_counts, expected_counts

AS_PRINTED = """
imagenet       1,281,167   50,000   1,000
coco             118,287    5,000      80
inaturalist      500,000  100,000  10,000
places365      8,026,628  328,500     365
aircraft           6,667    3,333     100
cars               8,144    8,041     196
pets               3,680    3,669      37
birds              5,990    5,790     200
dogs              12,000    8,580     120
flowers            2,040    6,149     102
actions            4,000    5,532      40
indoor             5,360    1,340      67
textures           3,760    1,880      47
faces              4,263    1,215     307
food              13,296    3,347      11
"""
TABLE_10 = {
    name: tuple(int(number.replace(",", "")) for number in numbers)
    for name, *numbers in (line.split() for line in AS_PRINTED.strip().splitlines())
}
DATASETS = [*TABLE_10, "webvision", "webfg", "all"]


@pytest.mark.parametrize("dataset", TABLE_10)
def test_table_10(dataset: str) -> None:
    counts = expected_counts(dataset)
    assert (counts.train, counts.test, counts.classes) == TABLE_10[dataset]
    assert counts.level is None


def test_the_other_opensets() -> None:
    webvision, webfg = expected_counts("webvision"), expected_counts("webfg")
    assert (webvision.train, webvision.classes) == (2_446_037, 1000)
    assert (webfg.train, webfg.test, webfg.classes) == (53_339, None, 496)
    parts = [expected_counts("webfg", subset) for subset in ("aircraft", "bird", "car")]
    assert [part.train for part in parts] == [13_503, 18_388, 21_448]
    assert sum(part.train for part in parts) == webfg.train
    assert sum(part.classes for part in parts) == webfg.classes
    joined = ("coco", "inaturalist", "imagenet", "places365")
    assert expected_counts("all").train == sum(expected_counts(each).train for each in joined) == 9_926_082


def test_subsets_and_targets_have_the_same_classes() -> None:
    pairs = {"aircraft": "aircraft", "bird": "birds", "car": "cars"}
    for subset, target in pairs.items():
        assert expected_counts("webfg", subset).classes == expected_counts(target).classes


@pytest.mark.parametrize(
    ("dataset", "level", "classes"),
    [
        ("aircraft", "variant", 100),
        ("aircraft", "family", 70),
        ("aircraft", "manufacturer", 30),
        ("cars", "brand", 49),
        ("cars", "type", 9),
        ("pets", "species", 2),
        ("faces", "smiling", 2),
    ],
)
def test_levels(dataset: str, level: str, classes: int) -> None:
    counts = expected_counts(dataset, level)
    assert (counts.level, counts.classes) == (level, classes)
    assert counts.train == TABLE_10[dataset][0]


def test_every_published_set_and_level_has_counts() -> None:
    official = {name: reader for name, reader in READERS.items() if reader.official is not None}
    assert set(official) == set(DATASETS) - {"all"}
    for name, reader in official.items():
        for option in reader.options:
            if option.name in ("level", "subset", "variant"):
                assert {expected_counts(name, value).level for value in option.allowed} == set(option.allowed)
                default = expected_counts(name, option.default)
                assert (default.train, default.classes) == (expected_counts(name).train, expected_counts(name).classes)


def test_what_is_not_published() -> None:
    assert expected_counts("quadrupeds") is None
    assert compare_counts("quadrupeds", train=3, test=1, classes=2) == []
    assert expected_counts("dogs", "breed").level is None


def _verdicts(dataset: str, **found) -> dict[str, str]:
    return {finding.what: finding.verdict for finding in compare_counts(dataset, **found)}


def test_counts_that_are_not_given_are_not_compared() -> None:
    assert _verdicts("coco", train=118_287) == {"train": "match"}
    assert _verdicts("coco", train=118_287, classes=0) == {"train": "match"}
    assert _verdicts("coco", train=118_287, test=0) == {"train": "match", "test": "mismatch"}
    assert _verdicts("webfg", train=53_339, test=17_168) == {"train": "match"}


@pytest.mark.parametrize(
    ("dataset", "found", "cause"),
    [
        ("birds", {"train": 5994}, "the 4 that are grey"),
        ("birds", {"test": 5794}, "the 4 that are grey"),
        ("webvision", {"train": 2_439_574}, "6,463 more"),
        ("places365", {"train": 8_026_620}, "8 images known to be damaged"),
        ("places365", {"test": 36_500}, "328,500"),
    ],
)
def test_known_differences(dataset: str, found: dict, cause: str) -> None:
    (finding,) = compare_counts(dataset, **found)
    assert finding.verdict == "known"
    assert cause in finding.cause


def test_known_differences_are_listed() -> None:
    assert any("2,439,574" in sentence for sentence in expected_counts("webvision").known)
    assert any("8,026,620 can be used" in sentence for sentence in expected_counts("places365").known)
    assert any("7 images" in sentence for sentence in expected_counts("webfg").known)
    assert len(expected_counts("cars", "type").known) == 1
    assert expected_counts("cars").known == ()


@pytest.mark.parametrize(
    ("dataset", "found", "cause"),
    [
        ("aircraft", {"classes": 70}, "at 'family': the labels are at another level"),
        ("aircraft", {"level": "family", "classes": 100}, "at 'variant': the labels are at another level"),
        ("cars", {"level": "model", "classes": 49}, "at 'brand'"),
        ("webfg", {"train": 18_388}, "'bird' alone"),
        ("webfg", {"classes": 196}, "at 'car'"),
        ("places365", {"train": 1_803_460}, "'standard' alone"),
        ("inaturalist", {"train": 2_686_843}, "full train set"),
        ("flowers", {"train": 1020}, "only the official train part"),
        ("flowers", {"train": 6149, "test": 2040}, "train and test are swapped"),
        ("pets", {"train": 7349, "test": 0}, "the test images are among the train images"),
        ("pets", {"test": 0}, "the archive of that part is missing"),
        ("pets", {"train": 8144}, "the number of cars: the path leads to another data set"),
        ("pets", {"train": 3679}, "not unpacked in full"),
        ("pets", {"train": 3681}, "extra files"),
        ("pets", {"classes": 36}, "folders of classes are missing"),
        ("pets", {"classes": 38}, "folders that are no classes"),
        ("faces", {"train": 5478}, "not divided"),
        ("cars", {"level": "type", "train": 8145}, "extra files"),
        ("cars", {"level": "brand", "train": 8143}, "not unpacked in full"),
    ],
)
def test_likeliest_cause(dataset: str, found: dict, cause: str) -> None:
    first = compare_counts(dataset, **found)[0]
    assert first.verdict == "mismatch"
    assert cause.lower() in first.cause.lower()


@pytest.mark.parametrize(
    ("dataset", "found", "cause"),
    [
        # A class or two of a small part are not the classes of another level.
        ("faces", {"level": "identity", "train": 25, "test": 7, "classes": 2}, "images are missing, and with them"),
        ("faces", {"level": "male", "train": 25, "test": 7, "classes": 1}, "images are missing, and with them"),
        ("pets", {"level": "breed", "train": 200, "test": 200, "classes": 2}, "images are missing, and with them"),
        ("cars", {"level": "model", "train": 300, "classes": 9}, "images are missing, and with them"),
        # Of a set that is whole, they are; and where several levels have as many, all are named.
        ("pets", {"level": "breed", "train": 3680, "classes": 2}, "number at 'species': the labels are at another"),
        ("faces", {"level": "identity", "train": 4263, "classes": 2}, "'male', 'oval_face', 'pointy_nose', 'smiling',"),
        ("webfg", {"level": "whole", "train": 21_448, "classes": 196}, "at 'car'"),
        ("pets", {"level": "breed", "train": 3680, "classes": 36}, "folders of classes are missing"),
    ],
)
def test_the_cause_of_other_classes_heeds_the_images(dataset: str, found: dict, cause: str) -> None:
    finding = next(each for each in compare_counts(dataset, **found) if each.what == "classes")
    assert finding.verdict == "mismatch" and cause in finding.cause.lower()


@given(
    dataset=st.sampled_from(DATASETS),
    what=st.sampled_from(["train", "test", "classes"]),
    found=st.integers(0, 9_000_000),
)
def test_only_the_published_number_is_a_match(dataset: str, what: str, found: int) -> None:
    expected = getattr(expected_counts(dataset), what)
    findings = compare_counts(dataset, **{what: found})
    if expected is None or (what == "classes" and found == 0):
        assert findings == []
        return
    (finding,) = findings
    assert (finding.what, finding.expected, finding.found) == (what, expected, found)
    assert (finding.verdict == "match") == (found == expected)
    assert bool(finding.cause) == (found != expected)
    if finding.cause:
        assert finding.cause[0].isupper()
        assert finding.cause.endswith(".")
        assert not finding.cause.endswith("..")
