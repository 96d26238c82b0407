"""Tables that are whole files but not what they should be: types, nulls, doubles, hostile texts, lying headers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

from simcore.errors import InputError
from simcore.images import build_manifest
from simcore.images.manifest import MANIFEST_COLUMNS, check_manifest
from tests.fuzz.hostile import cells, json_values, texts
from tests.fuzz.laws import examples, hold
from tests.fuzz.originals import ORIGINALS
from tests.fuzz.readers import DIM, N_ROWS
from tests.fuzz.victim import Victim

RIGHT = {"uri": "/nowhere/a.png", "label": "cat", "split": "train", "width": 3, "height": 2, "source": "pool"}


@st.composite
def manifests(draw: Callable[..., Any]) -> pd.DataFrame:
    """A manifest with some columns and cells replaced, left out or doubled."""
    n = draw(st.integers(0, 4))
    frame = pd.DataFrame([{"key": f"k{row}", **RIGHT} for row in range(n)], columns=list(MANIFEST_COLUMNS))
    for column in draw(st.sets(st.sampled_from(MANIFEST_COLUMNS), max_size=3)):
        values = draw(st.lists(cells, min_size=n, max_size=n))
        frame[column] = pd.Series(values, index=frame.index, dtype=object)
    dropped = draw(st.sets(st.sampled_from(MANIFEST_COLUMNS), max_size=1))
    frame = frame.drop(columns=sorted(dropped))
    if draw(st.booleans()):
        frame[draw(texts.filter(lambda name: "\ud800" not in name))] = 1
    return pd.concat([frame, frame.head(1)]) if draw(st.integers(0, 4)) == 0 else frame


@examples(40, 4000)
def test_a_manifest_keeps_its_contract_or_is_refused(tries: int) -> None:
    def law(frame: pd.DataFrame) -> None:
        try:
            built = build_manifest(frame)
        except InputError as error:
            assert str(error)
            return
        check_manifest(built)
        assert len(built) == len(frame) and built["key"].is_unique and built["key"].is_monotonic_increasing
        assert built["width"].dtype == np.int32 and (built["width"] >= 1).all()

    hold(law, tries, frame=manifests())


@pytest.mark.parametrize("column", ["key", "uri", "label"])
@pytest.mark.parametrize("value", [b"a.png", ["a.png"], {"a": 1}, "\ud800.png"])
def test_what_is_no_text_is_not_made_into_one(column: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"column `{column}` holds .* in row 0"):
        build_manifest([{"key": "a", **RIGHT, column: value}])


def _shard(path: Path, *, keys: pa.Array, rows: pa.Array, header: Any, names: tuple[str, ...]) -> None:
    table = pa.Table.from_arrays([keys, rows], names=list(names))
    pq.write_table(table.replace_schema_metadata({"simcore": json.dumps(header)}), path)


columns = st.sampled_from(
    [
        pa.array([f"k{row}" for row in range(N_ROWS)]),
        pa.array(list(range(N_ROWS))),
        pa.array([None] * N_ROWS, pa.string()),
        pa.array([b"\xff\xfe"] * N_ROWS, pa.binary()),
        pa.array([b"12345678"] * N_ROWS, pa.binary(8)),
        pa.array([b"1234"] * N_ROWS, pa.binary(4)),
        pa.array([b"12345678", None] + [b"12345678"] * (N_ROWS - 2), pa.binary(8)),
        pa.array([[0.5] * DIM] * N_ROWS, pa.list_(pa.float16(), DIM)),
        pa.array([{"a": 1}] * N_ROWS),
        pa.array([], pa.string()),
    ]
)


@examples(25, 4000)
def test_a_shard_of_another_schema_or_with_a_header_that_lies_is_refused(
    tries: int, tmp_path: Path, victim: Victim, check_outcome: Callable[..., None]
) -> None:
    headers = st.fixed_dictionaries(
        {"dim": st.sampled_from([DIM, 0, -1, 2, 10**9, 2**70, None, "4", 4.0, [4]])}, optional={"dtype": json_values}
    )
    path = tmp_path / "part-00000.parquet"

    def law(keys: pa.Array, rows: pa.Array, header: Any, names: tuple[str, ...]) -> None:
        if len(keys) != len(rows):
            return
        _shard(path, keys=keys, rows=rows, header=header, names=names)
        answer = victim.read("read_embeddings", tmp_path)
        if answer["outcome"] == "wrong" and len(keys) == 0:  # a shard without rows is none of five
            return
        check_outcome(answer, named=tmp_path)

    named = st.sampled_from([("key", "embedding"), ("embedding", "key"), ("key", "key"), ("a", "b")])
    hold(law, tries, keys=columns, rows=columns, header=headers | json_values, names=named)


@pytest.mark.parametrize("name", ["encoder", "selection", "export card", "made_from", "records"])
@examples(12, 4000)
def test_json_that_says_something_else_is_refused(
    name: str,
    tries: int,
    tmp_path: Path,
    victim: Victim,
    check_outcome: Callable[..., None],
) -> None:
    """Every field of a card, a certificate and a record replaced by any value, left out or added to."""
    original = ORIGINALS[name]
    original.make(tmp_path)
    (hostile,) = [path for path in original.hostile if path.endswith(".json")]
    whole = json.loads((tmp_path / hostile).read_text())
    fields = list(whole) if isinstance(whole, dict) else list(range(len(whole)))

    def law(changed: dict[Any, Any], left_out: list[Any], added: dict[str, Any]) -> None:
        card = dict(whole) if isinstance(whole, dict) else dict(enumerate(whole))
        card |= changed
        for field in left_out:
            card.pop(field, None)
        (tmp_path / hostile).write_text(json.dumps(card | added))
        answer = victim.read(original.reader, tmp_path / original.path)
        if answer["outcome"] == "wrong" and "n_openset" in changed:
            return  # who says that the open-set was smaller is believed: the picks' keys are looked up later
        check_outcome(answer, named=None)

    hold(
        law,
        tries,
        changed=st.dictionaries(st.sampled_from(fields), json_values, max_size=2),
        left_out=st.lists(st.sampled_from(fields), max_size=1),
        added=st.dictionaries(texts, json_values, max_size=1),
    )


@pytest.mark.parametrize(
    "header",
    [
        b"\xff" * 8,
        (2**40).to_bytes(8, "little") + b"{}",
        (10).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"{}",
        json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]}}).encode(),
        json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 2**60]}}).encode(),
        json.dumps({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}).encode(),
        json.dumps({"a": {"dtype": "NONE", "shape": [1], "data_offsets": [0, 4]}}).encode(),
        json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}).encode(),
    ],
)
def test_a_safetensors_header_that_lies_about_sizes_is_refused(header: bytes, tmp_path: Path, victim: Victim) -> None:
    if header.startswith(b"{"):
        header = len(header).to_bytes(8, "little") + header + b"\0" * 4
    (tmp_path / "weights.safetensors").write_bytes(header)
    answer = victim.read("read_weight_file", tmp_path / "weights.safetensors")
    assert answer["outcome"] == "refused" or header[:8] == (2).to_bytes(8, "little"), answer
