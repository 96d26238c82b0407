"""From typed parameters to a trained encoder: what the retrieval stage and every arm share."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pandas as pd

from simcore.backbones import Encoder, create_backbone
from simcore.images import ImageStore, TwoViews, ViewSettings
from simcore.methods import create_method
from simcore.parameters import RuntimeParameters, TrainingParameters
from simcore.training import Reporter, TrainingSettings, export_encoder, pretrain
from simcore.workspace import work_directory

JITTER = 0.8
"""What `jitter: auto` means for a target with colours: the paper's probability."""


def train_encoder(
    store: ImageStore,
    *,
    image_size: Mapping[str, Any],
    training: TrainingParameters,
    runtime: RuntimeParameters,
    seed: int,
    reporter: Reporter,
    description: str,
) -> tuple[Encoder, pd.DataFrame]:
    """Return the encoder pretrained on `store` from the weights of `seed`, and its curves.

    `image_size` is what the node `decide_image_size` returned: the side, and whether X is grey.
    """
    side = image_size["image_size"]
    backbone = create_backbone(training.backbone, image_size=side, seed=seed)
    method = create_method(training.method, backbone, seed=seed, **training.method_settings())
    settings = TrainingSettings(
        **training.optimisation.model_dump(exclude={"threads", "workers", "device"}),
        threads=runtime.threads,
        workers=runtime.workers,
        device=runtime.device,
    )
    drawn = training.views.model_dump()
    if drawn["jitter"] == "auto":
        drawn["jitter"] = 0.0 if image_size["grey"] else JITTER
    views = TwoViews(ViewSettings(image_size=side, **drawn), seed=seed)
    result = pretrain(
        method,
        store,
        views=views,
        settings=settings,
        seed=seed,
        workdir=work_directory() / f"seed-{seed}",
        reporter=reporter,
        description=description,
    )
    encoder = export_encoder(
        method,
        architecture=training.backbone,
        image_size=side,
        settings=settings,
        seed=seed,
        steps=result.steps,
        data={"keys": hashlib.sha256("\n".join(store.keys.tolist()).encode()).hexdigest()},
    )
    return encoder, result.curves
