"""SimCore: pick the images of an open-set that help a target, pretrain on them, and measure whether it helped."""

__version__ = "0.1.0"
