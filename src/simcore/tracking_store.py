"""The database of MLflow appears when it is whole: its tables take seconds, and a kill would leave half of them."""

from pathlib import Path

from simcore.files import atomic_file
from simcore.logical_run import in_turn

_SQLITE = "sqlite:///"


def create_store(tracking_uri: str, *, lock: Path) -> None:
    """Make the file of a SQLite store that is not there yet; other stores are MLflow's or their server's business.

    MLflow makes it in steps, each for good, and cannot go on with some of them.

    Args:
        tracking_uri: Of the store.
        lock: File by which processes that want the same take turns.

    Raises:
        DiskError: It cannot be written.
    """
    path = Path(tracking_uri.removeprefix(_SQLITE))
    if not tracking_uri.startswith(_SQLITE) or path.exists():
        return
    import sqlalchemy
    from mlflow.store.db.utils import _initialize_tables

    with in_turn(lock):
        for left in path.parent.glob(f".{path.name}.*.partial*"):  # of a killed process, with its journal
            left.unlink()
        if path.exists():
            return
        with atomic_file(path) as partial:
            engine = sqlalchemy.create_engine(f"{_SQLITE}{partial}")
            try:
                _initialize_tables(engine)
            finally:
                engine.dispose()
