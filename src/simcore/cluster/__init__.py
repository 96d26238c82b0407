"""Embedding and candidate scan on a Ray cluster: the functions that work locally, on shards as units of work.

`simcore.cluster.embedding` and `simcore.cluster.selecting` are not imported here: a worker that scans does not wait for
the networks' libraries. Ray itself is imported where a cluster is asked for.
"""

from simcore.cluster.connecting import Cluster, connected

__all__ = ["Cluster", "connected"]
