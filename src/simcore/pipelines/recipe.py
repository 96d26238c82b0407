"""What typed parameters come to for one training: lengths, batch, method and views, all numbers worked out."""

import logging
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from simcore.backbones import Encoder, create_backbone, initialise, patch_size
from simcore.errors import InputError
from simcore.images import DeviceViews, MultiViews, ViewSettings
from simcore.methods import METHODS, Method, create_method
from simcore.parameters import MACHINE_FIELDS, RuntimeParameters, TrainingParameters
from simcore.pipelines.origins import TARGET, OriginDeviceViews, OriginViews
from simcore.training import MakeDeviceViews, MakeViews, TrainingSettings
from simcore.training.epochs import Purpose, paper_epochs, paper_length

LOGGER = logging.getLogger(__name__)

JITTER = 0.8
"""What `jitter: auto` means for a target with colours: the paper's probability."""


@dataclass(frozen=True)
class Recipe:
    """One training, its data known: what a node trains with and a planner counts with.

    Attributes:
        training: Parameters of the stage.
        runtime: Parameters of the machine.
        purpose: What is trained.
        image_size: Side of the images in pixels.
        grey: Whether X has no colours, so that `jitter: auto` draws none.
        n_target: Images of X that are trained on.
        n_selected: Images of the open-set beside them.
        matched_steps: Steps to train instead of those of the parameters.
        two_stage: Whether the weights it starts from were pretrained, beside those that the parameters give.
        start: That encoder.
        n_shared: Training images of X where they are not those trained on. With `batch_size: auto` no arm takes a batch
            larger than X, so that all can share it.
    """

    training: TrainingParameters
    runtime: RuntimeParameters
    purpose: Purpose
    image_size: int
    grey: bool
    n_target: int
    n_selected: int = 0
    matched_steps: int | None = None
    n_shared: int | None = None
    two_stage: bool = False
    start: Encoder | None = field(default=None, repr=False)

    @property
    def n_images(self) -> int:
        """Images that batches are drawn from: the training set, less what goes along beside the batches."""
        return self.n_target + self.n_selected - self.n_beside

    @property
    def n_beside(self) -> int:
        """Images of the open-set that go along beside the batches, as the method's negatives."""
        return self.n_selected if self.training.has_openset_beside else 0

    @property
    def mixed_steps(self) -> int:
        """Steps of a training whose batches are drawn from all of its images, whatever the method has beside them.

        What is matched takes these, so that all methods take as many.
        """
        return self.settings.resolved_steps(self.n_target + self.n_selected)

    @property
    def beside_batch_size(self) -> int:
        """Images of the open-set that go along in a step: as many as are in the batch, or all that there are."""
        parts = self.settings.parts
        return min(self.settings.resolved_batch_size(self.n_images), self.n_beside // parts * parts)

    def check_arm(self, arm: str) -> None:
        """Raise an error unless the arm has the images that the method needs.

        Raises:
            InputError: If the method contrasts X with the open-set, and one of them is missing.
        """
        if self.training.has_openset_beside and not (self.n_target and self.n_selected):
            raise InputError(
                f"{self.training.method} contrasts X with the open-set, but the arm `{arm}` has {self.n_target} images "
                f"of X and {self.n_selected} of the open-set; choose another method, or an arm with both, such as x_os "
                "or simcore."
            )

    @cached_property
    def settings(self) -> TrainingSettings:
        """The training's settings; lengths given as `paper` follow the rules of `simcore.training.epochs`.

        Raises:
            InputError: If X is too small, or the batch does not fit it.
        """
        given = self.training.optimisation.model_dump(exclude=set(MACHINE_FIELDS))
        if given["epochs"] == "paper":
            given["epochs"] = paper_epochs(
                self.purpose,
                n_selected=self.n_selected or None,
                two_stage=self.two_stage or self.initialise_from is not None,
            )
        if self.matched_steps is not None:
            given["steps"], given["epochs"] = self.matched_steps, None
        if given["batch_size"] == "auto":
            given["max_batch_size"] = max(2, min(given["max_batch_size"], self.n_shared or self.n_target))
        warmup, given["warmup_epochs"] = given["warmup_epochs"], None
        machine = self.runtime.model_dump(include=set(MACHINE_FIELDS))
        settings = TrainingSettings(**given, **machine)
        if warmup == "paper":
            name = f"{self.training.method}.warmup"
            warmup = paper_length(name, purpose=self.purpose, epochs=self._epochs(settings))
        return settings.model_copy(update={"warmup_epochs": warmup})

    @property
    def initialise_from(self) -> str | None:
        """Weights that the training starts from instead of random ones."""
        return getattr(self.training, "initialise_from", None)

    @property
    def total_epochs(self) -> float:
        """Epochs of the training."""
        return self._epochs(self.settings)

    def _epochs(self, settings: TrainingSettings) -> float:
        if settings.epochs is not None:
            return settings.epochs
        return settings.resolved_steps(self.n_images) / settings.steps_per_epoch(self.n_images)

    @cached_property
    def method_settings(self) -> dict[str, Any]:
        """Keyword arguments of `create_method`."""
        method = self.training.method
        return {
            name: paper_length(
                f"{method}.{name.removesuffix('_epochs')}", purpose=self.purpose, epochs=self.total_epochs
            )
            if value == "paper"
            else value
            for name, value in self.training.method_settings().items()
        }

    def create_method(self, *, seed: int, fetch: bool = True) -> Method:
        """Return the method on its encoder, with the weights of `seed`, or for the encoder those given.

        Args:
            seed: Of the weights.
            fetch: False leaves out given weights, for those who only want to know size and speed.
        """
        name = self.training.backbone
        backbone = create_backbone(name, image_size=self.image_size, seed=seed)
        if fetch and self.initialise_from is not None:
            # Before the method is made: momentum networks are copies of the encoder.
            LOGGER.info("The encoder starts from %s", initialise(backbone, self.initialise_from, architecture=name))
        if fetch and self.start is not None:
            backbone.load_state_dict(self.start.module.state_dict())
        return create_method(self.training.method, backbone, seed=seed, **self.method_settings)

    def _drawn(self) -> dict[str, Any]:
        drawn = self.training.views.model_dump()
        if drawn["jitter"] == "auto":
            drawn["jitter"] = 0.0 if self.grey else JITTER
        return drawn

    def views(self, method: Method, *, seed: int) -> MakeViews | MakeDeviceViews:
        """Return what draws the views that `method` takes."""
        drawn = self._drawn()
        kinds = [ViewSettings(image_size=self.image_size, **drawn)]
        local = self.training.local_views
        if local is not None:
            side = local_side(local.size, image_size=self.image_size, patch=patch_size(self.training.backbone))
            kinds.append(ViewSettings(image_size=side, **{**drawn, "scale": local.scale}))
        groups = tuple(zip(kinds, method.view_counts, strict=False))
        # The keys of X alone have no start.
        start = "" if self.purpose == "retrieval" else f"{TARGET}:"
        if self.settings.views_on == "device":
            on_device = DeviceViews(groups, seed=seed)
            return OriginDeviceViews(on_device, start) if method.takes_origins else on_device
        views = MultiViews(groups, seed=seed)
        return OriginViews(views, start) if method.takes_origins else views

    def beside_views(self, method: Method, *, seed: int) -> MakeViews:
        """Return what draws the views of the images that go along beside the batches."""
        kind = ViewSettings(image_size=self.image_size, **self._drawn())
        return MultiViews(tuple((kind, count) for count in method.beside_counts), seed=seed)

    def log(self) -> None:
        """Say what was decided that the parameters leave open."""
        given, settings = self.training.optimisation, self.settings
        batch = settings.resolved_batch_size(self.n_images)
        if given.batch_size == "auto" and batch < given.max_batch_size:
            LOGGER.info(
                "Batches of %d images, not %d: X has %d, and all arms share a batch.",
                batch,
                given.max_batch_size,
                self.n_shared or self.n_target,
            )
        if given.epochs == "paper" and self.matched_steps is None:
            LOGGER.info(
                "%d epochs by the paper's rule for %d + %d images.", settings.epochs, self.n_target, self.n_selected
            )
        if self.matched_steps is not None:
            LOGGER.info("%d steps, as many as the arm with the coreset.", self.matched_steps)
        if self.n_beside:
            LOGGER.info(
                "Batches of X alone; %d images of the open-set go along, %d a step, as negatives.",
                self.n_beside,
                self.beside_batch_size,
            )


def local_side(share: float, *, image_size: int, patch: int | None) -> int:
    """Return the side of small crops: a share of `image_size`, to the nearest multiple of `patch`.

    Example:
        >>> [local_side(96 / 224, image_size=224, patch=side) for side in (16, None)]
        [96, 96]
        >>> local_side(96 / 224, image_size=32, patch=4)
        12
    """
    step = patch or 1
    # Half up: round() would take every second tie down.
    return max(step, math.floor(share * image_size / step + 0.5) * step)


def view_area(training: TrainingParameters) -> float:
    """Return how many whole images the views of one image come to, by their number of pixels.

    Example of the paper's methods: 2 for SimCLR, 1 for MAE, 2 + 4 * (96 / 224)^2 = 2.73 for DINO. The view of an image
    that goes along beside the batch counts as one more.
    """
    if training.mae is not None:
        return 1.0
    if training.dino is not None and training.local_views is not None:
        return 2.0 + training.dino.local_views * training.local_views.size**2
    return 2.0 + sum(METHODS[training.method].beside_counts)
