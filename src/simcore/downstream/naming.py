"""How messages name images: how many of which sources, and the first of them."""

import pandas as pd

from simcore.evaluation.naming import name_first, name_sources


def name_images(manifest: pd.DataFrame, *, split: str | None = None) -> str:
    """Return how many images there are, where they come from, and key and file of the first one.

    Args:
        manifest: Rows of a manifest.
        split: Only those of `train` or `test`; where there are none, all rows say where they should come from.

    Example:
        >>> rows = {"key": ["a.png", "b.png"], "uri": ["/d/a.png", "/d/b.png"], "split": "test", "source": "d"}
        >>> name_images(pd.DataFrame(rows))
        "2 images of `d` (the first is 'a.png', /d/a.png)"
        >>> name_images(pd.DataFrame(rows), split="train")
        '0 train images of `d`'
    """
    part = manifest if split is None else manifest[manifest["split"] == split]
    name = f"{len(part)} {'' if split is None else f'{split} '}images"
    if len(manifest):
        name += f" of {name_sources(part if len(part) else manifest)}"
    if len(part):
        name += f" (the first is {name_first(part)})"
    return name
