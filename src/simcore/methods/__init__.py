"""Self-supervised methods: each a module that turns views into a loss."""

from simcore.methods.base import Method, StepOutput
from simcore.methods.registry import METHODS, create_method
from simcore.methods.simclr import SimCLR

__all__ = ["METHODS", "Method", "SimCLR", "StepOutput", "create_method"]
