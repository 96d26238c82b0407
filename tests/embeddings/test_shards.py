import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.embeddings import EmbeddingWriter, open_embeddings, write_embeddings
from simcore.embeddings.mapped import MappedShard
from simcore.embeddings.shards import ROW_GROUP_BYTES, existing_shards
from simcore.errors import ArtefactError, InputError


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(50, 6)).astype(np.float16)


KEYS = [f"{i:03d}" for i in range(50)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 13), min_size=1, max_size=6), st.integers(1, 12), st.integers(1, 40))
def test_any_batches_and_shards_give_back_the_rows(tmp_path_factory, batches, rows_per_shard, block):
    total = sum(batches)
    rows = np.random.default_rng(total).normal(size=(total, 5)).astype(np.float16)
    directory = tmp_path_factory.mktemp("e") / "embeddings"
    if total == 0:
        with (
            pytest.raises(InputError, match="No embedding was written"),
            EmbeddingWriter(directory, dim=5, metadata={}),
        ):
            pass
        return
    with EmbeddingWriter(directory, dim=5, metadata={"encoder": "x"}, rows_per_shard=rows_per_shard) as writer:
        start = 0
        for size in batches:
            writer.write([f"{i:03d}" for i in range(start, start + size)], rows[start : start + size])
            start += size
    embeddings = open_embeddings(directory)
    assert (len(embeddings), embeddings.dim) == (total, 5)
    assert (embeddings.to_numpy() == rows).all()
    assert embeddings.keys().tolist() == [f"{i:03d}" for i in range(total)]
    assert len(existing_shards(directory)) == -(-total // rows_per_shard)
    parts = list(embeddings.blocks(rows=block))
    assert all(len(values) <= block for _, values in parts)
    assert (np.concatenate([values for _, values in parts]) == rows).all()
    assert np.concatenate([keys for keys, _ in parts]).tolist() == embeddings.keys().tolist()
    wanted = np.random.default_rng(1).integers(0, total, size=20)
    assert (embeddings.take(wanted) == rows[wanted]).all()
    assert embeddings.keys_at(wanted).to_pylist() == [f"{i:03d}" for i in wanted]


def test_the_format_is_what_the_contract_says(tmp_path, rows):
    write_embeddings(tmp_path / "e", KEYS, rows, metadata={"encoder": "abc", "transform": {"image_size": 64}})
    table = pq.read_table(tmp_path / "e" / "part-00000.parquet")
    assert table.schema.names == ["key", "embedding"]
    assert table.schema.field("key").type == pa.string()
    assert table.schema.field("embedding").type == pa.binary(12)
    assert json.loads(table.schema.metadata[b"simcore"]) == {
        "encoder": "abc",
        "transform": {"image_size": 64},
        "dim": 6,
        "dtype": "float16",
    }
    assert np.frombuffer(table["embedding"][7].as_py(), dtype=np.float16).tolist() == rows[7].tolist()
    assert sorted(path.name for path in (tmp_path / "e").iterdir()) == ["part-00000.parquet"]


def test_rows_come_as_array_tensor_and_frame(tmp_path, rows):
    embeddings = write_embeddings(tmp_path / "e", KEYS, torch.from_numpy(rows), rows_per_shard=20)
    assert embeddings.to_tensor().dtype == torch.float16
    assert (embeddings.to_tensor().numpy() == rows).all()
    frame = embeddings.to_frame()
    assert frame.index.tolist() == KEYS
    assert (frame.to_numpy() == rows).all()
    assert repr(embeddings) == "Embeddings(50 rows, dim 6, 3 shards)"


def test_rows_are_mapped_not_copied_where_the_file_allows_it(tmp_path, rows):
    write_embeddings(tmp_path / "e", KEYS, rows)
    with MappedShard(tmp_path / "e" / "part-00000.parquet", dim=6) as shard:
        assert shard._values_start(0, 50 * 12) is not None
        mapped = shard.rows(0)
    assert not mapped.flags.writeable
    assert (mapped == rows).all()


@pytest.mark.parametrize(
    "layout",
    [
        {"compression": "zstd"},
        {"data_page_size": 64, "write_batch_size": 2},
        {"use_dictionary": True, "compression": "none"},
        {"data_page_version": "2.0", "compression": "none", "use_dictionary": False},
        {"row_group_size": 7, "compression": "none", "use_dictionary": False},
    ],
)
@pytest.mark.parametrize("nullable", [False, True])
def test_shards_of_other_writers_read_the_same(tmp_path, rows, layout, nullable):
    write_embeddings(tmp_path / "e", KEYS, rows)
    path = tmp_path / "e" / "part-00000.parquet"
    table = pq.read_table(path)
    fields = [pa.field(field.name, field.type, nullable=nullable) for field in table.schema]
    pq.write_table(table.cast(pa.schema(fields, metadata=table.schema.metadata)), path, **layout)
    assert (open_embeddings(tmp_path / "e").to_numpy() == rows).all()
    assert (open_embeddings(tmp_path / "e").take(np.array([3, 44, 3])) == rows[[3, 44, 3]]).all()


@pytest.mark.parametrize("column", ["key", "embedding"])
def test_rows_that_lack_a_value_are_refused(tmp_path, rows, column):
    write_embeddings(tmp_path / "e", KEYS, rows)
    path = tmp_path / "e" / "part-00000.parquet"
    table = pq.read_table(path)
    fields = [pa.field(field.name, field.type, nullable=True) for field in table.schema]
    values = {name: table.column(name).combine_chunks() for name in table.column_names}
    values[column] = pc.if_else(pa.array([number != 3 for number in range(len(table))]), values[column], None)
    pq.write_table(pa.table(values, schema=pa.schema(fields, metadata=table.schema.metadata)), path)
    found = open_embeddings(tmp_path / "e")
    held = len(table) - 1
    with pytest.raises(ArtefactError, match=f"part-00000.parquet cannot be read .it holds {held} {column}s for"):
        list(found.blocks())
    with pytest.raises(ArtefactError, match=f"it holds {held} {column}s for"):
        found.keys() if column == "key" else found.take(np.array([3]))


def test_large_rows_are_cut_into_row_groups(tmp_path):
    dim = ROW_GROUP_BYTES // 8
    rows = (np.arange(10 * dim) % 100).reshape(10, dim).astype(np.float16)
    embeddings = write_embeddings(tmp_path / "e", KEYS[:10], rows)
    assert pq.read_metadata(tmp_path / "e" / "part-00000.parquet").num_row_groups == 3
    assert (embeddings.to_numpy() == rows).all()


def test_an_interrupted_extraction_resumes_at_the_first_missing_shard(tmp_path, rows):
    settings = {"dim": 6, "metadata": {"encoder": "x"}, "rows_per_shard": 10}
    with pytest.raises(KeyboardInterrupt), EmbeddingWriter(tmp_path / "e", **settings) as writer:
        writer.write(KEYS[:37], rows[:37])
        raise KeyboardInterrupt
    assert len(existing_shards(tmp_path / "e")) == 3
    with pytest.raises(InputError, match="interrupted after 3 shards; run it again, it resumes"):
        open_embeddings(tmp_path / "e")
    first = (tmp_path / "e" / "part-00000.parquet").stat().st_mtime_ns
    with EmbeddingWriter(tmp_path / "e", **settings) as writer:
        assert writer.rows_done == 30
        writer.write(KEYS[30:], rows[30:])
    embeddings = open_embeddings(tmp_path / "e")
    assert (embeddings.to_numpy() == rows).all()
    assert (tmp_path / "e" / "part-00000.parquet").stat().st_mtime_ns == first
    write_embeddings(tmp_path / "fresh", KEYS, rows, metadata={"encoder": "x"}, rows_per_shard=10)
    for path in existing_shards(tmp_path / "fresh"):
        assert path.read_bytes() == (tmp_path / "e" / path.name).read_bytes()


def test_a_missing_shard_in_the_middle_is_where_it_resumes(tmp_path, rows):
    settings = {"dim": 6, "metadata": {}, "rows_per_shard": 10}
    write_embeddings(tmp_path / "e", KEYS, rows, rows_per_shard=10)
    (tmp_path / "e" / "part-00002.parquet").unlink()
    with pytest.raises(InputError, match=r"4 shards but `part-00002.parquet` is missing"):
        open_embeddings(tmp_path / "e")
    with EmbeddingWriter(tmp_path / "e", **settings) as writer:
        assert writer.rows_done == 20
        writer.write(KEYS[20:], rows[20:])
    assert (open_embeddings(tmp_path / "e").to_numpy() == rows).all()


def test_a_short_last_shard_is_written_again(tmp_path, rows):
    write_embeddings(tmp_path / "e", KEYS[:25], rows[:25], rows_per_shard=10)
    with EmbeddingWriter(tmp_path / "e", dim=6, metadata={}, rows_per_shard=10) as writer:
        assert writer.rows_done == 20
        writer.write(KEYS[20:], rows[20:])
    assert (open_embeddings(tmp_path / "e").to_numpy() == rows).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metadata": {"encoder": "other"}}, "another extraction .* differs in encoder"),
        ({"dim": 7}, "differs in dim"),
        ({"rows_per_shard": 4}, "10 rows but `rows_per_shard` is 4"),
        ({"rows_per_shard": 16}, "10 rows but `rows_per_shard` is 16"),
        ({"rows_per_shard": 0}, "both must be at least 1"),
    ],
)
def test_another_extraction_is_refused(tmp_path, rows, change, message):
    write_embeddings(tmp_path / "e", KEYS, rows, metadata={"encoder": "x"}, rows_per_shard=10)
    with pytest.raises(InputError, match=message):
        EmbeddingWriter(tmp_path / "e", **{"dim": 6, "metadata": {"encoder": "x"}, "rows_per_shard": 10, **change})


