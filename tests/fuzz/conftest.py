"""The process that reads hostile files, and whole files to make them from."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.victim import Victim

MOST_SAID = 5000


@pytest.fixture(scope="session")
def victim() -> Iterator[Victim]:
    """A process of its own for readers that a file might kill."""
    with Victim() as started:
        yield started


@pytest.fixture
def check_outcome() -> Callable[..., None]:
    """Raise unless a file was read right, or refused in one sentence that names what is meant."""

    def check(outcome: dict[str, Any], *, named: str | Path | None) -> None:
        assert outcome["outcome"] in ("read", "refused"), json.dumps(outcome, indent=1).replace("\\n", "\n")
        if outcome["outcome"] == "refused":
            message = outcome["message"]
            assert "\n" not in message and 10 < len(message) < MOST_SAID and message.endswith("."), message
            assert named is None or str(named) in message, message

    return check
