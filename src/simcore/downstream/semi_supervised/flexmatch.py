"""FlexMatch: FixMatch with a threshold for each class, by how far it is learnt."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from simcore.downstream.semi_supervised.base import Known
from simcore.downstream.semi_supervised.fixmatch import FixMatch
from simcore.downstream.semi_supervised.processes import sum_over_processes
from simcore.downstream.semi_supervised.thresholds import flexible_thresholds, learning_status
from simcore.supervised.classifier import Head


class FlexMatch(FixMatch):
    """FlexMatch with the settings of the SimCore paper: FixMatch whose thresholds rise with what is learnt.

    A guess of class c counts from b(c) / (2 - b(c)) of the threshold on, b(c) being how far the class is learnt: how
    many unlabelled images were last guessed to be of it with at least the threshold itself (`thresholds`). No
    distribution alignment. Needs 8 bytes an unlabelled image. Source: Zhang et al., FlexMatch, NeurIPS 2021,
    equations 5 to 12; SimCore paper, table 15.

    Args:
        backbone: See `SemiSupervised`, as the next three.
        known: Likewise.
        seed: Likewise.
        head: Likewise.
        threshold: See `FixMatch`, as the next three.
        temperature: Likewise.
        weight: Likewise.
        hard: Likewise; true in the original.

    Raises:
        InputError: A setting is out of range.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> backbone = create_backbone("resnet10_small", image_size=32, seed=0)
        >>> method = FlexMatch(backbone, known=Known(2, (0.5, 0.5), 9), seed=0)
        >>> method.chosen.tolist()
        [-1, -1, -1, -1, -1, -1, -1, -1, -1]
    """

    name: ClassVar[str] = "flexmatch"

    chosen: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        *,
        known: Known,
        seed: int,
        head: Head = "linear",
        threshold: float = 0.95,
        temperature: float = 0.5,
        weight: float = 1.0,
        hard: bool = True,
    ) -> None:
        super().__init__(
            backbone,
            known=known,
            seed=seed,
            head=head,
            threshold=threshold,
            temperature=temperature,
            weight=weight,
            hard=hard,
        )
        self.register_buffer("chosen", torch.full((known.unlabelled_count,), -1))

    @torch.no_grad()
    def _counts(self, guessed: Tensor, positions: Tensor) -> Tensor:
        """Return whether each guess counts, by what was certain before; then note which are certain now."""
        status = learning_status(self.chosen, class_count=self.known.class_count)
        confidence, classes = guessed.max(dim=1)
        counts = confidence >= flexible_thresholds(status, threshold=self.threshold)[classes]
        certain = confidence >= self.threshold
        change = torch.zeros_like(self.chosen)
        change[positions[certain]] = classes[certain] - self.chosen[positions[certain]]
        # A batch holds no image twice, so that no two processes change the same one.
        self.chosen += sum_over_processes(change)
        return counts
