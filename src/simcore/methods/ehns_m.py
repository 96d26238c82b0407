"""EHNS-m: X against the hardest of a queue of open-set images."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from simcore.methods.base import StepOutput
from simcore.methods.checks import check_setting, check_sizes, check_temperatures
from simcore.methods.contrast import contrast, gather_rows
from simcore.methods.ehns import nearest_share, whole_ratio
from simcore.methods.precision import full_precision
from simcore.methods.simclr import SimCLR


class QueuedNegativesLoss(nn.Module):
    """NT-Xent with the most similar rows of a queue as further negatives.

    With s the cosines of an anchor, p its positive and H the share `ratio` of the queue's rows most similar to it,

        loss = mean over anchors of  -log( exp(s_p / T) / (sum_{m != i} exp(s_m / T) + sum_{q in H} exp(s_q / T)) ),

    the first sum over the 2n - 1 other views of the batch. Cost for Q rows of length d: time O(n Q d), memory
    O(n^2 + Q d): d anchors at a time meet the queue, and their cosines are worked out again for the gradient.

    Args:
        temperature: T, above 0.
        ratio: Share of the queue that counts, above 0 and at most 1.

    Raises:
        InputError: If a setting is out of range, or a batch has a single image.

    Example:
        >>> criterion = QueuedNegativesLoss(1, ratio=0.5)
        >>> views, queue = torch.eye(2), torch.eye(2)
        >>> loss = criterion(views, views, queue, torch.tensor(2))  # the harder row of the queue: log((e + 2 + e) / e)
        >>> round(loss.item(), 4)
        1.0064
    """

    def __init__(self, temperature: float, *, ratio: float) -> None:
        super().__init__()
        check_temperatures(temperature=temperature)
        check_setting(0 < ratio <= 1, "ratio", ratio, "above 0 and at most 1")
        self.temperature = temperature
        self.ratio = whole_ratio(ratio)

    def forward(self, out0: Tensor, out1: Tensor, queue: Tensor, filled: Tensor) -> Tensor:
        """Return the mean loss of the 2n anchors in `out0` and `out1`, each `(n, d)`, row i from image i.

        Args:
            out0: The first views.
            out1: The second views.
            queue: (Q, d), unit rows.
            filled: How many of them, from the first, have been filled; a scalar int64, at least 1.
        """
        met = contrast(out0, out1, temperature=self.temperature)
        assert met.n_negatives
        beyond = torch.cat(
            [
                checkpoint(self._meet, block, queue, filled, use_reentrant=False, preserve_rng_state=False)
                for block in met.anchors.split(queue.shape[1])
            ]
        )
        everything = torch.logaddexp(met.with_positive().logsumexp(dim=1), beyond)
        return (everything - met.positive()).mean()

    def _meet(self, anchors: Tensor, queue: Tensor, filled: Tensor) -> Tensor:
        """Return the logarithm of the sum over H of each anchor, (n,)."""
        rows = torch.arange(len(queue), device=queue.device)
        most = max(1, nearest_share(self.ratio, len(queue)))
        wanted = nearest_share(self.ratio, filled).clamp(min=1)
        # A sum over a number of rows that depends on data would make a GPU wait and break a compiled graph. So as many
        # are taken as of a full queue; where it is not full yet, empty rows at the front of the order take the rest.
        empty = rows >= filled
        standing_in = empty & (rows < filled + most - wanted)
        logits = anchors @ queue.T / self.temperature
        ranked = logits.masked_fill(empty, float("-inf")).masked_fill(standing_in, float("inf"))
        hardest = ranked.topk(most, dim=1, sorted=False).values
        return hardest.masked_fill(hardest == float("inf"), float("-inf")).logsumexp(dim=1)


class EHNSm(SimCLR):
    """EHNS-m: SimCLR on X, with the hardest of a memory of open-set images as further negatives.

    Anchors and positives are from X alone. In each step one batch of the open-set passes the same encoder without a
    gradient, and its unit projections take the place of the oldest in a queue; the loss is `QueuedNegativesLoss` over
    the views of the batch and the most similar `ratio` of the queue. The defaults are the SimCore paper's (supplement
    G, table 17): a queue of 65,536, 70 % of it, T = 0.07.

    Decided here: an open-set image passes as one view; its batch is enqueued before the loss is computed, so that the
    first step has negatives from it; until the queue is full, the share is one of what it holds. The open-set's batch
    is normalised by its own statistics and leaves the running ones of batch norm alone: those are X's, on which the
    encoder is used.

    Args:
        backbone: Network with `num_features`, from `create_backbone`.
        queue_size: Rows of the queue.
        ratio: Share of the queue that counts, above 0 and at most 1.
        temperature: T, above 0.
        projection_dim: Length of the projections.
        seed: Seed of the head's initial weights: those of SimCLR with that seed.

    Raises:
        InputError: If a setting is out of range.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> method = EHNSm(create_backbone("resnet10_small"), queue_size=8, ratio=0.5, seed=0)
        >>> views = [torch.zeros(4, 3, 28, 28), torch.zeros(4, 3, 28, 28)]  # of X
        >>> round(method.loss([*views, torch.zeros(2, 3, 28, 28)]).item(), 3)  # 6 negatives, 1 of 2 in the queue: log 8
        2.079
        >>> int(method.enqueued)
        2
    """

    name = "ehns_m"
    beside_counts = (1,)
    queue: Tensor
    enqueued: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        *,
        queue_size: int = 65_536,
        ratio: float = 0.7,
        temperature: float = 0.07,
        projection_dim: int = 128,
        seed: int = 0,
    ) -> None:
        super().__init__(backbone, temperature=temperature, projection_dim=projection_dim, seed=seed)
        check_sizes(queue_size=queue_size)
        self.queue_size = queue_size
        self.ratio = ratio
        self.criterion = QueuedNegativesLoss(temperature, ratio=ratio)
        self.register_buffer("queue", torch.zeros(queue_size, projection_dim))
        self.register_buffer("enqueued", torch.zeros((), dtype=torch.int64))

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """Queue, share, temperature and projection length."""
        return {**super().hyper_parameters, "queue_size": self.queue_size, "ratio": self.ratio}

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the loss of two views of X, each `(n, 3, s, s)`, once a view of the open-set has been enqueued."""
        self._check_views(views)
        first, second, beside = views
        self._enqueue(self._look(beside))
        n = len(first)
        features = self.backbone(torch.cat([first, second]))
        projections = self.head(features)
        with full_precision(projections):
            filled = self.enqueued.clamp(max=self.queue_size)
            loss = self.criterion(projections[:n].float(), projections[n:].float(), self.queue, filled)
        return StepOutput(loss, features[:n].detach())

    @torch.no_grad()
    def _look(self, view: Tensor) -> Tensor:
        """Return the unit projections of a view, `(m, d)`; the running statistics stay as they are."""
        buffers = list(self.backbone.buffers())
        before = [buffer.clone() for buffer in buffers]
        projections = self.head(self.backbone(view))
        for buffer, value in zip(buffers, before, strict=True):
            buffer.copy_(value)
        return nn.functional.normalize(projections.float(), dim=1)

    @torch.no_grad()
    def _enqueue(self, rows: Tensor) -> None:
        """Put the rows of all processes, in rank order, in the place of the oldest ones."""
        rows = gather_rows(rows)
        given, rows = len(rows), rows[-self.queue_size :]
        places = self.enqueued + given - len(rows) + torch.arange(len(rows), device=rows.device)
        self.queue[places % self.queue_size] = rows
        self.enqueued += given
