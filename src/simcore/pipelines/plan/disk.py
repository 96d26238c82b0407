"""What nodes will write to the disk, from what is stored and set: no image is opened."""

import json
from functools import lru_cache
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from simcore.backbones import create_backbone, feature_dim
from simcore.backbones.encoder import CARD
from simcore.disk import Need, embedding_bytes
from simcore.errors import reading
from simcore.parameters import (
    ParameterTree,
    RetrievalParameters,
    RuntimeParameters,
    TrainingParameters,
    typed_parameter,
)
from simcore.pipelines.recipe import Recipe
from simcore.reuse.records import reading_stored, stored_path
from simcore.training.planner import state_bytes

_EMBEDDINGS, _ENCODERS, _RETRIEVAL = "_embeddings", "encoders_", "retrieval_encoder"
# A state is as large for any number of images.
_ANY_SIZE = 10_000


def writes_much(node: Node) -> bool:
    """Return whether a node writes embeddings, or trains encoders."""
    return any(_is_embeddings(name) or _is_encoders(name) for name in node.outputs)


def _is_embeddings(name: str) -> bool:
    return _EMBEDDINGS in name


def _is_encoders(name: str) -> bool:
    return name.startswith((_ENCODERS, _RETRIEVAL))


def find_needs(pipeline: Pipeline, catalog: CatalogProtocol, tree: ParameterTree) -> list[Need]:
    """Return what the nodes of `pipeline` will write, as far as it can be known.

    That is embeddings, encoders and the states of the training in progress; the rest is small beside them. Left out is
    what rests on a manifest that `pipeline` has still to make. Costs the reading of two columns of each manifest, and
    the making of one network of each kind that is to be trained. Of what is stored names and sizes are compared; its
    bytes are when the nodes load it.

    Raises:
        ArtefactError: If a manifest or an encoder is not whole, or cannot be read.
    """
    waiting = pipeline.all_outputs()
    needs = []
    for node in pipeline.nodes:
        manifest = next((name for name in node.inputs if "_manifest" in name), None)
        if manifest is None or manifest in waiting or not writes_much(node):
            continue
        path = stored_path(catalog.get(manifest))
        size = stored_path(catalog.get("image_size"))
        if path is None or size is None or "image_size" in waiting:
            continue
        for name in node.outputs:
            if _is_embeddings(name):
                dim = _dim(node, pipeline, catalog)
                needs += [] if dim is None else [_embeddings(name, node, path, dim)]
            elif _is_encoders(name):
                needs += _trained(name, node, catalog, tree)
    return needs


def _embeddings(name: str, node: Node, manifest: Path, dim: int) -> Need:
    rows, key_length = count_rows(manifest)
    return Need(name.replace("_", " "), embedding_bytes(rows, dim=dim, key_length=key_length), node=node.name)


def count_rows(manifest: Path) -> tuple[int, float]:
    """Return the number of training images of a stored manifest, and the mean length of its keys in bytes.

    Keys are measured in the first row group.

    Raises:
        ArtefactError: If it has another size than was written, or cannot be read.
    """
    with reading_stored(manifest, digests_up_to=0):
        file = pq.ParquetFile(manifest)
        split = file.read(columns=["split"])["split"]
        if not len(split):
            return 0, 0.0
        keys = file.read_row_group(0, columns=["key"])["key"]
        length = pc.mean(pc.binary_length(keys)).as_py()
        return int(pc.sum(pc.equal(split, "train")).as_py()), float(length or 0)


def _dim(node: Node, pipeline: Pipeline, catalog: CatalogProtocol) -> int | None:
    """Return the length of the features that a node stores; None where its encoder is not known yet."""
    encoder = next((name for name in node.inputs if name.startswith(_RETRIEVAL)), None)
    if encoder is None:
        return None
    maker = next((other for other in pipeline.nodes if encoder in other.outputs), None)
    if maker is None:
        path = stored_path(catalog.get(encoder))
        return None if path is None else _stored_dim(path)
    settings = _training(maker, catalog)
    if settings is None or (isinstance(settings, RetrievalParameters) and settings.encoder is not None):
        return None
    with torch.device("meta"):
        return feature_dim(create_backbone(settings.backbone, image_size=224))


def _stored_dim(encoder: Path) -> int:
    card = encoder / CARD
    again = f"remove {encoder.parent}, and the stage that made it makes it again"
    with reading_stored(encoder, digests_up_to=0), reading(card, advice=again):
        return int(json.loads(card.read_text(encoding="utf-8"))["dim"])


def _training(node: Node, catalog: CatalogProtocol) -> TrainingParameters | None:
    for name in node.inputs:
        if name.startswith("params:"):
            value = typed_parameter(name, catalog.load(name))
            if isinstance(value, TrainingParameters):
                return value
    return None


def _trained(name: str, node: Node, catalog: CatalogProtocol, tree: ParameterTree) -> list[Need]:
    settings = _training(node, catalog)
    if settings is None or (isinstance(settings, RetrievalParameters) and settings.encoder is not None):
        return []
    size = catalog.load("image_size")
    encoder, states = _state_bytes(
        type(settings),
        settings.model_dump_json(exclude_unset=True),
        tree.runtime.model_dump_json(exclude_unset=True),
        size["image_size"],
        size["grey"],
    )
    seeds = 1 if name.startswith(_RETRIEVAL) else len(tree.comparison.seeds)
    words = name.replace("_", " ")
    # The states of a seed stay until those of all are encoders.
    return [
        Need(words, seeds * encoder),
        Need(f"states of training {words}", seeds * states, lasting=False, node=node.name),
    ]


@lru_cache(maxsize=64)
def _state_bytes(
    kind: type[TrainingParameters], training: str, runtime: str, image_size: int, grey: bool
) -> tuple[int, int]:
    """Return the bytes of an encoder and of its training's states; arms that share their settings ask once."""
    recipe = Recipe(
        training=kind.model_validate_json(training),
        runtime=RuntimeParameters.model_validate_json(runtime),
        purpose="retrieval",
        image_size=image_size,
        grey=grey,
        n_target=_ANY_SIZE,
    )
    return state_bytes(recipe.create_method(seed=0, fetch=False), recipe.settings)
