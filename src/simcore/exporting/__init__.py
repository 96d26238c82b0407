"""Exporting: image sets as list, folder, tar shards or packed Parquet, encoders as weights and card."""

from simcore.exporting.destination import check_destination, export_directory
from simcore.exporting.encoders import write_encoders
from simcore.exporting.folder import write_folder
from simcore.exporting.lists import LIST_COLUMNS, read_list, resolve_list, write_list
from simcore.exporting.names import FileNames, safe_names
from simcore.exporting.packed import write_packed
from simcore.exporting.reading import image_suffix, read_in_order
from simcore.exporting.tar import write_tar

__all__ = [
    "LIST_COLUMNS",
    "FileNames",
    "check_destination",
    "export_directory",
    "image_suffix",
    "read_in_order",
    "read_list",
    "resolve_list",
    "safe_names",
    "write_encoders",
    "write_folder",
    "write_list",
    "write_packed",
    "write_tar",
]
