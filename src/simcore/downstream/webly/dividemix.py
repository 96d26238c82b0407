"""DivideMix: images whose labels look wrong are learnt from without them."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from simcore.downstream.network import ClassNetwork
from simcore.downstream.semi_supervised.interleaving import still_statistics
from simcore.downstream.semi_supervised.mixing import draw_shares, mix
from simcore.downstream.semi_supervised.sharpening import sharpen
from simcore.downstream.webly.pair import NetworkPair
from simcore.methods import Moment, StepOutput
from simcore.methods.checks import check_setting
from simcore.supervised.classifier import Head


def refine(labels: Tensor, guesses: Tensor, clean: Tensor, *, temperature: float) -> Tensor:
    """Return labels mixed with a network's guesses by how probably they are clean, sharpened (equation 3).

    Args:
        labels: One-hot, `(n, c)`.
        guesses: Probabilities `(n, c)`.
        clean: `(n,)`, from 0 (the guess) to 1 (the label).
        temperature: See `sharpen`.

    Example:
        >>> labels, guesses = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        >>> refine(labels, guesses, torch.tensor([0.5]), temperature=1.0)
        tensor([[0.5000, 0.5000]])
    """
    share = clean[:, None]
    return sharpen(share * labels + (1 - share) * guesses, temperature=temperature)


def prior_penalty(logits: Tensor) -> Tensor:
    """Return how far the mean prediction of a batch is from one over c: `sum over j of (1/c) log((1/c) / p_j)`.

    Example:
        >>> prior_penalty(torch.tensor([[5.0, 0.0], [0.0, 5.0]])).abs().item() < 1e-6
        True
    """
    log = logits.log_softmax(dim=1).logsumexp(dim=0) - torch.log(torch.tensor(float(len(logits))))
    return -(log + torch.log(torch.tensor(float(logits.shape[1])))).mean()


def negative_entropy(logits: Tensor) -> Tensor:
    """Return the mean of `sum over j of p_j log p_j`: adding it to a loss keeps a network from being sure.

    Example:
        >>> round(negative_entropy(torch.zeros(2, 2)).item(), 4)
        -0.6931
    """
    log = logits.log_softmax(dim=1)
    return (log.exp() * log).sum(dim=1).mean()


def ramp(epochs: float, *, warmup_epochs: int, ramp_epochs: int) -> float:
    """Return the share of the unlabelled weight after so many epochs: 0 until the warm-up ends, then a line to 1.

    Example:
        >>> [ramp(epochs, warmup_epochs=30, ramp_epochs=16) for epochs in (10, 38, 60)]
        [0.0, 0.5, 1.0]
    """
    return min(1.0, max(0.0, (epochs - warmup_epochs) / ramp_epochs))


class DivideMix(NetworkPair):
    """Two networks; each tells the other which labels to trust, and the rest is learnt from as if it had none.

    DivideMix (ICLR 2020), in the SimCore paper's appendix B.4 with batches of 128, 400 epochs, a warm-up of 30 (60 from
    random weights on Cars), T = 0.5, MixUp from Beta(0.75, 0.75), an unlabelled weight that rises to 75 over 16 epochs.
    During the warm-up both networks learn all labels by cross-entropy. After it, `Divide` works out once an epoch how
    probably each label is clean, and an image counts as clean where the *other* network's probability w is above 0.2:

    - clean: the target is w times the label plus 1 - w times the network's own mean guess over two views, sharpened;
    - noisy: the mean guess of both networks over two views, sharpened;
    - both views of all images are mixed by MixUp with others of the batch; cross-entropy on what is mostly clean,
      squared difference of probabilities on what is mostly noisy, and `prior_penalty` against one class for all.

    Differs from the published code:

    - It reads clean and noisy images in batches of their own, as many of each. Here they are masks over one batch: each
      image is seen once an epoch, in the proportion that there is; where few are noisy, their term has few images.
    - It trains one network for an epoch while the other stands still. Here both move in every step.
    - It fits the mixtures to losses of the *backbone's output*, without the classifier: as many "classes" as features,
      a cross-entropy against whatever feature has the label's number, which has nothing to do with the class. Here
      the losses are those of the classifier.
    - It has no confidence penalty in the warm-up, which the authors of DivideMix add where wrong labels are not spread
      evenly, as those of the web are not: networks become sure of wrong labels and their losses no longer tell. Here
      it has the weight `confidence_penalty`.
    - It evaluates the first network alone; here both and their ensemble are.
    - A network's own guesses move the running statistics of batch norm, and so do mixed images; the other network
      guesses in evaluation mode. Here both guess in training mode, and this pass, on images as they are, alone moves
      the running statistics: they serve images as they are. With those of mixed images and guesses in evaluation mode
      the networks lost 12 points of test accuracy in two epochs after a warm-up of 72 steps, and the mixtures with it.

    Args:
        backbones: Two; trained in place.
        class_count: c.
        image_count: n, images that are trained on.
        seed: Of the linear layers.
        head: Kind of layer.
        warmup_epochs: Epochs on all labels.
        clean_threshold: Above which probability a label is clean.
        temperature: T.
        alpha: Both parameters of the beta distribution.
        unlabelled_weight: At the end of the ramp.
        ramp_epochs: Its length.
        memory_epochs: Epochs over which losses are averaged.
        confidence_penalty: Weight of `negative_entropy` in the warm-up; 0 as published.

    Raises:
        InputError: A setting is out of range.

    Example:
        >>> from simcore.backbones import create_backbone
        >>> backbones = tuple(create_backbone("resnet10_small", image_size=16, seed=seed) for seed in (0, 1))
        >>> method = DivideMix(backbones, class_count=3, image_count=9, seed=0, warmup_epochs=1)
        >>> method.before_step(Moment(step=7, total_steps=9, steps_per_epoch=3))
        >>> lot = [*torch.zeros(2, 4, 3, 16, 16), torch.tensor([0, 1, 2, 0]), torch.arange(4)]
        >>> method(lot).features.shape
        torch.Size([4, 128])
    """

    name: ClassVar[str] = "dividemix"

    def __init__(
        self,
        backbones: tuple[nn.Module, nn.Module],
        *,
        class_count: int,
        image_count: int,
        seed: int,
        head: Head = "linear",
        warmup_epochs: int = 30,
        clean_threshold: float = 0.2,
        temperature: float = 0.5,
        alpha: float = 0.75,
        unlabelled_weight: float = 75.0,
        ramp_epochs: int = 16,
        memory_epochs: int = 5,
        confidence_penalty: float = 1.0,
    ) -> None:
        super().__init__(backbones, class_count=class_count, seed=seed, head=head)
        check_setting(warmup_epochs >= 1, "warmup_epochs", warmup_epochs, "at least 1")
        check_setting(0 <= clean_threshold < 1, "clean_threshold", clean_threshold, "from 0 to below 1")
        check_setting(temperature > 0, "temperature", temperature, "above 0")
        check_setting(alpha > 0, "alpha", alpha, "above 0")
        check_setting(unlabelled_weight >= 0, "unlabelled_weight", unlabelled_weight, "at least 0")
        check_setting(ramp_epochs >= 1, "ramp_epochs", ramp_epochs, "at least 1")
        check_setting(memory_epochs >= 1, "memory_epochs", memory_epochs, "at least 1")
        check_setting(confidence_penalty >= 0, "confidence_penalty", confidence_penalty, "at least 0")
        self.warmup_epochs, self.clean_threshold, self.temperature = warmup_epochs, clean_threshold, temperature
        self.alpha, self.unlabelled_weight, self.ramp_epochs = alpha, unlabelled_weight, ramp_epochs
        self.memory_epochs, self.confidence_penalty = memory_epochs, confidence_penalty
        self.clean_probability: Tensor
        self.history: Tensor
        self.register_buffer("clean_probability", torch.ones(len(self.networks), image_count))
        self.register_buffer("history", torch.zeros(len(self.networks), memory_epochs, image_count))
        self._warming, self._weight = True, 0.0

    @property
    def view_counts(self) -> tuple[int, ...]:
        """Two views, the class and the position of each image."""
        return (2, 1, 1)

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """What decides the training beside the settings."""
        names = (
            "warmup_epochs", "clean_threshold", "temperature", "alpha", "unlabelled_weight", "ramp_epochs",
            "memory_epochs", "confidence_penalty",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def before_step(self, moment: Moment) -> None:
        """Set whether this is the warm-up, and the weight of what has no label."""
        self._warming = moment.epoch <= self.warmup_epochs
        done = (moment.step - 1) / moment.steps_per_epoch
        self._weight = self.unlabelled_weight * ramp(
            done, warmup_epochs=self.warmup_epochs, ramp_epochs=self.ramp_epochs
        )

    def curves(self) -> dict[str, float]:
        """Return which share of the labels counts as clean, by the mean of both networks, and the unlabelled weight."""
        clean = (self.clean_probability > self.clean_threshold).float().mean()
        return {"clean_share": float(clean), "unlabelled_weight": self._weight}

    def forward(self, views: Sequence[Tensor]) -> StepOutput:
        """Return the sum of both networks' losses on two views of images, their classes and positions `(n,)`."""
        self._check_views(views)
        *images, classes, positions = views
        if self._warming:
            return self._warm_up(images[0], classes)
        labels = nn.functional.one_hot(classes, self.class_count).float()
        guesses = self._guess(images)
        losses, features = [], None
        for number, network in enumerate(self.pair):
            clean = self.clean_probability[1 - number][positions]
            trusted = clean > self.clean_threshold
            refined = refine(labels, guesses[number], clean, temperature=self.temperature)
            guessed = sharpen(guesses.mean(dim=0), temperature=self.temperature)
            targets = torch.where(trusted[:, None], refined, guessed)
            loss, seen = self._learn(network, images, targets, trusted)
            losses.append(loss)
            features = seen if features is None else features
        assert features is not None
        return StepOutput(torch.stack(losses).sum(), features[: len(classes)].detach())

    def _warm_up(self, images: Tensor, classes: Tensor) -> StepOutput:
        both = [network.predict(images) for network in self.pair]
        losses = [
            nn.functional.cross_entropy(logits, classes) + self.confidence_penalty * negative_entropy(logits)
            for _, logits in both
        ]
        return StepOutput(torch.stack(losses).sum(), both[0][0].detach())

    @torch.no_grad()
    def _guess(self, images: Sequence[Tensor]) -> Tensor:
        """Return each network's mean probabilities over the views, `(2, n, c)`; moves the running statistics."""
        views = torch.cat(list(images))
        each = torch.stack([network.predict(views)[1].softmax(dim=1) for network in self.pair])
        return each.unflatten(1, (len(images), -1)).mean(dim=1)

    def _learn(
        self, network: ClassNetwork, images: Sequence[Tensor], targets: Tensor, trusted: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return a network's loss on mixed images, and their features."""
        inputs, wanted = torch.cat(list(images)), torch.cat([targets] * len(images))
        labelled = trusted.repeat(len(images))
        partners = torch.randperm(len(inputs))
        # One share for the whole batch, as DivideMix has it.
        shares = draw_shares(1, beta=self.alpha).expand(len(inputs))
        with still_statistics(network):
            features, logits = network.predict(mix(inputs, partners=partners, shares=shares))
        wanted = mix(wanted, partners=partners, shares=shares)
        log = logits.log_softmax(dim=1)
        supervised = -(wanted * log).sum(dim=1)
        unsupervised = (log.exp() - wanted).square().mean(dim=1)
        loss = _mean_where(supervised, labelled) + self._weight * _mean_where(unsupervised, ~labelled)
        return loss + prior_penalty(logits), features


def _mean_where(values: Tensor, chosen: Tensor) -> Tensor:
    """Return the mean of the values that are chosen; 0 where none is."""
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
