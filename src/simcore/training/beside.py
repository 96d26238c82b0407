"""Images that go along with those of the store, in batches of their own."""

import hashlib
from dataclasses import dataclass
from typing import Any

from simcore.errors import InputError
from simcore.training.batches import SMALLEST_PART, BatchStream
from simcore.training.data import Images, MakeViews, Source, keys_digest
from simcore.training.settings import TrainingSettings


@dataclass(frozen=True)
class Beside:
    """Images that go along with those of the store in every step, such as unlabelled ones with labelled ones.

    `Method.forward` gets the groups of the store, then these. Their batches are drawn apart, each image once an
    epoch of its own; what is left over at the end of such an epoch is dropped, so that every batch is whole.

    Attributes:
        store: Images and keys by position.
        views: Draws their views; with `simcore.supervised.LabelledViews` a class or a position goes along.
        batch_size: Images a step, over all processes; at most as many as there are.
    """

    store: Images
    views: MakeViews
    batch_size: int

    def check(self, settings: TrainingSettings) -> None:
        """Raise an error unless the batches can be made and cut as `settings` say.

        Raises:
            InputError: If they cannot, or `repr(views)` does not tell their settings.
        """
        n, parts = len(self.store), settings.parts
        if not SMALLEST_PART * parts <= self.batch_size <= n or self.batch_size % parts:
            cut = f" that are a multiple of {parts}, the equal parts that a batch is cut into" if parts > 1 else ""
            raise InputError(
                f"`beside` has {n} images and a `batch_size` of {self.batch_size}; a step takes from "
                f"{SMALLEST_PART * parts} to {n} images{cut}."
            )
        if settings.views_on == "device":
            raise InputError(
                "`views_on` is device, but images that go beside others have their views made by workers; "
                "set it to `workers`."
            )
        if type(self.views).__repr__ is object.__repr__:
            raise InputError(
                f"`views` of `beside` is a {type(self.views).__name__} whose repr does not tell its settings; use "
                "`TwoViews` or `MultiViews`, or a frozen dataclass."
            )

    def source(self, *, seed: int, parts: int) -> Source:
        """Return images, views and batches.

        Args:
            seed: Of the run; the batches have another one, made from it.
            parts: Equal parts that a batch is cut into.
        """
        own = int.from_bytes(hashlib.blake2b(f"{seed}/beside".encode(), digest_size=8).digest(), "big") >> 1
        stream = BatchStream(len(self.store), batch_size=self.batch_size, seed=own, parts=parts)
        return Source(self.store, self.views, stream)

    def facts(self) -> dict[str, Any]:
        """Return what the fingerprint of a run says of it, as plain values."""
        return {"batch_size": self.batch_size, "views": repr(self.views), "images": keys_digest(self.store)}
