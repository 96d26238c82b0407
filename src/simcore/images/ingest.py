"""From sources to their manifest and the list of what could not be read, in bounded memory."""

import hashlib
import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from simcore.errors import InputError
from simcore.images.assemble import Evidence, gather_evidence, write_files
from simcore.images.count_check import Counting, compare_sources, count_records
from simcore.images.fingerprint import sources_fingerprint
from simcore.images.ingest_settings import Settings
from simcore.images.listing_store import store_listing
from simcore.images.manifest import check_manifest
from simcore.images.reading_order import in_reading_order, tally_listing
from simcore.images.runs import read_tables, rechunk
from simcore.images.sampling import choose_rows
from simcore.images.sources import Labels, Role
from simcore.images.sources.classes import Tally, check_classes
from simcore.images.sources.finding import DEFAULT_ROOT, Source, describe, find_sources
from simcore.images.verify import PART_ROWS, Verify, verify_parts
from simcore.source_text import AUTO, is_url

logger = logging.getLogger(__name__)

_FORMAT = 1

DRAWN_TEST = "drawn_test"
"""Attribute of a manifest with a test part that was drawn: `of` (source), `images`, `share` of each class, `seed`."""


@dataclass(frozen=True)
class Ingested:
    """A source, read.

    Attributes:
        manifest: the usable images, see `check_manifest`.
        rejected: columns `key`, `uri`, `reason`, sorted by key: the images that cannot be used.
        labelled: whether every image of the manifest has a label.
        counts: images and classes found in each source, held against the published counts where it is a whole
            published data set; see `count_records`.
    """

    manifest: pd.DataFrame
    rejected: pd.DataFrame
    labelled: bool
    counts: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class IngestedFiles:
    """A source, read into files.

    Attributes:
        manifest: Parquet file, see `check_manifest`.
        rejected: Parquet file, columns `key`, `uri`, `reason`, sorted by key.
        labelled: whether every image of the manifest has a label.
        counts: see `Ingested`.
    """

    manifest: Path
    rejected: Path
    labelled: bool
    counts: list[dict[str, Any]]