def test_rows_that_float16_cannot_hold_are_named(tmp_path):
    for bad in (np.nan, np.inf, 7e4):
        with pytest.raises(InputError, match=r"embedding of `b` .* beyond float16"):
            write_embeddings(tmp_path / "e", ["a", "b"], np.array([[1.0], [bad]]))
    assert existing_shards(tmp_path / "e") == []


def test_wrong_shapes_and_keys_are_refused(tmp_path, rows):
    writer = EmbeddingWriter(tmp_path / "e", dim=6, metadata={})
    with pytest.raises(InputError, match=r"shape \(50, 6\) with 3 keys"):
        writer.write(KEYS[:3], rows)
    with pytest.raises(InputError, match=r"\(50, 6\) is needed"):
        writer.write(KEYS, rows[:, :5])
    with pytest.raises(InputError, match="Key `a` stands twice"):
        write_embeddings(tmp_path / "f", ["a", "b", "a"], rows[:3])
    write_embeddings(tmp_path / "g", KEYS, rows)
    with pytest.raises(InputError, match="already holds embeddings"):
        write_embeddings(tmp_path / "g", KEYS, rows)
    with pytest.raises(InputError, match="`positions` reach from -1"):
        open_embeddings(tmp_path / "g").take(np.array([-1]))


def test_directories_that_are_none_are_refused(tmp_path, rows):
    with pytest.raises(InputError, match="is no directory"):
        open_embeddings(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"holds no `part-00000.parquet`"):
        open_embeddings(tmp_path)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "part-00000.parquet")
    with pytest.raises(ArtefactError, match="not an embedding shard"):
        open_embeddings(tmp_path)
    write_embeddings(tmp_path / "e", KEYS, rows, metadata={"encoder": "x"}, rows_per_shard=25)
    write_embeddings(tmp_path / "f", KEYS, rows, metadata={"encoder": "y"}, rows_per_shard=25)
    (tmp_path / "f" / "part-00001.parquet").rename(tmp_path / "e" / "part-00001.parquet")
    with pytest.raises(ArtefactError, match="different metadata"):
        open_embeddings(tmp_path / "e")


def test_columns_that_do_not_fit_the_header_are_refused(tmp_path):
    table = pa.table({"key": ["a"], "embedding": pa.array([b"1234"], type=pa.binary(4))})
    pq.write_table(table.replace_schema_metadata({"simcore": json.dumps({"dim": 3})}), tmp_path / "part-00000.parquet")
    with pytest.raises(ArtefactError, match="promises `key` and `embedding`"):
        open_embeddings(tmp_path)


def test_the_fingerprint_follows_contents(tmp_path, rows):
    names = {}
    for name, (keys, values, metadata) in {
        "same": (KEYS, rows, {}),
        "again": (KEYS, rows, {}),
        "other encoder": (KEYS, rows, {"encoder": "x"}),
        "fewer": (KEYS[:-1], rows[:-1], {}),
        "other keys": ([*KEYS[:-1], "zzz"], rows, {}),
    }.items():
        names[name] = write_embeddings(tmp_path / name, keys, values, metadata=metadata).fingerprint()
    assert names.pop("again") == names["same"]
    assert len(set(names.values())) == len(names)
