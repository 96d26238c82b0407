"""What a worker answers: what its work returns, or what went wrong, as a table of one row."""

import re

import pyarrow as pa
import pytest
import torch

from simcore.cluster import mapping
from simcore.cluster.mapping import Worker
from simcore.errors import ArtefactError, DiskError, InputError, SimCoreError

COLUMNS = pa.schema([("number", pa.int64()), ("values", pa.large_list(pa.float64()))])


def unit(number: int) -> pa.Table:
    return pa.Table.from_pylist([{"number": number}])


def test_answers_have_the_columns_of_the_work_and_no_error(threads) -> None:
    seen = []

    def make():
        seen.append("made")
        return lambda unit: {"number": unit["number"], "values": [0.5] * unit["number"]}

    worker = Worker(make, COLUMNS, threads=1)
    answers = [worker(unit(number)) for number in (2, 0)]
    assert [answer.select(COLUMNS.names).to_pylist() for answer in answers] == [
        [{"number": 2, "values": [0.5, 0.5]}],
        [{"number": 0, "values": []}],
    ]
    assert {str(answer.schema) for answer in answers} == {str(answers[0].schema)}
    for answer in answers:
        mapping._raise(answer)
    assert seen == ["made"]
    assert torch.get_num_threads() == 1


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("raised", "kind", "sentence"),
    [
        (InputError("Give less."), InputError, r"^Give less\.$"),
        (ArtefactError("It is damaged."), ArtefactError, r"^It is damaged\.$"),
        (OSError(28, "No space left", "a.parquet"), DiskError, r"^Machine `.+` cannot do its part: .*No space left"),
        (ZeroDivisionError("a mistake\nin it"), SimCoreError, r"failed \(ZeroDivisionError: a mistake in it\)\.$"),
    ],
)
@pytest.mark.parametrize("when", ["made", "used"])
def test_errors_come_out_as_they_are_or_in_one_sentence(raised, kind, sentence: str, when: str) -> None:
    def fail(*_: object) -> dict:
        raise raised

    answer = Worker(fail if when == "made" else lambda: fail, COLUMNS, threads=1)(unit(1))
    with pytest.raises(kind) as caught:
        mapping._raise(answer)
    # Not by `match`, which looks at notes, too.
    assert re.search(sentence, str(caught.value))
    assert type(caught.value) is kind
    assert "in fail" in caught.value.__notes__[0]
