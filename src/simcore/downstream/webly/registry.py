"""The methods of webly-supervised learning by name."""

from simcore.downstream.webly.co_teaching import CoTeaching
from simcore.downstream.webly.dividemix import DivideMix
from simcore.supervised import Classifier

PLAIN = "supervised"
"""All labels as they are, by one network: what the other methods are held against."""

WEBLY_METHODS = {PLAIN: Classifier, CoTeaching.name: CoTeaching, DivideMix.name: DivideMix}
"""Methods by name."""
