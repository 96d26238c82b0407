"""Which data a run rests on, as short facts for the runs of MLflow."""

from pathlib import Path
from typing import Any

from kedro.io import CatalogProtocol
from kedro.io.core import AbstractVersionedDataset, VersionNotFoundError

from simcore.reuse import read_record

POOLS = ("target", "openset")
"""Whose sources are named in every run, also where it re-uses their manifests and opens neither."""

_SOURCE = "outside state"


def describe_data(name: str, dataset: Any) -> dict[str, str]:
    """Return the version of a dataset and what it was made from, by tag; nothing where no version is stored.

    `data.<name>` is the name of its version's folder, or the path of one that is given from outside;
    `data.<name>.fingerprint` covers code, parameters and all data that it rests on, down to the sources;
    `data.<name>.source` is the fingerprint of the images that a manifest lists (`simcore.images.source_fingerprint`).
    """
    if not isinstance(dataset, AbstractVersionedDataset):
        return {}
    given = getattr(dataset, "given", None)
    if given is not None:
        return {f"data.{name}": str(given), f"data.{name}.fingerprint": str(dataset.outside_state())}  # type: ignore[attr-defined]
    try:
        folder = Path(str(dataset._get_load_path())).parent
    except VersionNotFoundError:
        return {}
    record = read_record(dataset)
    facts = {f"data.{name}": folder.name}
    if record is not None:
        facts[f"data.{name}.fingerprint"] = record.fingerprint
        sources = [value[_SOURCE] for value in record.values.values() if isinstance(value, dict) and _SOURCE in value]
        if name.removesuffix("_manifest") in POOLS and sources:
            facts[f"data.{name}.source"] = str(sources[0])
    return facts


def describe_pools(catalog: CatalogProtocol) -> dict[str, str]:
    """Return what `describe_data` says of the manifests of target and open-set."""
    found: dict[str, str] = {}
    for pool in POOLS:
        name = f"{pool}_manifest"
        if name in catalog:
            found |= describe_data(name, catalog.get(name))
    return found
