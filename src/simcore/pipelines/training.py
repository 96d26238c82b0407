"""From typed parameters to a trained encoder: what the retrieval stage and every arm share."""

import hashlib

import pandas as pd

from simcore.backbones import Encoder, create_backbone
from simcore.images import ImageStore, TwoViews, ViewSettings
from simcore.methods import create_method
from simcore.parameters import RuntimeParameters, TrainingParameters
from simcore.training import Reporter, TrainingSettings, export_encoder, pretrain
from simcore.workspace import work_directory


def train_encoder(
    store: ImageStore,
    *,
    image_size: int,
    training: TrainingParameters,
    runtime: RuntimeParameters,
    seed: int,
    reporter: Reporter,
    description: str,
) -> tuple[Encoder, pd.DataFrame]:
    """Return the encoder pretrained on `store` from the weights of `seed`, and its curves."""
    backbone = create_backbone(training.backbone, image_size=image_size, seed=seed)
    method = create_method(training.method, backbone, seed=seed, **training.method_settings())
    settings = TrainingSettings(
        **training.optimisation.model_dump(exclude={"threads", "workers", "device"}),
        threads=runtime.threads,
        workers=runtime.workers,
        device=runtime.device,
    )
    views = TwoViews(ViewSettings(image_size=image_size, **training.views.model_dump()), seed=seed)
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
        image_size=image_size,
        settings=settings,
        seed=seed,
        steps=result.steps,
        data={"keys": hashlib.sha256("\n".join(store.keys.tolist()).encode()).hexdigest()},
    )
    return encoder, result.curves
