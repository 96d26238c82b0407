"""Tasks beyond classification on a frozen encoder: detection, segmentation."""
