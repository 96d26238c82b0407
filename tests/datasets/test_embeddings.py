"""Embeddings as a catalog entry."""

import shutil
from pathlib import Path

import numpy as np

from simcore.datasets import EmbeddingsDataset
from simcore.embeddings import write_embeddings


def test_other_rows_under_the_same_keys_are_another_state(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float16)
    states = []
    for each in rows:
        shutil.rmtree(tmp_path / "own", ignore_errors=True)
        write_embeddings(tmp_path / "own", list("abcde"), each)
        dataset = EmbeddingsDataset(filepath=str(tmp_path / "kept"), given=str(tmp_path / "own"))
        states += [dataset.outside_state(), dataset.outside_state()]
    assert states[0] == states[1] != states[2] == states[3]
