"""The sentence on the terms of a comparison."""

import pytest

from simcore.study.fairness import describe_terms


@pytest.mark.parametrize(
    ("steps", "fairness", "sentence"),
    [
        ({"x": 500, "os": 500}, "equal_compute", "Equal compute: every arm takes 500 steps"),
        ({"x": 500, "os": 500}, "paper", "come to equal compute here: every arm takes 500 steps"),
        (
            {"x": 100, "os": 1500},
            "paper",
            "Own epochs: arms take 100 to 1,500 steps of the same batch, a factor of 15.0",
        ),
        ({"x": 100, "long": 200}, "equal_compute", "steps of a named one: arms take 100 to 200 steps"),
        ({}, "paper", "No arm was trained."),
    ],
)
def test_the_terms_are_said_as_they_came_out(steps: dict, fairness, sentence: str) -> None:
    assert sentence in describe_terms(steps, fairness=fairness)
