"""What the labels of a target must be like before anything is trained on them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from simcore.errors import InputError


@dataclass
class Tally:
    """How many images there are of each source, split and class.

    Attributes:
        counts: images by (source, split, label), nulls as None.
        unlabelled: the first key without a label that was met; None where all have one.
    """

    counts: Counter[tuple[str, str | None, str | None]] = field(default_factory=Counter)
    unlabelled: str | None = None

    def add(self, table: pa.Table) -> None:
        """Count the rows of `table`: columns `key`, `source`, `split` and `label`."""
        grouped = (
            table.select(["source", "split", "label"])
            .group_by(["source", "split", "label"])
            .aggregate([([], "count_all")])
        )
        for row in grouped.to_pylist():
            self.counts[row["source"], row["split"], row["label"]] += row["count_all"]
        if self.unlabelled is None and table.column("label").null_count:
            self.unlabelled = table.filter(pc.is_null(table.column("label"))).column("key")[0].as_py()

    def classes(self, split: str | None = None, *, sources: Iterable[str] | None = None) -> set[str]:
        """Return the classes, of one split or of some sources where these are given."""
        wanted = None if sources is None else set(sources)
        return {
            label
            for (source, of, label), count in self.counts.items()
            if label is not None and count and (split is None or of == split) and (wanted is None or source in wanted)
        }

    def total(self, split: str | None = None, *, source: str | None = None) -> int:
        """Return how many images there are, of one split or one source where these are given."""
        return sum(
            count
            for (of_source, of_split, _), count in self.counts.items()
            if (split is None or of_split == split) and (source is None or of_source == source)
        )


def check_classes(tally: Tally, *, name: str, advice: str = "") -> None:
    """Raise unless all images have a label or none has, and every test class has train images.

    Labelled test images beside train images without any label are fine as well: somebody is about to label those.

    Args:
        tally: of the images of a target.
        name: the source, for the message.
        advice: what else may help, for the message.

    Raises:
        InputError: the rule is broken; the message names an image or a class.

    Example:
        >>> tally = Tally(Counter({("pets", "train", "cat"): 3, ("pets", "test", "dog"): 1}))
        >>> check_classes(tally, name="pets")
        Traceback (most recent call last):
        simcore.errors.InputError: Test class 'dog' of pets has no train images; ...
    """
    bare = tally.unlabelled is not None
    if bare and all((label is not None) == (split == "test") and split is not None for _, split, label in tally.counts):
        return
    if bare and tally.classes():
        raise InputError(
            f"Image '{tally.unlabelled}' of {name} has no class, but others have; "
            "give every image one, or set `labels` to 'none'."
        )
    # What is still to be split has no images of one part alone.
    undecided = {label for (_, split, label) in tally.counts if split is None}
    extra = sorted(tally.classes("test") - tally.classes("train") - undecided)
    if extra:
        more = f" (nor have {len(extra) - 1} more test classes)" if len(extra) > 1 else ""
        raise InputError(
            f"Test class '{extra[0]}' of {name} has no train images{more}; "
            f"{advice or 'add some to train, or remove the class from test.'}"
        )
