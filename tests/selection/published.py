"""The sampler as published, at full size: the honest opponent of the benchmark, and a second oracle.

Steps: normalise, multiply batch by batch, concatenate to k×N, sort every row completely, turn each into a deque of
Python integers, then pop round by round with set membership. Where a choice was open, the faster one was taken
(NumPy's vectorised argsort, large batches, `tolist` before the deque).
"""

from collections import deque

import numpy as np
import torch


def published_coreset(centroids, openset, *, budget, batch=16_384):
    """Return whole rounds, each a list of (centroid, image), until `budget` is reached, and the k×N similarities."""
    directions = torch.nn.functional.normalize(torch.as_tensor(centroids), dim=1)
    blocks = []
    for start in range(0, len(openset), batch):
        rows = torch.nn.functional.normalize(torch.as_tensor(openset[start : start + batch]).float(), dim=1)
        blocks.append(directions @ rows.T)
    similarities = torch.cat(blocks, dim=1).numpy()
    del blocks
    queues = [deque(np.argsort(-row).tolist()) for row in similarities]
    selected: set[int] = set()
    rounds = []
    while len(selected) < budget:
        picks = []
        for centroid, queue in enumerate(queues):
            image = queue.popleft()
            while image in selected:
                image = queue.popleft()
            picks.append((centroid, image))
        rounds.append(picks)
        selected.update(image for _, image in picks)
    return rounds, similarities
