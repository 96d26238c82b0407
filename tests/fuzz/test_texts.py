"""Texts that a person types or hands on: sources, parameters, YAML, names of encoders."""

import copy
import io
import string
import sys
from functools import lru_cache
from typing import Any

import pytest
import yaml
from hypothesis import strategies as st
from omegaconf import OmegaConf

from simcore.backbones.card import EncoderCard
from simcore.config import LayeredConfigLoader
from simcore.errors import InputError, SimCoreError, in_a_line, legible
from simcore.images import parse_sources
from simcore.parameters import check_parameters
from simcore.settings import CONFIG_LOADER_ARGS
from simcore.source_text import SourceEntry, read_entries
from simcore.yaml_check import MOST_NESTED, MOST_VALUES, check_yaml
from tests.fuzz.hostile import NAMES, json_values, texts
from tests.fuzz.laws import examples, hold
from tests.projects import ROOT

pieces = st.sampled_from(
    ["coco", "imagenet", "+", "@", ":", "::", "://", "/", "..", "~", "50", "-1", "#row=1", " ", "*"]
)
sources = st.lists(pieces | texts, max_size=6).map("".join)


@examples(60, 20_000)
def test_a_source_is_understood_or_refused(tries: int) -> None:
    def law(value: Any) -> None:
        try:
            entries = read_entries(value)
        except InputError as error:
            assert str(error)
            return
        assert entries and all(isinstance(entry, SourceEntry) for entry in entries)
        assert all(entry.quota is None or entry.quota >= 1 for entry in entries)
        # What comes out may be put in again, as the parameters do.
        assert tuple(each for entry in entries for each in read_entries(vars_of(entry))) == entries

    hold(law, tries, value=sources | json_values)


def vars_of(entry: SourceEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in ("source", "path", "quota", "label")}


@examples(60, 5000)
def test_parsed_sources_are_data_sets_or_paths(tries: int) -> None:
    def law(value: str) -> None:
        try:
            specs = parse_sources(value, root="/nowhere")
        except SimCoreError as error:
            assert str(error)
            return
        labels = [spec.label for spec in specs]
        assert specs and len(set(labels)) == len(labels)
        assert not any("/" in label or label in ("", ".", "..") for label in labels if label is not None), labels

    hold(law, tries, value=sources)


@lru_cache(maxsize=1)
def whole_parameters() -> dict[str, Any]:
    loader = LayeredConfigLoader(conf_source=str(ROOT / "conf"), env="test", **CONFIG_LOADER_ARGS)
    return dict(loader["parameters"])


def _leaves(tree: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(tree, dict) or not tree:
        return [path]
    return [leaf for name in tree for leaf in _leaves(tree[name], (*path, name))]


@examples(15, 3000)
def test_parameters_are_typed_or_refused(tries: int) -> None:
    """Any value at any place of the tree, names added, whole branches replaced."""
    paths = _leaves({name: tree for name, tree in whole_parameters().items() if name != "variants"})

    def law(path: tuple[str, ...], up: int, value: Any, name: str | None) -> None:
        tree = copy.deepcopy(whole_parameters())
        *above, last = path[: max(1, len(path) - up)]
        branch = tree
        for step in above:
            branch = branch[step]
        branch[last if name is None else name] = value
        try:
            typed = check_parameters(tree)
        except InputError as error:
            assert str(error).startswith("Wrong parameters: ")
            assert "\n" not in str(error) and len(str(error)) < 12_000
            return
        assert typed.arms

    hold(
        law,
        tries,
        path=st.sampled_from(paths),
        up=st.integers(0, 2),
        value=json_values,
        name=st.none() | texts,
    )


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_are_no_arms(name: str) -> None:
    tree = copy.deepcopy(whole_parameters())
    tree["arms"][name] = tree["arms"]["random"]
    with pytest.raises(InputError, match="is no name: letters, digits and _ are"):
        check_parameters(tree)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("selection.seed", -1, "should be 0 or more"),
        ("selection.seed", 2**63, "should be at most 9223372036854775807"),
        ("selection.tau", float("nan"), "should be a finite number"),
        ("images.cache_gib", float("inf"), "should be a finite number"),
        ("target.source", "a\0b", "can lie on no disk"),
        ("target.level", "a\0b", "should be Unicode text without NUL"),
        ("comparison.seeds", [0, -3], "should be 0 or more"),
    ],
)
def test_numbers_that_no_library_takes_are_refused(path: str, value: Any, words: str) -> None:
    tree = copy.deepcopy(whole_parameters())
    group, name = path.split(".")
    tree[group][name] = value
    with pytest.raises(InputError, match=words):
        check_parameters(tree)


