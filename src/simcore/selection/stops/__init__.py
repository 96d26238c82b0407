"""Stop rules: when the rounds have become too unlike the target. One rule a file, found by its registration."""

import importlib
import pkgutil

from simcore.selection.stops.registry import Stop, register, stop_rule, stop_rule_names

# Every module of this package registers its rules when it is imported, so a new rule is one new file.
for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

from simcore.selection.stops.ratio import StopRule  # noqa: E402

__all__ = ["Stop", "StopRule", "register", "stop_rule", "stop_rule_names"]
