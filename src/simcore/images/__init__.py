"""Images: where they are, what they are called, how they are decoded and seen."""

from simcore.images.decode import decode
from simcore.images.device_images import DeviceImages
from simcore.images.device_views import DeviceViews
from simcore.images.encoded import read_bytes
from simcore.images.fingerprint import source_fingerprint, sources_fingerprint
from simcore.images.ingest import Ingested, IngestedFiles, ingest_files, read_source
from simcore.images.ingest_settings import Settings
from simcore.images.manifest import (
    MANIFEST_COLUMNS,
    REJECTED_COLUMNS,
    build_manifest,
    check_manifest,
)
from simcore.images.pixels import eval_batches, eval_pixels
from simcore.images.size import IMAGE_SIZES, ImageSize, choose_image_size
from simcore.images.sources.finding import Source, find_sources
from simcore.images.sources.spec import SourceSpec, parse_sources
from simcore.images.store import ImageStore
from simcore.images.views import MultiViews, TwoViews, ViewSettings

__all__ = [
    "IMAGE_SIZES",
    "MANIFEST_COLUMNS",
    "REJECTED_COLUMNS",
    "DeviceImages",
    "DeviceViews",
    "ImageSize",
    "ImageStore",
    "Ingested",
    "IngestedFiles",
    "MultiViews",
    "Settings",
    "Source",
    "SourceSpec",
    "TwoViews",
    "ViewSettings",
    "build_manifest",
    "check_manifest",
    "choose_image_size",
    "decode",
    "eval_batches",
    "eval_pixels",
    "find_sources",
    "ingest_files",
    "parse_sources",
    "read_bytes",
    "read_source",
    "source_fingerprint",
    "sources_fingerprint",
]
