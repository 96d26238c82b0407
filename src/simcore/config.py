"""Configuration in layers: an environment may stand on another one, and a method's name brings its settings."""

import io
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped] # its stubs are a package of their own
from kedro.config import MissingConfigException, OmegaConfigLoader
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from simcore.errors import InputError, in_a_line, legible
from simcore.parameters.presets import apply_presets
from simcore.parameters.variants import resolve_variants
from simcore.yaml_check import check_yaml

PARENT_FILE = "extends.yml"


class LayeredConfigLoader(OmegaConfigLoader):
    """Kedro's loader with more than two layers.

    Kedro lays one environment over `conf/base`. Here `conf/<env>/extends.yml` may name another one that comes between
    (`env: paper`), which may extend a third; and parameters get the presets of the chosen methods and the variants in
    full, see `simcore.parameters.presets` and `simcore.parameters.variants`. Everything else is Kedro's: patterns,
    resolvers, merging, `--params`.
    """

    _parameters: dict[str, Any] | None = None

    def layers(self) -> list[str]:
        """Return the environments of this run, `base` first.

        Raises:
            InputError: If an `extends.yml` names no environment, one that does not exist, or goes in a circle.
        """
        chain = [self.env or self.default_run_env]
        while (parent := self._parent(chain[0])) is not None:
            if parent in chain:
                raise InputError(
                    f"conf/{chain[0]}/{PARENT_FILE} names {parent}, which extends {chain[0]} itself; remove one of "
                    "the two files."
                )
            chain.insert(0, parent)
        return chain if chain[0] == self.base_env else [self.base_env, *chain]

    def _read_dir_configs(self, conf_path: str, patterns: Iterable[str], *args: Any, **kwargs: Any) -> dict[Path, Any]:
        """Return the files of a layer as Kedro reads them, each looked at before."""
        for path in sorted({each for pattern in patterns for each in self._fs.glob(f"{conf_path}/{pattern}")}):
            if self._is_valid_config_path(Path(path)):
                with self._fs.open(path, "rb") as file:
                    check_yaml(file.read(), path=path)
        try:
            return dict(super()._read_dir_configs(conf_path, patterns, *args, **kwargs))
        except (yaml.YAMLError, OmegaConfBaseException, ValueError, RecursionError, OSError) as error:
            raise InputError(f"The files of {conf_path} cannot be read ({in_a_line(error)}); correct them.") from error

    def _parent(self, env: str) -> str | None:
        path = f"{self._get_conf_env_path(env)}/{PARENT_FILE}"
        if not self._fs.isfile(path):
            return None
        with self._fs.open(path, "rb") as file:
            data = file.read()
        check_yaml(data, path=path)
        content = OmegaConf.to_container(OmegaConf.load(io.StringIO(data.decode())))
        parent = content.get("env") if isinstance(content, dict) and len(content) == 1 else None
        if not isinstance(parent, str) or Path(parent).name != parent:
            raise InputError(f"{path} should hold one line, `env: <name of a folder beside it>`.")
        if not self._fs.isdir(self._get_conf_env_path(parent)):
            raise InputError(f"{path} names the environment {parent}, but there is no such folder beside it.")
        return parent

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return the configuration of `key` (`parameters`, `catalog`, ...), all layers merged.

        Raises:
            InputError: If a file cannot be read, something in it cannot be resolved, or what was typed has a name that
                is kept for anchors of the files.
        """
        try:
            return self._merged(key)
        except OmegaConfBaseException as error:
            raise InputError(
                f"The {legible(key)} cannot be resolved ({legible(in_a_line(error), most=300)}); change them in conf/ "
                "or with --params."
            ) from error

    def _merged(self, key: str) -> dict[str, Any]:
        """Return the same; the parameters, which every hook asks for, are read from their files once."""
        if key != "parameters" or key in self.data:
            return self._read(key)
        if self._parameters is None:
            self._parameters = self._read(key)
        return deepcopy(self._parameters)

    def _read(self, key: str) -> dict[str, Any]:
        if key in self.data or key not in self.config_patterns:
            return super().__getitem__(key)
        layers = self.layers()
        if key != "parameters" and len(layers) <= 2:  # noqa: PLR2004 base and one environment are Kedro's own case
            return super().__getitem__(key)
        # Kedro offers `--params` to interpolations everywhere but in globals.
        if key == "globals":
            OmegaConf.clear_resolver("runtime_params")
        else:
            self._register_runtime_params_resolver()
        processed: set[Path] = set()
        found = [
            self.load_and_merge_dir_config(
                self._get_conf_env_path(layer), self.config_patterns[key], key, processed, key == "credentials"
            )
            for layer in layers
        ]
        if not processed and key != "globals":
            raise MissingConfigException(f"No {key} in {' or '.join(f'conf/{layer}' for layer in layers)}.")
        if key == "parameters":
            typed = self.runtime_params or {}
            hidden = next((name for name in typed if str(name).startswith("_")), None)
            if hidden is not None:
                raise InputError(
                    f"Wrong parameters: unknown parameter `{legible(hidden)}`; names that begin with _ hold anchors of "
                    "the files in conf/."
                )
            return resolve_variants(apply_presets(found, typed=typed), found, typed)
        merged: dict[str, Any] = {}
        for layer, config in zip(layers, found, strict=True):
            merged = self._merge_configs(merged, config, key, self._get_conf_env_path(layer))
        return merged
