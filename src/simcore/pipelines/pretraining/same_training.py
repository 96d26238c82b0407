"""When two arms are one training: the same images, settings, steps and seeds, whatever the arms are called."""

import hashlib
import os
from collections.abc import Iterable
from typing import Any

import pandas as pd

from simcore.images.uris import locate
from simcore.pipelines.recipe import Recipe
from simcore.reuse.taking_over import Found
from simcore.reuse.values import plain
from simcore.tracking import reporter, tag_child


def describe_training(
    training_set: pd.DataFrame, *, recipe: Recipe, images: Any, seeds: Iterable[int], start: dict[int, Any] | None
) -> dict[str, Any] | None:
    """Return what the encoders of a training and their curves depend on; None where that is not known.

    Images count by key, place and label, and their files by size and time, as in `simcore.images.source_fingerprint`.
    Of lengths and batch counts what they come to: an arm for the epochs that make as many steps is the same training.

    Args:
        training_set: Its images.
        recipe: How they are trained on.
        images: Parameters of the images.
        seeds: Of the trainings.
        start: Encoders that they start from, by seed.
    """
    state = _state_of_files(training_set["uri"])
    if state is None:
        return None
    n, settings = recipe.n_images, recipe.settings
    rows = training_set[["key", "uri", "label"]].astype(object).where(training_set.notna(), None)
    lines = "\n".join(map(repr, rows.itertuples(index=False, name=None)))
    return {
        "images": hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest(),
        "files": state,
        "decoding": plain(images),
        "training": {name: value for name, value in plain(recipe.training).items() if name != "optimisation"},
        "settings": {
            **settings.identity(),
            "batch_size": settings.resolved_batch_size(n),
            "steps": settings.resolved_steps(n),
            "epochs": None,
            "warmup_steps": settings.resolved_warmup_steps(n),
            "warmup_epochs": None,
            "max_batch_size": None,
        },
        "method": recipe.method_settings,
        "image_size": recipe.image_size,
        "grey": recipe.grey,
        "seeds": list(seeds),
        "start": None if start is None else {seed: encoder.fingerprint for seed, encoder in start.items()},
    }


def _state_of_files(uris: Iterable[str]) -> str | None:
    """Return a digest of size and time of all files; None where one is behind a URL: each would take a request."""
    places = {locate(uri) for uri in uris}
    if any(place.remote for place in places):
        return None
    digest = hashlib.sha256()
    for path in sorted({place.path for place in places}):
        status = os.stat(path)  # noqa: PTH116 (one million Path objects are slow)
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def adopt_training(found: Found, *, arm: str) -> tuple[dict[int, Any], pd.DataFrame]:
    """Return the encoders and curves of another arm as those of `arm`, whose runs get the curves and a tag."""
    encoders, curves = found.outputs
    origin = found.names[0].removeprefix("encoders_")
    for seed, of_seed in curves.groupby("seed", sort=True):
        tag_child({"encoders_of": origin}, arm=arm, seed=int(seed))
        log = reporter(arm=arm, seed=int(seed))
        for row in of_seed.drop(columns=["arm", "seed"]).to_dict("records"):
            step = int(row.pop("step"))
            log.log({str(name): value for name, value in row.items() if pd.notna(value)}, step=step)
    return encoders, curves.assign(arm=arm)
