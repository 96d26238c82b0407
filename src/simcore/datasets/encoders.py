"""Encoders as catalog entries."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simcore.datasets.atomic import AtomicDataset

_SEED_PREFIX = "seed-"


class EncoderDataset(AtomicDataset[Any, Any]):
    """One `simcore.backbones.Encoder`: a directory of safetensors weights and a JSON card."""

    is_directory = True

    def _write(self, data: Any, path: Path) -> None:
        data.save(path)

    def _read(self, path: Path) -> Any:
        from simcore.backbones import Encoder

        return Encoder.load(path)


class SeedEncodersDataset(AtomicDataset[Mapping[int, Any], dict[int, Any]]):
    """The encoders of one arm, one a seed: `seed-0/`, `seed-1/`, …, each as in `EncoderDataset`."""

    is_directory = True

    def _write(self, data: Mapping[int, Any], path: Path) -> None:
        for seed, encoder in data.items():
            encoder.save(path / f"{_SEED_PREFIX}{seed}")

    def _read(self, path: Path) -> dict[int, Any]:
        from simcore.backbones import Encoder

        found = sorted(int(entry.name.removeprefix(_SEED_PREFIX)) for entry in path.glob(f"{_SEED_PREFIX}*"))
        return {seed: Encoder.load(path / f"{_SEED_PREFIX}{seed}") for seed in found}
