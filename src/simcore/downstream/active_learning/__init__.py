"""Active learning: which images a person should label next."""

from simcore.downstream.active_learning.labels import label_from_file
from simcore.downstream.active_learning.looking import Seen, look_at
from simcore.downstream.active_learning.pool import Pool
from simcore.downstream.active_learning.registry import QUERIES, choose_keys
from simcore.downstream.active_learning.rounds import ROUND, SHARES, Round, count_labels, learn_actively

__all__ = [
    "QUERIES",
    "ROUND",
    "SHARES",
    "Pool",
    "Round",
    "Seen",
    "choose_keys",
    "count_labels",
    "label_from_file",
    "learn_actively",
    "look_at",
]
