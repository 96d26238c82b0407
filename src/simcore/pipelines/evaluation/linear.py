"""Linear evaluation under augmentation, as nodes ask for it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from simcore.backbones import Encoder
from simcore.evaluation import LINEAR, Outcome, Sight, headline_metrics, train_and_judge
from simcore.images import ImageStore
from simcore.parameters import MACHINE_FIELDS, ImageParameters, LinearParameters, RuntimeParameters
from simcore.tracking import reporter
from simcore.training import Reporter
from simcore.workspace import work_directory


def make_sight(
    encoder: Encoder, *, scale: tuple[float, float], images: ImageParameters, runtime: RuntimeParameters
) -> Sight:
    """Return how an encoder sees images: at the size that it was made for; on this machine in one process."""
    machine = runtime.model_dump(include=set(MACHINE_FIELDS) - {"processes"})
    return Sight(
        image_size=encoder.card.image_size, resize_ratio=images.eval_resize_ratio, scale=scale, machine=machine
    )


def judge_augmented(
    encoder: Encoder,
    train: ImageStore,
    test: ImageStore,
    *,
    classes: Sequence[str],
    linear: LinearParameters,
    images: ImageParameters,
    runtime: RuntimeParameters,
    evaluation: str,
    arm: str,
    encoder_seed: int,
    seed: int,
    sources: Iterable[str],
) -> Callable[[], list[Outcome]]:
    """Return what trains a linear layer under augmentation when it is called: an outcome for each protocol.

    Args:
        encoder: What is evaluated.
        train: Labelled training images.
        test: Labelled test images.
        classes: Class names.
        linear: Length and rates.
        images: How images are seen.
        runtime: The machine.
        evaluation: Name in the records.
        arm: Whose encoder it is, for the curves.
        encoder_seed: Its seed, likewise.
        seed: Of the evaluation.
        sources: What the test images are from, which decides by which accuracy `published` chooses.
    """
    recipe = replace(
        LINEAR, epochs=linear.epochs, batch_size=linear.batch_size, learning_rates=tuple(sorted(linear.learning_rates))
    )
    workdir = work_directory() / evaluation / f"seed-{encoder_seed}"
    metric = headline_metrics([evaluation], sources=sources)[evaluation]

    def make_reporter(training: str) -> Reporter:
        return reporter(arm=arm, seed=encoder_seed, prefix=f"{evaluation}/{training}/")

    def judge() -> list[Outcome]:
        return [
            train_and_judge(
                encoder,
                train,
                test,
                classes=classes,
                recipe=recipe,
                protocol=protocol,
                sight=make_sight(encoder, scale=linear.scale, images=images, runtime=runtime),
                evaluation=evaluation,
                seed=seed,
                workdir=workdir / protocol,
                metric=metric,
                make_reporter=make_reporter,
            )
            for protocol in linear.protocols
        ]

    return judge
