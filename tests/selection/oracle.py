"""The published algorithm, written plainly: full sort per centroid, deques of indices, set membership.

It shares no code with the package: similarities are sums of Python integers, rules are spelt out.
"""

import math
from collections import deque
from fractions import Fraction

import numpy as np


def exact_similarities(centroids, openset):
    """(k, N) float64 by the documented definition: rounded to a 2^-26 grid, summed as Python integers."""

    def grid(rows):
        wide = np.asarray(rows, dtype=np.float32).astype(np.float64)
        lists = []
        for row in wide:
            squares = [value * value for value in row.tolist()]
            while len(squares) > 1:
                half = (len(squares) + 1) // 2
                squares = [
                    squares[i] + squares[half + i] if half + i < len(squares) else squares[i] for i in range(half)
                ]
            norm = math.sqrt(squares[0])
            lists.append([round(value / norm * 2**26) for value in row.tolist()])
        return lists

    left, right = grid(centroids), grid(openset)
    return np.array(
        [[float(Fraction(sum(a * b for a, b in zip(c, x, strict=True)), 2**52)) for x in right] for c in left]
    )


def published(similarities, *, budget, rank=None, allowed=None, stop=None, truncate="similarity"):
    """Peel the rounds from full sorts; `rank[i]` breaks ties; `stop` is (threshold, reference_round, keep_failing).

    Returns a list of rounds; each is (value, images in order, (centroid, similarity) by image, kept images), and why
    it stopped.
    """
    n_centroids, n_images = similarities.shape
    rank = list(range(n_images)) if rank is None else list(rank)
    allowed = set(range(n_images)) if allowed is None else set(allowed)
    queues = [
        deque(sorted(allowed, key=lambda image, row=row: (-row[image], rank[image]))) for row in similarities.tolist()
    ]
    selected, rounds, values = set(), [], []
    while True:
        if budget is not None and len(selected) >= budget:
            return rounds, "budget"
        if len(selected) == len(allowed):
            return rounds, "exhausted"
        picks = []
        for centroid, queue in enumerate(queues):
            while queue[0] in selected:
                queue.popleft()
            picks.append((queue[0], centroid, float(similarities[centroid, queue[0]])))
        value = math.fsum(similarity for _, _, similarity in picks) / n_centroids
        values.append(value)
        owner = {}
        for image, centroid, similarity in picks:
            if image not in owner or similarity > owner[image][1]:
                owner[image] = (centroid, similarity)
        images = sorted(owner, key=lambda image: (-owner[image][1], rank[image]))
        failing = stop is not None and len(values) > stop[1] and value < stop[0] * values[stop[1] - 1]
        kept = [] if failing and not stop[2] else images
        if budget is not None and truncate == "similarity":
            kept = kept[: budget - len(selected)]
        rounds.append((value, images, owner, kept))
        selected |= set(kept)
        if failing:
            return rounds, "threshold"


def coreset(rounds):
    """Indices in order of selection."""
    return [image for _, _, _, kept in rounds for image in kept]
