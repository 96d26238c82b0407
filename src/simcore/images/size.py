"""Which image size to train at: that of the images, as far as the time allows."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from simcore.errors import InputError

logger = logging.getLogger(__name__)

IMAGE_SIZES = (28, 32, 40, 48, 64, 80, 96, 112, 128, 160, 192, 224)
"""Sizes that "auto" takes, pixels."""

_LARGE_REDUCTION = 4.0
_REFERENCE_SIZE = 32


@dataclass(frozen=True)
class ImageSize:
    """The image size to train at.

    Attributes:
        image_size: side of the training images, pixels.
        median_side: median of the shorter sides of the images, pixels.
        reduction: `median_side` / `image_size`; below 1 the images are enlarged.
        reason: one sentence.
    """

    image_size: int
    median_side: float
    reduction: float
    reason: str


def choose_image_size(
    manifest: pd.DataFrame,
    *,
    requested: int | Literal["auto"] = "auto",
    time_budget_minutes: float | None,
    images_per_second_at_32: float,
    image_visits: int | None,
    maximum: int = 224,
    patch: int | None = None,
) -> ImageSize:
    """Return the size the images should be trained at, with the reason.

    "auto" takes the largest of `IMAGE_SIZES` that is not above the median shorter side of the images, nor
    above `maximum`, and whose training fits the budget by the declared cost model

        seconds = image_visits / images_per_second_at_32 * (size / 32)^2.

    Nothing is measured at run time, so the same input gives the same size on every machine. When no size
    fits, the smallest one is taken, with a warning.

    Args:
        manifest: the images; only `width` and `height` are used.
        requested: a size, which is then taken whatever it costs, or "auto".
        time_budget_minutes: of the training; None for no limit.
        images_per_second_at_32: declared speed of one training visit at 32 pixels.
        image_visits: images seen by the training in all, an image seen twice counting twice; None where nothing is
            trained, so that no time limits the size.
        maximum: largest size "auto" may take, pixels.
        patch: patch side of a vision transformer; the size must be a multiple.

    Raises:
        InputError: the manifest is empty, an argument is out of range, or `requested` is no multiple of
            `patch`.

    Example:
        >>> images = pd.DataFrame({"width": [500, 400], "height": [375, 300]})
        >>> choose_image_size(
        ...     images, time_budget_minutes=10, images_per_second_at_32=1000, image_visits=60_000
        ... ).image_size
        96
    """
    _check(
        manifest,
        requested=requested,
        budget=time_budget_minutes,
        speed=images_per_second_at_32,
        visits=image_visits,
        patch=patch,
    )
    median = float(manifest[["width", "height"]].min(axis=1).median())

    def minutes(size: int) -> float:
        return (image_visits or 0) / images_per_second_at_32 * (size / _REFERENCE_SIZE) ** 2 / 60

    if requested != "auto":
        size, reason = requested, "it was requested"
    else:
        allowed = [size for size in IMAGE_SIZES if size <= maximum and size % (patch or 1) == 0]
        if not allowed:
            raise InputError(
                f"No image size suits `maximum` = {maximum} and `patch` = {patch}; "
                f"request one, or allow one of {', '.join(map(str, IMAGE_SIZES))}."
            )
        size, reason = _largest(allowed, median, minutes, time_budget_minutes, maximum)
    result = ImageSize(size, median, median / size, reason)
    takes = "" if image_visits is None else f", about {minutes(size):.1f} minutes"
    logger.info("Image size %d: %s (median shorter side %g%s).", size, reason, median, takes)
    if time_budget_minutes is not None and minutes(size) > time_budget_minutes:
        logger.warning(
            "Training at %d pixels takes about %.0f minutes, more than the budget of %g; "
            "train for fewer image visits, or allow more minutes.",
            size,
            math.ceil(minutes(size)),
            time_budget_minutes,
        )
    if result.reduction > _LARGE_REDUCTION:
        logger.warning(
            "Images are reduced %.1f times (median shorter side %g, trained at %d), so fine detail is lost; "
            "allow more minutes, train on a faster device, or request a larger `image_size`.",
            result.reduction,
            median,
            size,
        )
    return result


def _largest(
    allowed: list[int],
    median: float,
    minutes: Callable[[int], float],
    budget: float | None,
    maximum: int,
) -> tuple[int, str]:
    """Return the largest allowed size within the median side and the budget, and what held it back."""
    within = [size for size in allowed if size <= median]
    if not within:
        return allowed[0], "the images are smaller than the smallest size, and are enlarged to it"
    affordable = [size for size in within if budget is None or minutes(size) <= budget]
    if not affordable:
        return within[0], f"it is the smallest size, and still more than {budget:g} minutes"
    if affordable[-1] < within[-1]:
        return affordable[-1], f"it is the largest size that trains within {budget:g} minutes"
    if within[-1] < allowed[-1]:
        return within[-1], "it follows the images"
    return within[-1], f"it is the largest size up to `maximum` = {maximum}"


def _check(
    manifest: pd.DataFrame,
    *,
    requested: int | str,
    budget: float | None,
    speed: float,
    visits: int | None,
    patch: int | None,
) -> None:
    if manifest.empty:
        raise InputError("The manifest has no images, so there is no image size to choose; read a source first.")
    if budget is not None and budget <= 0:
        raise InputError(f"`time_budget_minutes` is {budget}; it must be above 0, or None for no limit.")
    if speed <= 0:
        raise InputError(f"`images_per_second_at_32` is {speed}; it must be above 0.")
    if visits is not None and visits < 0:
        raise InputError(f"`image_visits` is {visits}; it must be at least 0.")
    if patch is not None and patch < 1:
        raise InputError(f"`patch` is {patch}; it must be at least 1 pixel, or None.")
    if requested == "auto":
        return
    if isinstance(requested, bool) or not isinstance(requested, int) or requested < 1:
        raise InputError(f"`requested` is {requested!r}; it must be 'auto' or a whole number of pixels.")
    if patch is not None and requested % patch:
        raise InputError(
            f"`requested` is {requested}, which is no multiple of the patch side {patch}; "
            f"take {max(1, round(requested / patch)) * patch}."
        )
