"""How often a law is tried: a few times in CI, thousands of times by hand; the same examples on every machine."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


def examples(few: int, many: int) -> pytest.MarkDecorator:
    """Return the parameter `tries`: `few` in CI, `many` among the long tests."""
    return pytest.mark.parametrize(
        "tries",
        [pytest.param(few, id="few"), pytest.param(many, id="many", marks=pytest.mark.long)],
    )


def hold(law: Callable[..., None], tries: int, **strategies: st.SearchStrategy[Any]) -> None:
    """Run `law` on `tries` examples of its arguments."""
    # A shrunk example is worth its time by hand; in CI the first one says enough.
    phases = [Phase.explicit, Phase.generate, Phase.shrink]
    tried = settings(
        max_examples=tries,
        derandomize=True,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    tried(given(**strategies)(law))()
