"""Readers of image sources: one file a layout, one line a layout in `READERS`."""

from simcore.images.sources import folder, packed
from simcore.images.sources.reader import Labels, Listing, Reader, Request, Role

READERS: dict[str, Reader] = {
    "packed": packed.READER,
    "folder": folder.READER,
}
"""Readers by layout; "auto" takes the first that recognises the path, so special layouts go first."""

__all__ = ["READERS", "Labels", "Listing", "Reader", "Request", "Role"]
