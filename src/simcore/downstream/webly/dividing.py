"""Which labels are clean: each network's mixture over its losses, worked out anew every epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from simcore.backbones import EncoderCard
from simcore.downstream.network import view_store
from simcore.downstream.webly.dividemix import DivideMix
from simcore.downstream.webly.mixture import fit_mixture
from simcore.images import ImageStore
from simcore.methods import Method
from simcore.supervised import Classifier


def normalise_losses(losses: np.ndarray) -> np.ndarray:
    """Return losses moved and scaled to reach from 0 to 1 in each row; all 0 where they are equal.

    Args:
        losses: `(..., n)`.

    Example:
        >>> normalise_losses(np.array([[1.0, 2.0, 5.0], [3.0, 3.0, 3.0]])).tolist()
        [[0.0, 0.25, 1.0], [0.0, 0.0, 0.0]]
    """
    low, high = losses.min(axis=-1, keepdims=True), losses.max(axis=-1, keepdims=True)
    span = high - low
    return np.divide(losses - low, span, out=np.zeros_like(losses), where=span > 0)


def measure_losses(
    networks: Sequence[Classifier],
    store: ImageStore,
    classes: Tensor,
    *,
    card: EncoderCard,
    image_size: int,
    resize_ratio: float,
) -> np.ndarray:
    """Return the cross-entropy of each network on each image in its centre view, `(networks, n)` float64.

    Args:
        networks: On one device.
        store: Images.
        classes: `(n,)` int64, by position in the store.
        card: For mean and standard deviation of the pixels.
        image_size: Side of the square input, in pixels.
        resize_ratio: Shorter side before the crop over `image_size`.
    """
    found = []
    start = 0
    seen = {"mean": tuple(card.mean), "std": tuple(card.std), "image_size": image_size, "resize_ratio": resize_ratio}
    for images in view_store(nn.ModuleList(networks), store, **seen):  # type: ignore[arg-type] # of different types
        target = classes[start : start + len(images)].to(images.device)
        start += len(images)
        found.append(
            torch.stack(
                [
                    nn.functional.cross_entropy(network.logits(images)[0].float(), target, reduction="none")
                    for network in networks
                ]
            )
        )
    return torch.cat(found, dim=1).double().cpu().numpy()


@dataclass(frozen=True)
class Divide:
    """Works out what a `simcore.training.Refresh` of DivideMix puts into its buffers, once an epoch.

    Losses of all images in evaluation mode, scaled to 0 to 1 within the epoch, averaged over the last epochs that
    `history` has room for; a mixture of two normal distributions over them says how probably an image belongs to the
    one with the smaller mean. Costs a pass of both networks over the images.

    An epoch's losses have a place of their own in `history`, so that working them out again changes nothing.

    Attributes:
        store: Images, in the order of the positions.
        classes: Their labels as numbers.
        card: Of the encoder.
        image_size: Side of the square input, in pixels.
        resize_ratio: Shorter side before the crop over `image_size`.
        first_step: Step of the first call.
        steps_per_epoch: Steps between two calls.
    """

    store: ImageStore
    classes: tuple[int, ...]
    card: EncoderCard
    image_size: int
    resize_ratio: float
    first_step: int
    steps_per_epoch: int

    def __call__(self, method: Method, step: int) -> Mapping[str, Tensor]:
        """Return `history` and `clean_probability`."""
        assert isinstance(method, DivideMix)
        losses = measure_losses(
            method.pair,
            self.store,
            torch.tensor(self.classes),
            card=self.card,
            image_size=self.image_size,
            resize_ratio=self.resize_ratio,
        )
        number = (step - self.first_step) // self.steps_per_epoch
        history = method.history.cpu().clone()
        history[:, number % history.shape[1]] = torch.from_numpy(normalise_losses(losses)).float()
        known = history[:, : number + 1].double().mean(dim=1).numpy()
        clean = np.stack([fit_mixture(each).lower_probability(each) for each in known])
        return {"history": history, "clean_probability": torch.from_numpy(clean).float()}
