"""The methods of open-set semi-supervised learning by name."""

from simcore.downstream.openset_semi_supervised.openmatch import OpenMatch
from simcore.downstream.openset_semi_supervised.self_training import SelfTraining

OPENSET_METHODS = {method.name: method for method in (SelfTraining, OpenMatch)}
"""Methods by name."""
