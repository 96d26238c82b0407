"""Typed parameters: what is accepted, and the sentence for what is not."""

from pathlib import Path
from typing import Any

import pytest

from simcore.config import LayeredConfigLoader
from simcore.errors import InputError
from simcore.parameters import ParameterTree, check_parameters
from simcore.settings import CONFIG_LOADER_ARGS

CONF = Path(__file__).parents[2] / "conf"


def load(env: str | None = None, **runtime: Any) -> dict[str, Any]:
    """Return the parameters as a run in that environment gets them."""
    loader = LayeredConfigLoader(str(CONF), env=env, runtime_params=runtime, **CONFIG_LOADER_ARGS)
    return dict(loader["parameters"])


@pytest.mark.parametrize(
    "env", [path.name for path in sorted(CONF.iterdir()) if path.is_dir() and path.name != "local"]
)
def test_every_environment_is_valid(env: str) -> None:
    assert isinstance(check_parameters(load(env)), ParameterTree)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pretraining": {"method": ["byol"]}}, r"`pretraining.method` is \['byol'\], but should be a valid string"),
        ({"selection": {"tau": 1.5}}, r"`selection.tau` is 1.5, but should be less than or equal to 1"),
        ({"selection": {"tau": 0}}, r"`selection.tau` is 0, but should be greater than 0"),
        ({"selection": {"budget": 0}}, r"`selection.budget` is 0, but should be a positive number"),
        ({"selection": {"budget": -5}}, r"`selection.budget` is -5"),
        ({"selection": {"budget": 1.5}}, r"`selection.budget` is 1.5, but should be a whole number"),
        ({"selection": {"tao": 0.9}}, r"unknown parameter `selection.tao`; did you mean `tau`"),
        ({"selektion": {"tau": 0.9}}, r"unknown parameter `selektion`; did you mean `selection`"),
        (
            {"clustering": {"n_clusters": "many"}},
            r"`clustering.n_clusters` is 'many', but should be a valid integer",
        ),
        ({"clustering": {"n_clusters": 0}}, r"`clustering.n_clusters` is 0, but should be greater than 0"),
        ({"pretraining": {"optimisation": {"threads": 2}}}, r"runtime.threads"),
        (
            {"pretraining": {"optimisation": {"stepz": 2}}},
            r"unknown parameter `pretraining.optimisation.stepz`; did you mean `steps`",
        ),
        ({"pretraining": {"optimisation": {"processes": 2}}}, r"in `pretraining.optimisation`, processes belong"),
        (
            {"method": "mocov9"},
            r"`retrieval.method` is 'mocov9': unknown method; choose one of byol, dino, ehns, ehns_m, hns, mae, simclr",
        ),
        ({"retrieval": {"method": "x"}}, r"`retrieval.method` is 'x': unknown method"),
        (
            {"pretraining": {"simclr": {"temperature": -1}}},
            r"`pretraining.simclr.temperature` is -1, but should",
        ),
        (
            {"pretraining": {"simclr": {"temprature": 1}}},
            r"`pretraining.simclr.temprature`; did you mean",
        ),
        ({"pretraining": {"dino": {"momentum": 0.9}}}, r"settings of dino are given, but the method is simclr"),
        ({"method": "dino", "pretraining": {"local_views": None}}, r"in `pretraining`, dino takes small crops"),
        ({"retrieval": {"encoder": "nowhere.pth"}}, r"nowhere.pth does not exist; give an encoder's folder"),
        ({"pretraining": {"initialise_from": "nowhere"}}, r"`pretraining.initialise_from` is 'nowhere': .* not exist"),
        ({"pretraining": {"reselections": -1}}, r"`pretraining.reselections` is -1"),
        ({"pretraining": {"optimisation": {"epochs": "paper"}}}, r"in `pretraining.optimisation`, give either `steps`"),
        ({"pretraining": {"optimisation": {"steps": None, "epochs": "papyrus"}}}, r"`pretraining.optimisation.epochs`"),
        ({"pretraining": {"backbone": "resnet9000"}}, r"`pretraining.backbone` is 'resnet9000': Unknown encoder"),
        ({"images": {"image_size": "large"}}, r"`images.image_size"),
    ],
)
def test_wrong_parameters_are_refused_in_one_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        check_parameters(load(**change))
    assert "\n" not in str(caught.value)


def test_one_change_leaves_its_siblings() -> None:
    base, changed = load(), load(selection={"tau": 0.9})
    assert changed["selection"] == {**base["selection"], "tau": 0.9}


def test_seeds_from_the_command_line() -> None:
    assert check_parameters(load(comparison={"seeds": "0+3"})).comparison.seeds == (0, 3)
    assert check_parameters(load(comparison={"seeds": 7})).comparison.seeds == (7,)


def test_source_starts_where_the_command_is_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    # The resolvers look for the project from the working directory; the default paths are absolute without it.
    assert check_parameters(load(target={"source": "photos/birds"})).target.source == str(tmp_path / "photos" / "birds")
    (tmp_path / "birds").mkdir()
    assert check_parameters(load(target={"source": "birds"})).target.source == str(tmp_path / "birds")


@pytest.mark.parametrize(
    ("typed", "entries"),
    [
        ("aircraft", [("aircraft", None, None)]),
        ("aircraft:down/fgvc", [("aircraft", "{here}/down/fgvc", None)]),
        ("aircraft:/data/fgvc@7", [("aircraft", "/data/fgvc", 7)]),
        ("coco@500+imagenet", [("coco", None, 500), ("imagenet", None, None)]),
        ("./pool+s3://lake/x", [("auto", "{here}/pool", None), ("auto", "s3://lake/x", None)]),
        ("memory://pool@3", [("auto", "memory://pool", 3)]),
        (
            ["coco", {"source": "folder", "path": "pool", "quota": 5}],
            [("coco", None, None), ("folder", "{here}/pool", 5)],
        ),
    ],
)
def test_every_form_of_a_source(
    typed: Any, entries: list[tuple[str, str | None, int | None]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = [(name, path and path.format(here=tmp_path), quota) for name, path, quota in entries]
    tree = check_parameters(load(openset={"source": typed}))
    assert [(entry.source, entry.path, entry.quota) for entry in tree.openset.source] == wanted
    monkeypatch.chdir("/")
    again = type(tree.openset).model_validate(tree.openset.model_dump())
    assert again == tree.openset


def test_classes_from_the_command_line() -> None:
    assert check_parameters(load(target={"classes": "cat+dog"})).target.classes == ("cat", "dog")
    assert check_parameters(load(target={"classes": 12})).target.classes == 12
    assert check_parameters(load(target={"classes": ["12"]})).target.classes == ("12",)


def test_where_data_sets_are_looked_up(tmp_path: Path) -> None:
    assert check_parameters(load()).target.datasets_root.endswith("data/01_raw/datasets")
    tree = check_parameters(load(datasets_root=str(tmp_path)))
    assert tree.target.datasets_root == tree.openset.datasets_root == str(tmp_path)


def test_share_and_count_budgets() -> None:
    assert check_parameters(load(selection={"budget": 0.05})).selection.budget == 0.05
    assert check_parameters(load(selection={"budget": 100.0})).selection.budget == 100
