"""The sampler as published, at full size: the honest opponent of the benchmark, and a second oracle.

Steps: normalise, multiply batch by batch, concatenate to k×N, sort every row completely, turn each into a deque of
Python integers, then pop round by round with set membership, adding up the similarities of a round for its value.
"""

from collections import deque

import numpy as np
import torch


def published_coreset(centroids, openset, *, budget, tuned=False, batch=16_384):
    """Return whole rounds, each a value and a list of (centroid, image), until `budget` is reached.

    With `tuned`, rows are sorted by NumPy's vectorised argsort and read as NumPy arrays, where the published code
    keeps tensors: the same steps, several times faster.
    """
    directions = torch.nn.functional.normalize(torch.as_tensor(centroids), dim=1)
    blocks = []
    for start in range(0, len(openset), batch):
        rows = torch.nn.functional.normalize(torch.as_tensor(openset[start : start + batch]).float(), dim=1)
        blocks.append(directions @ rows.T)
    similarities = torch.cat(blocks, dim=1)
    del blocks
    if tuned:
        similarities = similarities.numpy()
        queues = [deque(np.argsort(-row).tolist()) for row in similarities]
    else:
        queues = [deque(torch.argsort(row, descending=True).tolist()) for row in similarities]
    selected: set[int] = set()
    rounds = []
    while len(selected) < budget:
        picks, value = [], 0.0
        for centroid, queue in enumerate(queues):
            image = queue.popleft()
            while image in selected:
                image = queue.popleft()
            picks.append((centroid, image))
            value += similarities[centroid, image].item()
        rounds.append((value / len(queues), picks))
        selected.update(image for _, image in picks)
    return rounds
