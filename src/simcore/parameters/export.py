"""Parameters of the export, and lists of images that a run is given."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, PositiveInt, field_validator

from simcore.parameters.base import Names, Parameters


def find_list(path: str | None) -> str | None:
    """Return where a list of images is, anchored where the command was typed.

    Raises:
        ValueError: If there is no such file.
    """
    if path is None:
        return None
    file = Path(path).expanduser().absolute()
    if not file.is_file():
        raise ValueError(f"there is no file {file}; give a list of keys or uris: .txt, .csv or .parquet")
    return str(file)


ListFile = Annotated[str | None, AfterValidator(find_list)]
"""A file that lists images, or nothing."""


class ExportParameters(Parameters):
    """What is exported, in which form, and where to."""

    to: str | None
    what: Literal["coreset", "random", "target", "x_coreset", "x_random", "nothing"]
    form: Literal["list", "folder", "tar", "packed"]
    links: bool
    shard_mib: PositiveInt
    encoders: Names

    @field_validator("to")
    @classmethod
    def _anchor(cls, to: str | None) -> str | None:
        """Anchor a relative path where the command was typed."""
        return None if to is None else str(Path(to).expanduser().absolute())
