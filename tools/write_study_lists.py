"""Write the lists of conf/study: a larger target out of the shipped open-set, and the keys that leave the pool for it.

    python tools/write_study_lists.py [folder]

The test images stay those of the default target. The images of X are drawn from the labelled animals of the open-set, a
class as often as among the test images, those of the smallest SHA-256 of their keys: the same on every machine.
"""

import hashlib
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcore.files import atomic_file
from simcore.images.uris import packed_uri

RAW = Path(__file__).parents[1] / "data" / "01_raw"
TARGET = "quadrupeds_target.parquet"
OPENSET = "quadrupeds_openset.parquet"

N_TARGET = 1500
"""Half of the open-set's animals: as many are left in it to be found."""

CLASSES = {
    "animal/bear": "bear",
    "animal/cat": "cat",
    "animal/cow": "cow",
    "animal/dog": "dog",
    "animal/horse": "horse",
    "animal/sheep": "sheep",
}
"""What the open-set calls a class, and what the target calls it."""


def _listed(name: str) -> pa.Table:
    """Return key, uri (relative to the folder of the data), label and split of a packed file."""
    table = pq.read_table(RAW / name, columns=["key", "label", "split"])
    uris = [packed_uri(name, row) for row in range(len(table))]
    return table.add_column(1, "uri", pa.array(uris))


def _smallest(keys: list[str], *, count: int) -> list[str]:
    if count > len(keys):
        raise SystemExit(f"{count} images of a class are wanted, but the open-set has {len(keys)}; lower N_TARGET.")
    return sorted(keys, key=lambda key: hashlib.sha256(key.encode()).digest())[:count]


def study_target() -> pa.Table:
    """Return the list of the target, sorted by key: the drawn animals as train, the default target's test images."""
    pool, target = _listed(OPENSET), _listed(TARGET)
    test = target.filter(pc.equal(target["split"], "test"))
    drawn: list[str] = []
    for theirs, ours in CLASSES.items():
        keys = pool.filter(pc.equal(pool["label"], theirs))["key"].to_pylist()
        share = pc.sum(pc.equal(test["label"], ours)).as_py() / len(test)
        drawn += _smallest(keys, count=round(N_TARGET * share))
    train = pool.filter(pc.is_in(pool["key"], value_set=pa.array(drawn)))
    names = pa.array([CLASSES[label] for label in train["label"].to_pylist()])
    train = train.set_column(train.schema.get_field_index("label"), "label", names)
    return pa.concat_tables([train, test]).sort_by("key")


def main(folder: Path) -> None:
    """Write `study_target.csv` and `study_excluded.txt` into `folder`."""
    target = study_target()
    with atomic_file(folder / "study_target.csv") as partial:
        target.to_pandas().to_csv(partial, index=False, lineterminator="\n")
    excluded = target.filter(pc.equal(target["split"], "train"))["key"].to_pylist()
    with atomic_file(folder / "study_excluded.txt") as partial:
        partial.write_text("\n".join(excluded) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else RAW)
