"""A batch of padded views is what torchvision makes of the images one by one."""

import pytest
import torch
from torchvision.models.detection import RetinaNet

from simcore.backbones import create_backbone
from simcore.downstream.detection import Detector
from simcore.errors import InputError


def detector(**settings) -> Detector:
    given = {"class_count": 3, "seed": 0, "width": 16} | settings
    return Detector(create_backbone("resnet10_small", seed=1), **given)


def test_the_loss_of_padded_views_is_torchvisions_of_images() -> None:
    generator = torch.Generator().manual_seed(0)
    images = [torch.randn(3, 50, 60, generator=generator), torch.randn(3, 64, 40, generator=generator)]
    boxes = [torch.tensor([[5.0, 6, 30, 40]]), torch.tensor([[2.0, 2, 38, 30], [10, 20, 30, 60]])]
    labels = [torch.tensor([2]), torch.tensor([0, 1])]
    canvas, rows = torch.full((2, 3, 70, 70), 9.0), torch.full((2, 2, 5), -1.0)
    for number, image in enumerate(images):
        canvas[number, :, : image.shape[1], : image.shape[2]] = image
        rows[number, : len(boxes[number])] = torch.cat([boxes[number], labels[number][:, None]], dim=1)
    method = detector()
    output = method([canvas, rows, torch.tensor([[50, 60], [64, 40]])])

    # torchvision's own network of the same weights; its transform only pads, as the images have the right size.
    twin = RetinaNet(
        method.model.backbone,
        3,
        anchor_generator=method.model.anchor_generator,
        image_mean=[0.0] * 3,
        image_std=[1.0] * 3,
        _skip_resize=True,
    )
    twin.head = method.model.head
    losses = twin.train()(images, [{"boxes": b, "labels": n} for b, n in zip(boxes, labels, strict=True)])
    torch.testing.assert_close(output.loss, sum(losses.values()))
    assert method.curves() == pytest.approx({f"loss_{name}": float(value.detach()) for name, value in losses.items()})
    assert output.features.shape == (2, 16)
    assert not output.features.requires_grad


def test_an_image_without_boxes_has_a_loss() -> None:
    output = detector()([torch.zeros(2, 3, 48, 48), torch.full((2, 1, 5), -1.0), torch.full((2, 2), 48)])
    assert torch.isfinite(output.loss)
    output.loss.backward()


def test_overlapping_boxes_of_other_classes_are_dropped() -> None:
    from torchvision.ops import box_iou

    images = [torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(0))]
    crowded = detector(least_score=0.0, nms_iou=1.0).find(images)[0]
    sparse = detector(least_score=0.0, nms_iou=0.2).find(images)[0]
    assert len(crowded["boxes"]) > len(sparse["boxes"]) > 1
    overlaps = box_iou(sparse["boxes"], sparse["boxes"]) - torch.eye(len(sparse["boxes"]))
    assert overlaps.max() <= 0.2
    assert (sparse["scores"].diff() <= 0).all()


def test_finding_puts_the_mode_back_and_depends_on_nothing_beside() -> None:
    method = detector()
    generator = torch.Generator().manual_seed(0)
    images = [torch.randn(3, 64, 64, generator=generator) for _ in range(2)]
    together, alone = method.find(images), [method.find([image])[0] for image in images]
    assert method.training
    for left, right in zip(together, alone, strict=True):
        torch.testing.assert_close(left["scores"], right["scores"])


def test_only_a_frozen_encoder_gets_no_gradient() -> None:
    view = [torch.randn(2, 3, 48, 48), torch.tensor([[[4.0, 4, 40, 40, 0]]]).expand(2, 1, 5), torch.full((2, 2), 48)]
    frozen, free = detector(), detector(frozen=False)
    for method in (frozen, free):
        method.loss(view).backward()
    assert all(value.grad is None for value in frozen.encoder.parameters())
    assert all(value.grad is not None for value in free.encoder.parameters())
    assert not frozen.encoder.training
    assert free.encoder.training


def test_weights_depend_on_the_seed_alone() -> None:
    first, again, other = detector(), detector(), detector(seed=1)
    same = [torch.equal(value, again.state_dict()[name]) for name, value in first.state_dict().items()]
    assert all(same)
    assert not all(torch.equal(value, other.state_dict()[name]) for name, value in first.state_dict().items())


def test_a_detector_without_classes_is_refused() -> None:
    with pytest.raises(InputError, match="`class_count` is 0"):
        detector(class_count=0)
