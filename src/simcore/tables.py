"""One way to read a Parquet table that somebody else may have written, or a disk have damaged."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def read_table(path: str | Path, *, columns: Sequence[str] | None = None, memory_map: bool = False) -> pa.Table:
    """Return a table whose values were looked at, which Parquet's own reader does not do.

    Costs a look at every length and every byte of text on top of the read.

    Args:
        path: a file.
        columns: those to read; all when None.
        memory_map: map the file instead of reading it.

    Raises:
        pa.ArrowException: it cannot be read, lengths do not fit, or text is no UTF-8.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "picks.parquet"
        >>> pq.write_table(pa.table({"key": ["wren"]}), file)
        >>> read_table(file)["key"].to_pylist()
        ['wren']
    """
    table = pq.read_table(path, columns=None if columns is None else list(columns), memory_map=memory_map)
    table.validate(full=True)
    return table
