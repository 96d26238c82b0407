"""Linear evaluation: one linear layer on frozen features."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simcore.errors import InputError
from simcore.evaluation.labels import LabelledFeatures, check_trained, match_labels
from simcore.evaluation.outcome import TOP, Outcome

LEARNING_RATES = tuple(float(rate) for rate in np.logspace(0, 2, 5))
EPOCHS = 100
DECAY_AFTER = (60, 80)
BATCH_SIZE = 256
MOMENTUM = 0.9
CACHED = "clean cached"
_FOLDS = 5
_NO_ERROR = 1e-30
_SMALL_STEP = 50_000_000
# With fewer held-out images than this, one validation split says more about its draw than about the rate.
_ENOUGH_HELD_OUT = 1000


@dataclass(frozen=True)
class FeatureScaling:
    """Centre and one scale from the training features: their mean becomes 0, their mean squared length 1.

    The protocol's rates, 1 to 100, suit features of about unit length; encoders differ from that by orders of
    magnitude, and pixels more. One scale s for all dimensions is the same as training the unscaled layer at
    s^2 times the rate, and the centre is what the bias absorbs, so this only puts the grid of rates in the
    right place. Scaling each dimension by itself would change the geometry that the encoder has learnt.

    Attributes:
        centre: `(d,)`, float64.
        scale: Factor.
    """

    centre: np.ndarray
    scale: float

    @classmethod
    def fit(cls, features: np.ndarray) -> "FeatureScaling":
        """Return the scaling for training `features` `(n, d)`; equal rows are only centred."""
        centre = features.mean(axis=0, dtype=np.float64)
        mean_square = float(np.square(features - centre).sum(axis=1).mean())
        # Equal rows differ from their mean by rounding alone, which must not be blown up to unit length.
        equal = mean_square <= 1e-12 * float(np.square(centre).sum())
        return cls(centre, 1.0 if equal else mean_square**-0.5)

    def apply(self, features: np.ndarray) -> Tensor:
        """Return `features` `(n, d)` centred and scaled, float32."""
        return torch.from_numpy(((features - self.centre) * self.scale).astype(np.float32))


def train_linear(
    features: Tensor,
    classes: Tensor,
    *,
    class_count: int,
    learning_rates: Sequence[float],
    seed: int,
    epochs: int = EPOCHS,
    batch_size: int = BATCH_SIZE,
) -> tuple[Tensor, Tensor]:
    """Return weights `(r, d, c)` and biases `(r, c)` of r linear layers, one a learning rate, at once.

    Each minimises cross-entropy by SGD with Nesterov momentum 0.9, without weight decay, its rate divided by
    ten after 60 % and again after 80 % of the epochs, exactly as `torch.optim.SGD` would alone: all start
    from one `torch.nn.Linear` initialisation and see the same batches. One product serves all rates, and the
    gradient of softmax regression, `x^T (p - y) / b`, is written down instead of traced.

    Args:
        features: `(n, d)`, float32; the layers are trained where they are.
        classes: `(n,)`, int64.
        class_count: c.
        learning_rates: r rates.
        seed: Seed of initial weights and batch order.
        epochs: Passes over the data.
        batch_size: Rows a step; the last batch of an epoch may be smaller.
    """
    n, dim = features.shape
    generator = torch.Generator().manual_seed(seed)
    bound = dim**-0.5
    start = (torch.rand(dim + 1, class_count, generator=generator) * 2 - 1) * bound
    # The bias is the weight of a constant feature, and the rates' classes stand side by side: one array, one update.
    count = len(learning_rates)
    inputs = torch.cat([features, torch.ones(n, 1, device=features.device)], dim=1)
    weights = start.to(features.device).repeat(1, count)
    velocity = torch.zeros_like(weights)
    rates = torch.tensor(learning_rates, dtype=torch.float32, device=features.device).repeat_interleave(class_count)
    targets = torch.nn.functional.one_hot(classes, class_count).float().to(features.device)
    marks = [epochs * mark // EPOCHS for mark in DECAY_AFTER]
    with _threads_for(min(n, batch_size) * weights.numel()):
        for epoch in range(epochs):
            rate = rates * 0.1 ** sum(epoch >= mark for mark in marks)
            # The order is drawn on the CPU, so that it is the same on every machine.
            for rows in torch.randperm(n, generator=generator).to(features.device).split(batch_size):
                batch = inputs[rows]
                logits = (batch @ weights).view(-1, count, class_count)
                errors = torch.softmax(logits, dim=-1) - targets[rows].unsqueeze(1)
                # High rates end in errors of 1e-40, which no weight feels and processors multiply four times slower.
                errors.masked_fill_(errors.abs() < _NO_ERROR, 0)
                gradient = batch.T @ errors.view(-1, count * class_count) / len(rows)
                velocity.mul_(MOMENTUM).add_(gradient)
                weights -= rate * (gradient + MOMENTUM * velocity)
    layers = weights.view(dim + 1, count, class_count).transpose(0, 1)
    return layers[:, :-1], layers[:, -1]


@contextmanager
def _threads_for(products: int) -> Iterator[None]:
    """Compute with one thread where a step is so small that threads would wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(threads if products > _SMALL_STEP else 1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def stratified_folds(classes: np.ndarray, *, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each row, `(n,)` int64: a class's images are dealt out in a seeded order.

    A class with one image gets fold -1: it is never held out, so every class is there to be learnt.

    Example:
        >>> np.bincount(stratified_folds(np.array([0, 0, 1, 1]), folds=2, seed=0))
        array([2, 2])
    """
    assigned = np.full(len(classes), -1, dtype=np.int64)
    generator = np.random.default_rng(seed)
    for number in np.unique(classes):
        rows = np.flatnonzero(classes == number)
        if len(rows) > 1:
            assigned[generator.permutation(rows)] = np.arange(len(rows)) % folds
    return assigned


def choose_learning_rate(
    train: LabelledFeatures,
    *,
    class_count: int,
    seed: int,
    learning_rates: Sequence[float] = LEARNING_RATES,
    epochs: int = EPOCHS,
    batch_size: int = BATCH_SIZE,
    device: str | torch.device = "cpu",
) -> float:
    """Return the rate that is right most often on held-out training images.

    Seeded stratified five-fold splits of the training set are held out one after the other until at least
    1,000 images, or all folds, were scored; of equally good rates the smallest is taken. Scaling is fitted
    without the held-out images. Where every class has a single image none can be held out, and the smallest is taken.
    """
    rates = sorted(learning_rates)
    if len(rates) == 1:
        return rates[0]
    folds = stratified_folds(train.classes, folds=_FOLDS, seed=seed)
    right = np.zeros(len(rates), dtype=np.int64)
    scored = 0
    for fold in range(_FOLDS):
        held_out = folds == fold
        if not held_out.any():
            continue
        scaling = FeatureScaling.fit(train.features[~held_out])
        weights, biases = train_linear(
            scaling.apply(train.features[~held_out]).to(device),
            torch.from_numpy(train.classes[~held_out]),
            class_count=class_count,
            learning_rates=rates,
            seed=seed,
            epochs=epochs,
            batch_size=batch_size,
        )
        predicted = _rank(scaling.apply(train.features[held_out]), weights, biases, top=1)[..., 0]
        right += (predicted == train.classes[held_out]).sum(axis=1)
        scored += int(held_out.sum())
        if scored >= _ENOUGH_HELD_OUT:
            break
    return rates[int(np.argmax(right))]


def _rank(features: Tensor, weights: Tensor, biases: Tensor, *, top: int) -> np.ndarray:
    """Return the `top` most likely classes `(r, n, top)` by r linear layers; of equal ones the first."""
    logits = features.to(weights.device) @ weights + biases.unsqueeze(1)
    # A layer that has diverged names the first classes.
    logits = torch.nan_to_num(logits, nan=0.0)
    return logits.sort(dim=-1, descending=True, stable=True).indices[..., :top].cpu().numpy()


def linear_probe(
    train_features: np.ndarray,
    train_labels: Sequence[str] | np.ndarray,
    test_features: np.ndarray,
    test_labels: Sequence[str] | np.ndarray,
    *,
    classes: Sequence[str],
    seed: int,
    learning_rates: Sequence[float] = LEARNING_RATES,
    epochs: int = EPOCHS,
    batch_size: int = BATCH_SIZE,
    device: str | torch.device = "cpu",
    evaluation: str = "linear",
) -> Outcome:
    """Return what a linear layer on frozen features says about the test images, under the protocol `clean cached`.

    100 epochs of SGD (Nesterov 0.9, no weight decay, batch 256, rate x 0.1 after epochs 60 and 80), rate from
    {1, 3.16, 10, 31.6, 100}, as the SimCore paper. The rate is chosen on held-out training images
    (`choose_learning_rate`), the layer is trained again on all of them, its last epoch counts, and the test images are
    looked at once. `cached`: each image is encoded once, without augmentation, so that this takes seconds; with it, and
    as the paper's numbers were made, see `simcore.evaluation.training`. Features are scaled by `FeatureScaling`.

    Args:
        train_features: `(n, d)`.
        train_labels: n class names.
        test_features: `(m, d)`.
        test_labels: m class names.
        classes: All class names.
        seed: Seed of splits, initial weights and batch order.
        learning_rates: To choose from.
        epochs: Passes over the training features.
        batch_size: Rows a step.
        device: Where the layers are trained.
        evaluation: Name in the records.

    Raises:
        InputError: If shapes differ, or a test class has no training image.

    Example:
        >>> train, test = np.eye(2).repeat(4, axis=0), np.eye(2)
        >>> outcome = linear_probe(train, ["a"] * 4 + ["b"] * 4, test, ["a", "b"], classes=["a", "b"], seed=0)
        >>> outcome.protocol, outcome.records()[0]["value"]
        ('clean cached', 1.0)
    """
    train = match_labels(train_features, train_labels, classes=classes, part="train")
    test = match_labels(test_features, test_labels, classes=classes, part="test")
    check_trained(set(map(str, train_labels)), test_labels)
    if train.features.shape[1] != test.features.shape[1]:
        raise InputError(
            f"Train features have {train.features.shape[1]} dimensions, test features "
            f"{test.features.shape[1]}; encode both with one encoder."
        )
    settings: dict[str, Any] = {
        "class_count": len(classes),
        "seed": seed,
        "epochs": epochs,
        "batch_size": batch_size,
    }
    rate = choose_learning_rate(train, learning_rates=learning_rates, device=device, **settings)
    scaling = FeatureScaling.fit(train.features)
    weights, biases = train_linear(
        scaling.apply(train.features).to(device), torch.from_numpy(train.classes), learning_rates=[rate], **settings
    )
    ranked = _rank(scaling.apply(test.features), weights, biases, top=min(TOP, len(classes)))[0]
    return Outcome(evaluation, CACHED, tuple(map(str, classes)), test.classes, ranked, {"learning_rate": rate})
