"""The stage `screening` (copies of target images in the open-set), and the pipeline `audit` that reports on all."""

from kedro.pipeline import Node, Pipeline

from simcore.pipelines.audit.hashing import hash_pool
from simcore.pipelines.audit.nodes import (
    count_duplicates,
    find_alike,
    find_repeats,
    join_duplicates,
)
from simcore.pipelines.audit.screening import find_leaks
from simcore.pipelines.audit.showing import draw_duplicates

HASHES = ["target_hashes", "openset_hashes", "target_manifest"]
# One by one, so that a change of one re-makes only what rests on it.
THRESHOLDS = ["params:audit.hamming", "params:audit.correlation", "params:audit.pairs_per_image"]
# Where the selection has run, and holds; the audit does not make it run.
PICKS = ["coreset_if_fresh", "coreset_random_if_fresh"]


def create_screening() -> Pipeline:
    """Return the stage: hash both pools, find copies; the selection needs it where it is to leave these out."""
    hashing = [
        Node(hash_pool, inputs=f"{pool}_manifest", outputs=f"{pool}_hashes", name=f"hash_{pool}", tags="cpu")
        for pool in ("target", "openset")
    ]
    search = Node(
        find_leaks, inputs=[*HASHES, "openset_manifest", *THRESHOLDS], outputs="leaks", name="find_leaks", tags="cpu"
    )
    return Pipeline([*hashing, search])


def create_pipeline() -> Pipeline:
    """Return what the audit does with the leaks: repeats among the picks, look-alikes, counts by arm, a gallery."""
    return Pipeline(
        [
            Node(
                find_repeats,
                inputs=[*HASHES, *PICKS, *THRESHOLDS],
                outputs="copies_repeated",
                name="find_repeats",
                tags="cpu",
            ),
            Node(
                find_alike,
                inputs=[
                    "openset_embeddings_if_fresh",
                    "target_embeddings_if_fresh",
                    "retrieval_encoder_if_fresh",
                    "target_manifest",
                    "image_size",
                    "params:audit.cosine",
                    "params:audit.pairs_per_image",
                    "params:images",
                    "params:embedding",
                    "params:runtime",
                ],
                outputs="copies_alike",
                name="find_alike",
                tags="gpu",
            ),
            Node(
                join_duplicates,
                inputs=["leaks", "copies_repeated", "copies_alike", *PICKS],
                outputs="duplicates",
                name="join_duplicates",
                tags="cpu",
            ),
            Node(
                count_duplicates,
                inputs=["duplicates", "target_manifest", "openset_manifest", *PICKS],
                outputs="audit_summary",
                name="count_duplicates",
                tags="cpu",
            ),
            Node(
                draw_duplicates,
                inputs=[
                    "duplicates",
                    "target_manifest",
                    "openset_manifest",
                    "params:images",
                    "params:audit.gallery_pairs",
                ],
                outputs="duplicates_gallery",
                name="draw_duplicates",
                tags="cpu",
            ),
        ]
    )
