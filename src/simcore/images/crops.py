"""Boxes of images of one batch, cropped, resized and mirrored by two products with sparse weights."""

import torch
from torch import Tensor

# Eleven bits a weight and eight a pixel: every product and every sum of them is a whole number below 2^24, exact in
# float32 (in TF32 as well) and so the same in whatever order it is added up.
_UNIT = 2.0**11
_GRAIN = 2.0**12


def crop_and_resize(
    pixels: Tensor, boxes: Tensor, flip: Tensor, *, image_size: int, interpolation: str = "bilinear"
) -> Tensor:
    """Return boxes of images, resized with antialiasing: whole numbers as float32 (n, v, c, image_size, image_size).

    Pillow's and torchvision's antialiased filter (triangle, or cubic with a = -1/2, stretched by the reduction),
    first along the rows, then down the columns, rounded to whole levels in between as there. The weights are rounded
    to 1/2048: of torchvision's pixels about one in thirty differs, by a level (by two on pure noise). All arithmetic
    is exact: results are the same on every device, in every batch and for any padding.
    `kornia.geometry.crop_and_resize`, the obvious choice, interpolates between the four nearest pixels only, which
    aliases when a crop is reduced.

    Cost: 2 v c s (h w + s h) operations an image of h x w pixels, and v s (h + w) weights.

    Args:
        pixels: uint8 (n, h, w, c), images padded at the bottom and on the right with anything.
        boxes: (n, v, 4) top, left, height, width in pixels, inside the images.
        flip: (n, v) bool, whether the view is mirrored.
        image_size: side of the views, pixels.
        interpolation: "bilinear" or "bicubic".

    Example:
        >>> ramp = torch.arange(0, 160, 20, dtype=torch.uint8).view(1, 1, 8, 1).expand(1, 4, 8, 1)
        >>> box = torch.tensor([[[0, 2, 4, 4]]])
        >>> crop_and_resize(ramp, box, torch.tensor([[True]]), image_size=2)[0, 0, 0, 0]
        tensor([86., 54.])
    """
    n, height, width, channels = pixels.shape
    v = boxes.shape[1]
    boxes = boxes.to(pixels.device).view(n * v, 4)
    flip = flip.to(pixels.device).view(n * v)
    top, left, box_height, box_width = boxes.unbind(dim=1)
    cubic = interpolation == "bicubic"
    down = _weights(top, box_height, torch.zeros_like(flip), whole=height, size=image_size, cubic=cubic)
    along = _weights(left, box_width, flip, whole=width, size=image_size, cubic=cubic)
    with torch.autocast(pixels.device.type, enabled=False):
        columns = pixels.transpose(1, 2).reshape(n, width, height * channels).float()
        rows = _whole(torch.bmm(along.view(n, v * image_size, width), columns))
        rows = rows.view(n * v, image_size, height, channels).transpose(1, 2)
        result = _whole(torch.bmm(down, rows.reshape(n * v, height, image_size * channels)))
    return result.view(n, v, image_size, image_size, channels).permute(0, 1, 4, 2, 3)


def _whole(values: Tensor) -> Tensor:
    return values.div_(_UNIT).add_(0.5).floor_().clamp_(0, 255)


def _weights(start: Tensor, length: Tensor, flip: Tensor, *, whole: int, size: int, cubic: bool) -> Tensor:
    """Return (m, size, whole) whole numbers: how much each of `whole` pixels adds to each of `size`, of 2048 in all."""
    place = torch.arange(size, device=start.device)
    place = torch.where(flip[:, None], size - 1 - place, place)
    scale = (length.float() / size)[:, None, None]
    centre = (place[:, :, None] + 0.5) * scale
    inside = torch.arange(whole, device=start.device) - start[:, None]
    distance = (inside[:, None, :] + 0.5 - centre).abs_() / scale.clamp(min=1)
    weights = _cubic(distance) if cubic else (1 - distance).clamp_(min=0)
    weights = weights.mul_(_GRAIN).round_()
    weights *= ((inside >= 0) & (inside < length[:, None]))[:, None, :]
    # Rounding the running sums, not the weights, keeps the sum of the rounded at 2048. They are added up as integers
    # since torch knows no deterministic order for floats on a GPU, though here any would do.
    sums = weights.int().cumsum(dim=2, dtype=torch.int32).float()
    sums = (sums * _UNIT).div_(sums[:, :, -1:].clone()).add_(0.5).floor_()
    return torch.diff(sums, dim=2, prepend=torch.zeros_like(sums[:, :, :1]))


def _cubic(distance: Tensor) -> Tensor:
    near = (1.5 * distance - 2.5) * distance * distance + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return torch.where(distance < 1, near, torch.where(distance < 2, far, torch.zeros_like(distance)))  # noqa: PLR2004