def _laughs(levels: int, width: int) -> str:
    lines = [f"a0: &a0 [{', '.join('x' * width)}]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_laughs(9, 9), "more than 200,000 values once its aliases are written out"),
        ("a: " + "[" * 100_000, f"nests more than {MOST_NESTED} levels"),
        ("a: " + "{a: " * 5000, f"nests more than {MOST_NESTED} levels"),
        ("a: &a [*a]", "before it is whole"),
        ("a: *nowhere", "before it is whole"),
        ("tau: 1\ntau: 2", "the key `tau` twice in line 2"),
        ("a: {b: 1, b: 2}", "the key `b` twice in line 1"),
        ("a:\n\t- b", "is not a YAML file that can be read"),
        ("a: \0", "is not a YAML file that can be read"),
        ("[]", "holds a list"),
        ("- tau: 1", "holds a list"),
        ("0.9", "holds one value"),
    ],
)
def test_yaml_that_would_not_end_is_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        check_yaml(text.encode(), path="parameters.yml")
    assert str(caught.value).startswith("parameters.yml ") and "\n" not in str(caught.value)


def test_files_of_the_project_are_far_from_the_limits() -> None:
    files = sorted((ROOT / "conf").rglob("*.yml"))
    assert len(files) > 10
    for path in files:
        check_yaml(path.read_bytes(), path=str(path))
        assert 10 * len(path.read_text().split()) < MOST_VALUES


@examples(60, 10_000)
def test_what_the_check_lets_through_can_be_built(tries: int) -> None:
    """The stream of events and the loader agree on what YAML is, or the loader says no in the end."""
    lines = st.lists(
        st.sampled_from(["a: 1", "b: &x [1, 2]", "c: *x", "d: {e: f}", "- g", "<<: *x", "? h", "!!python/name:os.x y"])
        | st.text(alphabet=string.printable, max_size=12),
        max_size=6,
    )

    def law(made: list[str]) -> None:
        text = "\n".join(made)
        try:
            check_yaml(text.encode(), path="p.yml")
        except InputError as error:
            assert str(error).startswith("p.yml ")
            return
        try:
            loaded = OmegaConf.load(io.StringIO(text))
        except (yaml.YAMLError, ValueError, OSError) as error:
            assert in_a_line(error)
            return
        assert sys.getsizeof(loaded)

    hold(law, tries, made=lines)


@examples(100, 10_000)
def test_a_card_is_an_encoder_s_or_refused(tries: int) -> None:
    whole = {"architecture": "resnet10_small", "image_size": 28, "dim": 128, "method": "random", "seed": 0}

    def law(changed: dict[str, Any]) -> None:
        try:
            card = EncoderCard.from_dict({**whole, **changed})
        except (InputError, TypeError):  # a value that is no sequence; `Encoder.load` names the file
            return
        assert card.image_size >= 1 and len(card.mean) == len(card.std) == 3 and min(card.std) > 0

    hold(law, tries, changed=st.dictionaries(st.sampled_from([*whole, "mean", "std", "embedding", "x"]), json_values))


@pytest.mark.parametrize("name", NAMES)
def test_legible_text_is_short_and_can_be_printed(name: str) -> None:
    shown = legible(name)
    assert shown.isprintable() and len(shown) <= 6 * 200
