"""Layers of configuration: which folder stands on which."""

import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from simcore.config import LayeredConfigLoader
from simcore.errors import InputError
from simcore.settings import CONFIG_LOADER_ARGS


def write(root: Path, files: dict[str, dict]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(OmegaConf.create(content), root / name)


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    write(
        tmp_path,
        {
            "base/parameters.yml": {"a": {"x": 1, "y": 1, "z": 1}, "only": "base"},
            "base/globals.yml": {"root": "data"},
            "base/catalog.yml": {"thing": {"type": "T", "filepath": "${globals:root}/thing"}},
            "middle/parameters.yml": {"a": {"y": 2, "z": 2}},
            "middle/globals.yml": {"root": "elsewhere"},
            "top/extends.yml": {"env": "middle"},
            "top/parameters.yml": {"a": {"z": 3}},
        },
    )
    (tmp_path / "local").mkdir()
    return tmp_path


def loader(conf: Path, env: str | None = None, **typed) -> LayeredConfigLoader:
    return LayeredConfigLoader(str(conf), env=env, runtime_params=typed, **CONFIG_LOADER_ARGS)


def test_an_environment_stands_on_the_one_it_extends(conf: Path) -> None:
    assert loader(conf, "top").layers() == ["base", "middle", "top"]
    assert loader(conf, "top")["parameters"] == {"a": {"x": 1, "y": 2, "z": 3}, "only": "base"}
    assert loader(conf, "middle")["parameters"]["a"] == {"x": 1, "y": 2, "z": 2}
    assert loader(conf)["parameters"]["a"] == {"x": 1, "y": 1, "z": 1}


def test_a_packed_configuration_has_the_same_layers(conf: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    archive = shutil.make_archive(
        str(tmp_path_factory.mktemp("packed") / "conf"), "gztar", root_dir=conf.parent, base_dir=conf.name
    )
    assert loader(Path(archive), "top")["parameters"] == loader(conf, "top")["parameters"]


def test_what_was_typed_wins(conf: Path) -> None:
    assert loader(conf, "top", a={"y": 9})["parameters"]["a"] == {"x": 1, "y": 9, "z": 3}


def test_globals_of_the_layers_reach_the_catalog(conf: Path) -> None:
    for env, root in (("top", "elsewhere"), ("middle", "elsewhere"), ("local", "data"), ("base", "data")):
        assert loader(conf, env)["catalog"]["thing"]["filepath"] == f"{root}/thing"


def test_a_parameter_set_from_a_script_stands(conf: Path) -> None:
    config = loader(conf, "top")
    config["parameters"] = {"mine": 1}
    assert config["parameters"] == {"mine": 1}


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"middle/extends.yml": {"env": "top"}}, "remove one of the two files"),
        ({"top/extends.yml": {"env": "nowhere"}}, "environment nowhere, but there is no such folder"),
        ({"top/extends.yml": {"environment": "middle"}}, "should hold one line"),
        ({"top/extends.yml": {"env": None}}, "should hold one line"),
    ],
)
def test_wrong_extends_are_refused(conf: Path, files: dict, sentence: str) -> None:
    write(conf, files)
    with pytest.raises(InputError, match=sentence):
        loader(conf, "top")
