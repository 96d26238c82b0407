"""EHNS-m: its loss against a slow statement, its queue against a list."""

import math

import pytest
import torch

from simcore.errors import InputError
from simcore.methods import EHNSm, SimCLR
from simcore.methods.ehns_m import QueuedNegativesLoss
from tests.methods.test_hns import projections
from tests.methods.worlds import Means, random_views


def rows(count, *, d=4, seed=9):
    return torch.nn.functional.normalize(torch.randn(count, d, generator=torch.Generator().manual_seed(seed)), dim=1)


def slow_loss(left, right, queue, *, temperature, ratio):
    """Each anchor against all other views and the first of the queue, sorted, in float64; `queue` holds filled rows."""
    vectors = [vector / vector.norm() for vector in (*left.double(), *right.double())]
    n, total = len(left), 0.0
    for i, anchor in enumerate(vectors):
        cosines = sorted((float(anchor @ row) for row in queue.double()), reverse=True)
        kept = cosines[: max(1, math.floor(ratio * len(cosines) + 0.5 + 1e-9))]
        others = [float(anchor @ vectors[m]) for m in range(2 * n) if m != i]
        sum_of_all = sum(math.exp(value / temperature) for value in [*others, *kept])
        total -= float(anchor @ vectors[(i + n) % (2 * n)]) / temperature - math.log(sum_of_all)
    return total / (2 * n)


@pytest.mark.parametrize("n", [2, 5])
@pytest.mark.parametrize("temperature", [0.07, 0.5])
@pytest.mark.parametrize("ratio", [0.01, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("filled", [1, 2, 3, 7, 20])
def test_the_loss_is_that_of_the_terms_written_out(n, temperature, ratio, filled):
    views, queue = projections(n, seed=n), rows(20)
    expected = slow_loss(*views, queue[:filled], temperature=temperature, ratio=ratio)
    criterion = QueuedNegativesLoss(temperature, ratio=ratio)
    # What has not been filled must not count: it may hold anything.
    queue[filled:] = views[0][0] / views[0][0].norm()
    assert criterion(*views, queue, torch.tensor(filled)).item() == pytest.approx(expected, abs=1e-5)


def test_the_gradient_is_that_of_the_terms_written_out():
    views, queue = [view.double().requires_grad_() for view in projections(5)], rows(12).double()

    def loss(left, right):
        return QueuedNegativesLoss(0.3, ratio=0.5)(left, right, queue, torch.tensor(8))

    assert torch.autograd.gradcheck(loss, views)


def test_what_is_kept_for_the_gradient_does_not_grow_with_batch_times_queue():
    n, size, d = 64, 4_096, 8
    views, queue, kept = [view.requires_grad_() for view in projections(n, d=d)], rows(size, d=d), []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        loss = QueuedNegativesLoss(0.1, ratio=0.7)(*views, queue, torch.tensor(size))
    values = sum({tensor.data_ptr(): tensor.numel() for tensor in kept}.values())
    assert values < 10 * (2 * n) ** 2 + 2 * size * d < 2 * n * size
    loss.backward()
    assert views[0].grad.isfinite().all()


def method(**settings):
    return EHNSm(Means(), **{"queue_size": 7, "projection_dim": 4, "seed": 1} | settings)


def views_of(made, *, n=4, beside=3, seed=0):
    return [*random_views(made, n=n, seed=seed)[:2], random_views(made, n=beside, seed=100 + seed)[0]]


def test_the_newest_rows_take_the_place_of_the_oldest():
    made, expected = method(), []
    for step, count in enumerate((3, 2, 4, 7, 9, 2, 3)):
        views = views_of(made, beside=count, seed=step)
        with torch.no_grad():
            new = torch.nn.functional.normalize(made.head(made.backbone(views[2])), dim=1)
        made.loss(views)
        expected = [*expected, *new][-7:]
        enqueued = int(made.enqueued)
        assert min(enqueued, 7) == len(expected)
        # In the order in which they came: the oldest row of a full queue stands where the next one goes.
        start = enqueued % 7 if enqueued >= 7 else 0
        stored = made.queue[: len(expected)].roll(-start, dims=0)
        assert torch.allclose(stored, torch.stack(expected), atol=1e-6), step
    assert int(made.enqueued) == 30


def test_the_loss_reads_the_rows_of_this_step_and_of_those_before():
    made = method(queue_size=6, ratio=0.5)
    for step in range(3):
        views = views_of(made, seed=step)
        loss = made.loss(views)
        with torch.no_grad():
            out = [made.head(part) for part in made.backbone(torch.cat(views[:2])).chunk(2)]
        filled = made.queue[: min(int(made.enqueued), 6)]
        assert len(filled) == (3, 6, 6)[step]
        assert loss.item() == pytest.approx(slow_loss(*out, filled, temperature=0.07, ratio=0.5), abs=1e-5)


def test_the_openset_gets_no_gradient_and_no_running_statistics():
    made, plain = method(), SimCLR(Means(), projection_dim=4, seed=1)
    views = views_of(made)
    with_graph = []
    made.backbone.register_forward_hook(lambda *_: with_graph.append(torch.is_grad_enabled()))
    made.loss(views).backward()
    assert with_graph == [False, True]
    plain.loss(views[:2])
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        assert torch.equal(getattr(made.backbone.norm, name), getattr(plain.backbone.norm, name)), name


def test_the_queue_is_part_of_the_state():
    made, again = method(), method(seed=5)
    made.loss(views_of(made))
    again.load_state_dict(made.state_dict())
    views = views_of(made, seed=1)
    assert int(again.enqueued) == 3
    assert made.loss(views).item() == again.loss(views).item()
    assert torch.equal(made.queue, again.queue) and int(again.enqueued) == 6
    assert not any(name.startswith(("queue", "enqueued")) for name in made.encoder.state_dict())


def test_an_empty_queue_would_be_simclr_and_rows_raise_the_loss():
    made, plain = method(ratio=1), SimCLR(Means(), projection_dim=4, seed=1)
    views = views_of(made)
    assert made.loss(views).item() > plain.loss(views[:2]).item() + 1e-3


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match="`queue_size` is 0; it must be at least 1"):
        method(queue_size=0)
    with pytest.raises(InputError, match=r"`ratio` is 1\.5; it must be above 0 and at most 1"):
        method(ratio=1.5)
    made = method()
    with pytest.raises(
        InputError, match="`ehns_m` takes 2 views of each image, 1 of each image beside them, 2 were given"
    ):
        made.loss(views_of(made)[:2])
