"""What contrastive losses share: each view against those of the joint batch of all processes."""

from typing import NamedTuple

import torch
from lightly.utils import dist
from torch import Tensor, nn

from simcore.errors import InputError


class Contrast(NamedTuple):
    """The views of this process, as anchors, against those of all processes.

    Attributes:
        anchors: (2n, d), float32, unit rows: the first views of n images, then their second views.
        logits: (2n, 2N), cosine similarities divided by the temperature, N images being those of all processes.
        itself: (2n, 2N), bool: where an anchor meets itself.
        partner: (2n,), int64: the column of the other view of the anchor's image.
    """

    anchors: Tensor
    logits: Tensor
    itself: Tensor
    partner: Tensor

    @property
    def n_negatives(self) -> int:
        """Views of other images that each anchor has: 2N - 2.

        Raises:
            InputError: If there is no other image.
        """
        count = self.logits.shape[1] - 2
        if not count:
            raise InputError("A batch of 1 image has no negatives; give at least 2 images.")
        return count

    def with_positive(self) -> Tensor:
        """Return the logits of the positive and all negatives, (2n, 2N), -inf where an anchor meets itself."""
        return self.logits.masked_fill(self.itself, float("-inf"))

    def positive(self) -> Tensor:
        """Return the logit of each anchor's positive, (2n,)."""
        return self.logits.gather(1, self.partner[:, None])[:, 0]

    def negatives(self, scale: float = 1.0) -> Tensor:
        """Return the logits of the negatives times `scale`, (2n, 2N), -inf for anchor and positive."""
        # Scaled before: 0 * -inf would be NaN.
        logits = self.logits if scale == 1 else scale * self.logits
        return logits.masked_fill(self.itself.scatter(1, self.partner[:, None], True), float("-inf"))


def contrast(out0: Tensor, out1: Tensor, *, temperature: float) -> Contrast:
    """Return the joint batch from the projections of two views; gradients pass between the processes.

    The similarity of an anchor with itself is masked instead of cut out by an index that depends on data, which
    would make a GPU wait and break a compiled graph. Cost: O(n N) in time and memory.

    Args:
        out0: (n, d), the first views.
        out1: (n, d), the second views, row i from the same image.
        temperature: T, above 0.

    Example:
        >>> met = contrast(torch.eye(2), torch.eye(2), temperature=0.5)
        >>> met.partner.tolist(), met.positive().tolist(), met.n_negatives
        ([2, 3, 0, 1], [2.0, 2.0, 2.0, 2.0], 2)
    """
    anchors = nn.functional.normalize(torch.cat([out0, out1]), dim=1)
    others = gather_rows(anchors)
    own = torch.arange(len(anchors), device=anchors.device)
    first = dist.rank() * len(anchors)
    itself = torch.zeros(len(anchors), len(others), dtype=torch.bool, device=anchors.device)
    itself = itself.scatter(1, (own + first)[:, None], True)
    return Contrast(anchors, anchors @ others.T / temperature, itself, own.roll(len(out0)) + first)


def gather_rows(rows: Tensor) -> Tensor:
    """Return the rows of all processes, one below the other in rank order; gradients pass."""
    return rows if dist.world_size() == 1 else torch.cat(dist.gather(rows))