def read_source(
    source: str | Path | Sequence[Any],
    *,
    role: Role = "target",
    name: str | None = None,
    layout: str = AUTO,
    labels: Labels = "auto",
    test_fraction: float = 0.3,
    seed: int = 0,
    limit: int | None = None,
    classes: Sequence[str] | int | None = None,
    sample_seed: int = 0,
    verify: Verify = "decode",
    max_rejected: float = 0.1,
    counts: Counting = "warn",
    workers: int | None = None,
    show_progress: bool = False,
    options: Mapping[str, str] | None = None,
    root: str | Path = DEFAULT_ROOT,
    workdir: str | Path | None = None,
) -> Ingested:
    """Return the manifest of the images of `source`, and those that cannot be used with the reason of each.

    The same data give the same manifest on every file system and for any number of workers. A labelled target
    without a test split gets a seeded, stratified one; an unlabelled one is all train. All rows are in memory here;
    `ingest_files` leaves them in files.

    Args:
        source: a path, a data set, several of them; see `parse_sources`.
        role: "target" (labels and splits matter) or "openset" (a pool: everything is train).
        name: what the column `source` says of a single source; None takes its name, see `parse_sources`.
        layout: a name of `READERS` for sources that are given by their path alone, or "auto" for the first layout
            that recognises the path.
        labels: "auto" takes labels where there are any, "folder" insists on them, "none" leaves them out.
        test_fraction: share of each class that becomes test where the source has no test split.
        seed: of that split.
        limit: images taken at most that are not test: those with the smallest hash of (`sample_seed`, key). They are
            taken before any is opened, so unusable ones among them count; where the split is drawn, it is drawn from
            what is taken.
        classes: names of the classes to take, or how many are drawn by `sample_seed`.
        sample_seed: of limit, classes and quotas: the same sample on every machine.
        verify: "decode" decodes every image once; "header" only reads sizes, and lets damaged pixels through.
        max_rejected: share of unusable images above which the source is refused; those that a published set leaves
            out on purpose do not count.
        counts: "warn" logs where a published data set has other counts than published, "stop" refuses it.
        workers: threads; None takes every usable core.
        show_progress: show bars.
        options: settings that only some layouts know, such as the level of the classes.
        root: where data sets without a path are looked up.
        workdir: where an interrupted run finds what it had; None takes a temporary folder.

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
    settings = Settings(
        role=role,
        labels=labels,
        test_fraction=test_fraction,
        seed=seed,
        limit=limit,
        classes=classes,
        sample_seed=sample_seed,
        verify=verify,
        max_rejected=max_rejected,
        counts=counts,
    )
    with tempfile.TemporaryDirectory(prefix="simcore-") as temporary:
        files = ingest_files(
            source,
            Path(temporary) if workdir is None else Path(workdir),
            settings=settings,
            name=name,
            layout=layout,
            options=options,
            root=root,
            workers=workers,
            show_progress=show_progress,
            state="temporary" if workdir is None else None,
        )
        manifest, rejected = pd.read_parquet(files.manifest), pd.read_parquet(files.rejected)
    check_manifest(manifest)
    return Ingested(manifest, rejected, files.labelled, files.counts)


def ingest_files(
    source: str | Path | Sequence[Any],
    workdir: Path,
    *,
    settings: Settings,
    name: str | None = None,
    layout: str = AUTO,
    options: Mapping[str, str] | None = None,
    root: str | Path = DEFAULT_ROOT,
    workers: int | None = None,
    show_progress: bool = False,
    state: str | None = None,
) -> IngestedFiles:
    """Return the manifest of `source` in files below `workdir`; arguments and errors as in `read_source`.

    The listing is sorted on disk, its images are opened in parts of `PART_ROWS`, and the parts are merged. So memory
    is some hundred MiB for ten million images, and an interrupted run, started again with the same source and
    settings, goes on at the first missing part. The files are the same byte for byte whatever the order of the
    listing, the number of workers, the size of parts and the interruptions.

    Args:
        source: see `read_source`.
        workdir: what is unfinished lies there, in a folder named after the source's state and the settings.
        settings: see `read_source`.
        name: see `read_source`.
        layout: see `read_source`.
        options: see `read_source`.
        root: see `read_source`.
        workers: see `read_source`.
        show_progress: see `read_source`.
        state: what stands for the present state of the source's files where the caller has looked already; None looks
            at all of them.
    """
    sources = find_sources(source, root=root, layout=layout, name=name, options=options)
    places = {path: _identity(path) for path in (each.spec.path for each in sources) if not is_url(path)}
    state = sources_fingerprint([each.spec for each in sources]) if state is None else state
    directory = workdir / f"ingest-{_recipe(sources, settings, state=state)[:12]}"
    listed = directory / "listed.parquet"
    if not listed.exists():
        store_listing(sources, listed, role=settings.role, labels=settings.labels, show_progress=show_progress)
    title = describe(sources)
    left_out = sorted({reason for each in sources for reason in each.reader.left_out})
    wanted = choose_rows(
        listed,
        quotas={each.spec.label: each.spec.quota for each in sources if each.spec.quota is not None},
        limit=settings.limit,
        classes=settings.classes,
        seed=settings.sample_seed,
        joined=len(sources) > 1,
        name=title,
        left_out=left_out,
    )
    ordered = in_reading_order(listed, wanted, directory)
    found, usable = tally_listing(ordered, left_out=left_out)
    if settings.role == "target":
        _check_target(usable, title=title, settings=settings, when="listed")
    whole = settings.limit is None and settings.classes is None
    findings = compare_sources(sources, found, role=settings.role, whole=whole, counting=settings.counts)
    parts = verify_parts(
        rechunk(read_tables(ordered), rows=PART_ROWS),
        directory / "parts",
        total=pq.read_metadata(ordered).num_rows,
        verify=settings.verify,
        workers=workers,
        show_progress=show_progress,
        missing=partial(_check_places, places),
    )
    evidence = gather_evidence(parts, seed=settings.seed, left_out=left_out)
    _check_share(evidence, title=title, max_rejected=settings.max_rejected)
    if settings.role == "target":
        _check_target(evidence.kept, title=title, settings=settings, when="opened")
    is_test = evidence.draw_test(settings.test_fraction)
    manifest, rejected = directory / "manifest.parquet", directory / "rejected.parquet"
    write_files(parts, manifest, rejected, is_test=is_test, attributes=_drawn(is_test, title=title, settings=settings))
    labelled = evidence.kept.unlabelled is None
    n, n_test = evidence.kept.total(), evidence.kept.total("test") + int(is_test.sum())
    logger.info(
        "%s: %d images (%d train, %d test), %s, %d rejected%s.",
        title,
        n,
        n - n_test,
        n_test,
        f"{len(evidence.kept.classes())} classes" if labelled else "unlabelled",
        evidence.n_rejected,
        f" ({evidence.n_left_out} of them left out on purpose)" if evidence.n_left_out else "",
    )
    records = count_records(sources, found, findings, every=evidence.all, kept=evidence.kept)
    return IngestedFiles(manifest, rejected, labelled, records)


def _drawn(is_test: np.ndarray, *, title: str, settings: Settings) -> dict[str, Any]:
    """Return what the manifest says of a test part that no source brought along; nothing where none was drawn."""
    if settings.role != "target" or not is_test.any():
        return {}
    facts = {"of": title, "images": int(is_test.sum()), "share": settings.test_fraction, "seed": settings.seed}
    return {DRAWN_TEST: facts}


def _recipe(sources: Sequence[Source], settings: Settings, *, state: str) -> str:
    """Return the digest of what decides the files, by which unfinished work is found again."""
    facts = {
        "format": _FORMAT,
        "state": state,
        "settings": asdict(settings),
        "sources": [[asdict(source.spec), source.layout, dict(source.options)] for source in sources],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _check_target(tally: Tally, *, title: str, settings: Settings, when: Literal["listed", "opened"]) -> None:
    if tally.total() and not any(split != "test" for _, split, _ in tally.counts):
        raise InputError(
            f"None of the train images of {title} can be used; repair them."
            if when == "opened"
            else f"{title} has no train images; mark some of its images 'train'."
        )
    sampled = settings.limit is not None
    check_classes(tally, name=title, advice="raise `limit`, or name the `classes` to take." if sampled else "")


def _identity(path: str) -> tuple[int, int] | None:
    """Return disk and number of what lies at a path: other ones where a disk was unmounted; None where nothing is."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check_places(places: Mapping[str, tuple[int, int] | None]) -> None:
    """Refuse to take the images of a source that went away for images that are missing in it."""
    for path, known in places.items():
        if _identity(path) != known:
            raise InputError(
                f"{path} was there when its images were listed and is gone now; bring it back (is the disk mounted?), "
                "and the same command goes on."
            )


def _check_share(evidence: Evidence, *, title: str, max_rejected: float) -> None:
    n, total = evidence.n_rejected - evidence.n_left_out, evidence.all.total() - evidence.n_left_out
    if 0 < total > n <= max_rejected * total:
        return
    if not total:
        raise InputError(f"All {evidence.n_left_out} images of {title} are left out on purpose; take others as well.")
    first = "; ".join(f"{key}: {reason}" for key, reason in evidence.rejected)
    if n == total:
        raise InputError(f"None of the {total} images of {title} can be used ({first}); give a source of whole images.")
    raise InputError(
        f"{n} of the {total} images of {title} cannot be used ({first}), more than "
        f"`max_rejected` = {max_rejected:g} allows; repair or remove them, or raise `max_rejected`."
    )
