"""Node of the pipeline `jobs`."""

import logging

import pandas as pd

LOGGER = logging.getLogger(__name__)


def print_jobs(jobs_to_run: pd.DataFrame) -> pd.DataFrame:
    """Return and log the commands, wave by wave; those of a wave may run beside each other."""
    for wave, jobs in jobs_to_run.groupby("wave", sort=True):
        LOGGER.info(
            "Wave %d, %s:", wave, "one command" if len(jobs) == 1 else f"{len(jobs)} commands beside each other"
        )
        for job in jobs.to_dict("records"):
            LOGGER.info("  %s", job["command"])
    return jobs_to_run
