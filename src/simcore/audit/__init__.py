"""The audit: images that two pools share, exactly or nearly, and what follows from it.

Duplicates of the target's test images among what an encoder is trained on make its figures look better than they are;
duplicates of its train images, and of each other, only take the place of other images.
"""

from simcore.audit.candidates import KINDS
from simcore.audit.embedded import find_similar
from simcore.audit.excluding import excluded_by_audit, excluded_by_list, nothing_excluded
from simcore.audit.hashes import Hashes, hash_images
from simcore.audit.perceptual import Probes, probe_hashed, probe_images
from simcore.audit.searching import find_duplicates
from simcore.audit.summary import COPIES, summarise
from simcore.audit.table import OPENSET, TARGET, duplicates_table, join_tables, no_duplicates

__all__ = [
    "COPIES",
    "KINDS",
    "OPENSET",
    "TARGET",
    "Hashes",
    "Probes",
    "duplicates_table",
    "excluded_by_audit",
    "excluded_by_list",
    "find_duplicates",
    "find_similar",
    "hash_images",
    "join_tables",
    "no_duplicates",
    "nothing_excluded",
    "probe_hashed",
    "probe_images",
    "summarise",
]
