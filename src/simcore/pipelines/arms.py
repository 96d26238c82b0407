"""The arms of a comparison, and the references beside them."""

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any

ARMS = ("x", "random", "simcore")
"""What the encoders of a comparison are pretrained on: X alone, X + random images, X + coreset."""

REFERENCES = ("pixels", "random_network")
"""Representations without pretraining that every arm has to beat."""

GIVEN = "given"
"""The encoder that `evaluation.encoder` gives, beside the arms or instead of them."""


def for_arm(function: Callable[..., Any], arm: str) -> Callable[..., Any]:
    """Return the node function with its `arm` set, under its own name and annotations."""
    return update_wrapper(partial(function, arm=arm), function)
