"""The states of artefacts: fresh, stale or missing."""

from typing import Any

import pandas as pd

from simcore.datasets.if_fresh import Looking
from simcore.parameters import typed_parameter
from simcore.reuse.state import MISSING, State, list_states


class StatesDataset(Looking):
    """Loads the state of what the whole job makes, and of what else is there, one row an artefact; makes nothing."""

    def load(self) -> pd.DataFrame:
        """Return columns dataset, node, state, reason, made_at, bytes."""
        catalog = self._attached()
        digests = bool(typed_parameter("params:status", catalog.load("params:status")).digests)
        usual = list_states(self._usual, catalog, digests=digests)
        listed = {state.dataset for state in usual}
        # What the whole job has no use for is not missing: it counts where it is there.
        others = [
            state
            for state in list_states(self._pipeline, catalog, digests=digests)
            if state.dataset not in listed and state.state != MISSING
        ]
        return pd.DataFrame([vars(state) for state in [*usual, *others]], columns=list(State.__dataclass_fields__))

    def _exists(self) -> bool:
        return self._catalog is not None

    def _describe(self) -> dict[str, Any]:
        return {}
