"""How messages name images: of which sources, and the first of them."""

import pandas as pd


def name_sources(manifest: pd.DataFrame) -> str:
    """Return the sources of the rows of a manifest.

    Example:
        >>> name_sources(pd.DataFrame({"source": ["birds", "birds", "dogs"]}))
        '`birds`, `dogs`'
    """
    return ", ".join(f"`{source}`" for source in manifest["source"].unique())


def name_first(manifest: pd.DataFrame) -> str:
    """Return key and file of the first row of a manifest.

    Example:
        >>> name_first(pd.DataFrame({"key": ["a.png"], "uri": ["/d/a.png"]}))
        "'a.png', /d/a.png"
    """
    return name_each(manifest.head(1))[0]


def name_each(manifest: pd.DataFrame) -> list[str]:
    """Return key and file of each row of a manifest."""
    return [f"'{key}', {uri}" for key, uri in zip(manifest["key"], manifest["uri"], strict=True)]
