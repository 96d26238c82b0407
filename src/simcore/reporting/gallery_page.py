"""A gallery as one HTML page by itself."""

from collections.abc import Sequence

from simcore.reporting.html import page_environment, trusted_text
from simcore.reporting.tiles import GalleryRow


def render_gallery(rows: Sequence[GalleryRow], *, title: str, sentence: str) -> str:
    """Return one HTML page of gallery rows: images and style inside, no script, no network.

    Args:
        rows: In the order wanted.
        title: Of the page.
        sentence: Below it.

    Example:
        >>> "Nothing is asked." in render_gallery([], title="Queries", sentence="Nothing is asked.")
        True
    """
    template = page_environment().get_template("gallery.html.j2")
    return template.render(rows=rows, title=title, sentence=sentence, style=trusted_text("report.css"))
