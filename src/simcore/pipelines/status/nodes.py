"""Node of the pipeline `status`."""

import logging

import pandas as pd

LOGGER = logging.getLogger(__name__)

_MIB = 2**20


def list_status(states: pd.DataFrame) -> pd.DataFrame:
    """Return and log the state of what the whole job makes, and of what else is there, one row an artefact."""
    for row in states.to_dict("records"):
        made = f"{row['bytes'] / _MIB:,.1f} MiB, {row['made_at']}" if row["made_at"] else ""
        details = "; ".join(filter(None, (made, row["reason"])))
        LOGGER.info("%-7s  %s%s", row["state"], row["dataset"], f" ({details})" if details else "")
    counts = states["state"].value_counts()
    LOGGER.info(
        "%s. Running the pipeline that makes them makes what is stale or missing, and nothing else.",
        ", ".join(f"{n} {state}" for state, n in counts.items()) or "Nothing is there",
    )
    return states
