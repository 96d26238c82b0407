"""From a source on disk to its manifest and the list of what could not be read."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from simcore.errors import InputError
from simcore.images.manifest import build_manifest
from simcore.images.sources import READERS, Labels, Reader, Request, Role
from simcore.images.sources.classes import check_classes
from simcore.images.splits import stratified_split
from simcore.images.verify import Verify, measure_images

logger = logging.getLogger(__name__)

_REASONS_SHOWN = 3


@dataclass(frozen=True)
class Ingested:
    """A source, read.

    Attributes:
        manifest: the usable images, see `check_manifest`.
        rejected: columns `key`, `uri`, `reason`, sorted by key: the images that cannot be used.
        labelled: whether every image of the manifest has a label.
    """

    manifest: pd.DataFrame
    rejected: pd.DataFrame
    labelled: bool


def read_source(
    path: str | Path,
    *,
    role: Role = "target",
    name: str | None = None,
    layout: str = "auto",
    labels: Labels = "auto",
    test_fraction: float = 0.3,
    seed: int = 0,
    verify: Verify = "decode",
    max_rejected: float = 0.1,
    workers: int | None = None,
    show_progress: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Ingested:
    """Return the manifest of the images at `path`, and those that cannot be used with the reason of each.

    The same data give the same manifest on every file system and for any number of workers. A labelled target
    without a test split gets a seeded, stratified one; an unlabelled one is all train.

    Args:
        path: a folder or a packed Parquet file, see `READERS` for the layouts.
        role: "target" or "openset".
        name: what the column `source` says; None takes the file or folder name without its ending.
        layout: a name of `READERS`, or "auto" for the first layout that recognises the path.
        labels: "auto" takes labels where there are any, "folder" insists on them, "none" leaves them out.
        test_fraction: share of each class that becomes test where the source has no test split.
        seed: of that split.
        verify: "decode" decodes every image once; "header" only reads sizes, and lets damaged pixels through.
        max_rejected: share of unusable images above which the source is refused.
        workers: threads; None takes every usable core.
        show_progress: show a bar.
        options: settings that only one layout knows.

    Raises:
        InputError: the source is missing, empty, broken, or has too many unusable images; one sentence each.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> root = Path(tempfile.mkdtemp())
        >>> for animal in ("cat", "dog"):
        ...     (root / animal).mkdir()
        ...     for number in range(2):
        ...         Image.new("L", (28, 28), number).save(root / animal / f"{number}.png")
        >>> ingested = read_source(root, name="pets", test_fraction=0.5)
        >>> ingested.manifest["key"].tolist(), ingested.labelled
        (['cat/0.png', 'cat/1.png', 'dog/0.png', 'dog/1.png'], True)
    """
    path = Path(path).expanduser()
    if role not in ("target", "openset"):
        raise InputError(f"`role` is '{role}'; allowed are 'target' and 'openset'.")
    if labels not in ("auto", "folder", "none"):
        raise InputError(f"`labels` is '{labels}'; allowed are 'auto', 'folder' and 'none'.")
    if verify not in ("decode", "header"):
        raise InputError(f"`verify` is '{verify}'; allowed are 'decode' and 'header'.")
    if not 0 <= test_fraction < 1:
        raise InputError(f"`test_fraction` is {test_fraction}; it must be at least 0 and below 1.")
    if not 0 <= max_rejected <= 1:
        raise InputError(f"`max_rejected` is {max_rejected}; it is a share from 0 to 1.")
    reader = _find_reader(path, layout=layout)
    request = Request(role=role, labels=labels, options=dict(options or {}))
    unknown = sorted(set(request.options) - set(reader.options))
    if unknown:
        allowed = ", ".join(f"'{option}'" for option in reader.options) or "none"
        raise InputError(f"Option '{unknown[0]}' does not belong to {reader.takes}; its options are: {allowed}.")
    listing = reader.list_images(path, request)

    images = listing.images.sort_values("key", kind="stable", ignore_index=True)
    measured = measure_images(images["uri"].tolist(), verify=verify, workers=workers, show_progress=show_progress)
    usable = measured["reason"].isna()
    unusable = images.loc[~usable, ["key", "uri"]].assign(reason=measured["reason"][~usable])
    rejected = pd.concat([listing.rejected, unusable]).astype("str").sort_values("key", ignore_index=True)
    _check_share(rejected, total=len(images) + len(listing.rejected), path=path, max_rejected=max_rejected)

    images = images[usable].assign(width=measured["width"], height=measured["height"], source=name or _name_of(path))
    undecided = images["split"].isna()
    if undecided.any():
        drawn = images[undecided]
        images.loc[undecided, "split"] = stratified_split(
            drawn["key"], drawn["label"], test_fraction=test_fraction, seed=seed
        )
    manifest = build_manifest(images)
    if role == "target":
        _check_usable(manifest, path=path)
    labelled = bool(manifest["label"].notna().all())
    logger.info(
        "%s: %d images (%d train, %d test), %s, %d rejected.",
        path,
        len(manifest),
        (manifest["split"] == "train").sum(),
        (manifest["split"] == "test").sum(),
        f"{manifest['label'].nunique()} classes" if labelled else "unlabelled",
        len(rejected),
    )
    return Ingested(manifest=manifest, rejected=rejected, labelled=labelled)


def _find_reader(path: Path, *, layout: str) -> Reader:
    if layout != "auto" and layout not in READERS:
        raise InputError(f"`layout` is '{layout}'; allowed are 'auto', {', '.join(repr(name) for name in READERS)}.")
    if not path.exists():
        raise InputError(f"{path} does not exist; give the path of a folder of images or of a packed Parquet file.")
    candidates = READERS.values() if layout == "auto" else [READERS[layout]]
    for reader in candidates:
        if reader.recognises(path):
            return reader
    takes = " nor ".join(reader.takes for reader in candidates)
    raise InputError(f"{path} is {'not' if layout != 'auto' else 'neither'} {takes}; give the path of one.")


def _name_of(path: Path) -> str:
    path = path.resolve()
    return (path.name if path.is_dir() else path.stem) or "images"


def _check_share(rejected: pd.DataFrame, *, total: int, path: Path, max_rejected: float) -> None:
    if len(rejected) < total and len(rejected) <= max_rejected * total:
        return
    first = "; ".join(f"{key}: {reason}" for key, reason in rejected[["key", "reason"]].head(_REASONS_SHOWN).to_numpy())
    if len(rejected) == total:
        raise InputError(f"None of the {total} images of {path} can be used ({first}); give a source of whole images.")
    raise InputError(
        f"{len(rejected)} of the {total} images of {path} cannot be used ({first}), more than "
        f"`max_rejected` = {max_rejected:g} allows; repair or remove them, or raise `max_rejected`."
    )


def _check_usable(manifest: pd.DataFrame, *, path: Path) -> None:
    """Check again what the reader checked, now that unusable images are gone."""
    if not (manifest["split"] == "train").any():
        raise InputError(f"None of the train images of {path} can be used; repair them.")
    check_classes(manifest, path=path)
