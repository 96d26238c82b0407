"""Fingerprint of parameter values, without those that change only the speed."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel


def plain(value: Any) -> Any:
    """Return `value` as JSON-ready data: models become dictionaries without their `runtime_only` fields.

    A model with a method `outside_state()` (a path whose content matters) contributes what that returns.
    """
    if isinstance(value, BaseModel):
        skipped: frozenset[str] = getattr(value, "runtime_only", frozenset())
        data = {name: plain(getattr(value, name)) for name in type(value).model_fields if name not in skipped}
        outside_state = getattr(value, "outside_state", None)
        if outside_state is not None:
            data["outside state"] = outside_state()
        return data
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def value_fingerprint(value: Any) -> str:
    """Return the hex sha256 of `value` in canonical JSON.

    Example:
        >>> value_fingerprint({"a": 1, "b": 2}) == value_fingerprint({"b": 2, "a": 1})
        True
    """
    text = json.dumps(plain(value), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
