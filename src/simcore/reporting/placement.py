"""The section of the page that shows where the picks lie in the feature space."""

from collections.abc import Mapping

import plotly.graph_objects as go

from simcore.reporting.report import Block, Figure, Section

_SHOWN = {
    "similarity": (
        "Similarity of the picks, of a random draw and of the open-set to their nearest centroid. Every line sums to "
        "100 %.",
        "Histograms of similarity as lines.",
    ),
    "features": (
        "Embeddings of the target, of a sample of the open-set and of the coreset in two dimensions. Distances on such "
        "a map are no similarities; on one fitted on X, what resembles nothing of X stands among it all the same.",
        "Scatter plot.",
    ),
    "ring": (
        "The same map seen from the middle of the target: density of the directions, in the plane and over the angle.",
        "Three heat maps above a line chart.",
    ),
}


def placement_section(figures: Mapping[str, go.Figure]) -> Section | None:
    """Return the section of the figures "similarity", "features" and "ring", or None where none was made.

    Example:
        >>> placement_section({"ring": go.Figure()}).blocks[0].alt[:32]
        'Three heat maps above a line cha'
        >>> placement_section({}) is None
        True
    """
    blocks: list[Block] = [
        Figure(figures[name], caption, f"{kind} {caption}")
        for name, (caption, kind) in _SHOWN.items()
        if name in figures
    ]
    return Section("Where the picks lie", "placement", tuple(blocks)) if blocks else None
