"""Parameters of the arms: what the encoders that are compared are pretrained on."""

from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from simcore.parameters.base import Names, Parameters, Seeds
from simcore.parameters.variants import in_variant

PUBLISHED = "published"
"""What `labels` says to take the classes that the paper picked by hand for the target."""

Openset = Literal["none", "all", "random", "coreset", "labels"]
_SETTINGS_OF = {
    "none": frozenset[str](),
    "all": frozenset[str](),
    "random": frozenset({"size_of", "ratio"}),
    "coreset": frozenset({"n_clusters", "ratio", "tau", "reselections"}),
    "labels": frozenset({"labels"}),
}


class ArmParameters(Parameters):
    """One arm: whether it trains on X, and on which part of the open-set.

    `none`; `all` of it; as many images drawn at `random` as the arm `size_of` has, or the share `ratio`; the `coreset`
    of `n_clusters` centroids (`all`: every target image is one; null: those of `clustering`), of the share `ratio`
    without a stop rule, or with another `tau` than `selection.tau`, selected anew `reselections` times during the
    training; the images with `labels`. `steps_of` names an arm of which it takes the number of training steps,
    `starts_from` one whose encoders, seed by seed, its training starts from (two-stage). With `variant` it is made
    under other settings of retrieval, selection and training; `base` is then the arm that it is elsewhere.
    """

    # A name for readers and for the published numbers; what is made does not depend on it.
    runtime_only: ClassVar[frozenset[str]] = frozenset({"base"})

    target: bool = True
    openset: Openset
    size_of: str | None = None
    n_clusters: PositiveInt | Literal["all"] | None = None
    ratio: float | None = Field(default=None, gt=0, lt=1)
    tau: float | None = Field(default=None, gt=0, le=1)
    reselections: PositiveInt | None = None
    labels: Names | None = None
    steps_of: str | None = None
    starts_from: str | None = None
    variant: str | None = None
    base: str | None = None

    @model_validator(mode="after")
    def _check(self) -> "ArmParameters":
        given = {name for name in frozenset().union(*_SETTINGS_OF.values()) if getattr(self, name) is not None}
        idle = sorted(given - _SETTINGS_OF[self.openset])
        if idle:
            raise ValueError(
                f"{', '.join(idle)} say nothing about an arm whose openset is '{self.openset}'; remove them"
            )
        if self.openset == "none" and not self.target:
            raise ValueError("an arm needs images: let it have the target or a part of the openset")
        if self.openset == "random" and (self.size_of is None) == (self.ratio is None):
            raise ValueError("a random draw is as large as another arm's (size_of) or a share of the open-set (ratio)")
        if self.openset == "labels" and not self.labels:
            raise ValueError(f"give `labels` (names or patterns such as animal/*), or '{PUBLISHED}'")
        if self.ratio is not None and self.tau is not None:
            raise ValueError("give a ratio, which has no stop rule, or a tau")
        return self

    @property
    def is_plain(self) -> bool:
        """Whether its coreset is the one that `clustering` and `selection` alone describe."""
        return self.openset == "coreset" and self.n_clusters is None and self.ratio is None and self.tau is None


class StudyParameters(Parameters):
    """Arms that are set against each other in a table of their own: how large, and how good.

    Beside `arms`, those of `varied` (left out: the same ones) are made under each of `variants`.
    """

    arms: Names = Field(min_length=1)
    variants: Names = ()
    varied: Names = ()

    @model_validator(mode="after")
    def _check(self) -> "StudyParameters":
        if len(self.chosen()) < 2:  # noqa: PLR2004 a comparison
            raise ValueError("a study sets at least two arms against each other; name another arm, or a variant")
        if self.varied and not self.variants:
            raise ValueError("`varied` says what is made under `variants`; name some, or leave it out")
        return self

    def chosen(self) -> tuple[str, ...]:
        """Return the names of its arms, variant after variant."""
        made = [in_variant(arm, variant) for variant in self.variants for arm in self.varied or self.arms]
        return tuple(dict.fromkeys((*self.arms, *made)))


class ComparisonParameters(Parameters):
    """Which arms are compared, and on equal terms of what kind.

    `equal_compute` gives every arm as many steps, of the same batch, as the arm `simcore` has; `paper` trains each for
    its own epochs, those of the paper's rules where `epochs` is `paper`.
    """

    # An arm more re-makes none of the others.
    runtime_only: ClassVar[frozenset[str]] = frozenset({"arms"})

    arms: Names = Field(min_length=1)
    seeds: Seeds = Field(min_length=1)
    fairness: Literal["equal_compute", "paper"]

    @field_validator("arms", "seeds")
    @classmethod
    def _refuse_twice(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        twice = sorted({str(value) for value in values if values.count(value) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stand more than once")
        return values
