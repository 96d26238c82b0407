"""Nodes of the pipeline `export`."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from simcore.errors import InputError
from simcore.exporting import (
    check_destination,
    export_directory,
    write_encoders,
    write_folder,
    write_list,
    write_packed,
    write_tar,
)
from simcore.parameters import ExportParameters, PretrainingParameters
from simcore.pipelines.arms import arms
from simcore.pipelines.export.images import Made, chosen_images, stored_path

LOGGER = logging.getLogger(__name__)

IMAGES = "images"
LIST = "images.csv"
ENCODERS = "encoders"


def _stored(made: Made) -> dict[str, str]:
    """Return the datasets of the encoders that can be exported, by name: those compared, and all that were made."""
    start = "encoders_"
    names = [*arms(), *sorted(name.removeprefix(start) for name in made if name.startswith(start))]
    return {"retrieval": "retrieval_encoder", **{name: start + name for name in names}}


def export_artefacts(made: Made, pretraining: PretrainingParameters, export: ExportParameters) -> dict[str, Any]:
    """Return what was exported: folder, number of images, names of the encoders.

    The folder holds `images.csv` (the list, in the order of selection), the images themselves in `images/` unless the
    form is `list`, the encoders in `encoders/`, and `export.json`.
    """
    if export.to is None:
        raise InputError("`export.to` is not set; type a folder: --params export.to=<folder>.")
    folder = Path(export.to).resolve()
    names = _encoder_names(made, export)
    if export.what == "nothing" and not names:
        raise InputError("`export.what` is nothing and no encoder is taken: name one of them, or there is no export.")
    thing = {"what": export.what, "form": export.form if export.what != "nothing" else "encoders"}
    check_destination(folder, thing=thing)
    images = None if export.what == "nothing" else chosen_images(made, export.what, given=pretraining.coreset)
    if images is not None:
        _check_apart(images, folder)
    with export_directory(folder, thing=thing) as partial:
        if images is not None:
            _write_images(images, partial, export=export)
        if names:
            write_encoders(_stored_encoders(made, names), partial / ENCODERS)
    n_images = 0 if images is None else len(images)
    LOGGER.info(
        "Exported to %s: %d images (%s), encoders: %s.", folder, n_images, export.form, ", ".join(names) or "none"
    )
    return {"folder": str(folder), "n_images": n_images, "encoders": names}


def _write_images(images: pd.DataFrame, folder: Path, *, export: ExportParameters) -> None:
    """Write the images in the form asked for, and the list that says where each of them is."""
    places: list[str] | None = None
    if export.form == "folder":
        places = write_folder(images, folder / IMAGES, links=export.links, show_progress=True)
    elif export.form == "tar":
        places = write_tar(images, folder / IMAGES, shard_mib=export.shard_mib, show_progress=True)
    elif export.form == "packed":
        places = write_packed(images, folder / IMAGES, shard_mib=export.shard_mib, show_progress=True)
    write_list(images, folder / LIST, uris=None if places is None else [f"{IMAGES}/{place}" for place in places])


def _check_apart(images: pd.DataFrame, folder: Path) -> None:
    """Raise if images lie where the export is to go: an earlier one is replaced, and would take them along."""
    inside = images["uri"].str.removeprefix("file://").str.startswith(f"{folder}/")
    if inside.any():
        raise InputError(
            f"Image '{images['key'][inside].iloc[0]}' lies at {images['uri'][inside].iloc[0]}, inside `export.to`; "
            "export into a folder beside the images."
        )


def _encoder_names(made: Made, export: ExportParameters) -> list[str]:
    """Return which encoders are exported; `all` are those that there are."""
    if export.encoders == ("none",):
        return []
    stored = _stored(made)
    if export.encoders == ("all",):
        return [name for name, dataset in stored.items() if dataset in made]
    unknown = [name for name in export.encoders if name not in stored]
    if unknown:
        raise InputError(
            f"`export.encoders` names {unknown[0]!r}; allowed are all, none, and {', '.join(stored)}, joined by '+'."
        )
    for name in export.encoders:
        stored_path(made, stored[name])
    return list(dict.fromkeys(export.encoders))


def _stored_encoders(made: Made, names: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield the name and the folder of every encoder: one for retrieval, one an arm and seed."""
    stored = _stored(made)
    for name in names:
        path = stored_path(made, stored[name])
        if name == "retrieval":
            yield name, path
            continue
        for seed in sorted(path.iterdir(), key=lambda entry: int(entry.name.rpartition("-")[2])):
            yield f"{name}/{seed.name}", seed
