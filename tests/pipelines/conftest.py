"""Manifests of the small data."""

import pandas as pd
import pytest

from simcore.images import read_source
from simcore.parameters import ParameterTree, check_parameters
from tests.parameters.test_parameters import load


@pytest.fixture(scope="session")
def manifests(small_data: dict) -> dict[str, pd.DataFrame]:
    return {pool: read_source(small_data[pool]["source"], role=pool).manifest for pool in ("target", "openset")}


@pytest.fixture
def settings() -> ParameterTree:
    return check_parameters(load("test"))
