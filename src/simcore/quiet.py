"""One way to keep a library's words about itself from the log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def only(level: int, *names: str) -> Iterator[None]:
    """Let the loggers `names` say what is of `level` or worse, and nothing else, until the block ends.

    Example:
        >>> with only(logging.ERROR, "some.library"):
        ...     logging.getLogger("some.library").isEnabledFor(logging.WARNING)
        False
    """
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, before in zip(loggers, levels, strict=True):
            logger.setLevel(before)
