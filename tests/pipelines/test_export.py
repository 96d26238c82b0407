"""The pipeline `export` on a finished run."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simcore.backbones import Encoder
from simcore.errors import ArtefactError, InputError
from simcore.images import read_bytes, read_source
from simcore.parameters import ParameterTree
from simcore.pipelines.export.nodes import export_artefacts
from simcore.reuse.records import newest_records
from tests.journeys.test_main_job import newest
from tests.projects import ROOT, as_params, run_here, type_command

Made = dict[str, dict[str, Any]]

FORMS = ("list", "folder", "tar", "packed")


@pytest.fixture(scope="module")
def made(finished: Path) -> Made:
    return newest_records(finished)


@pytest.fixture(scope="module")
def tables(finished: Path) -> dict[str, pd.DataFrame]:
    names = ("target_manifest", "openset_manifest", "coreset_simcore", "coreset_random")
    return {name: pd.read_parquet(newest(finished, f"{name}.parquet")) for name in names}


@pytest.fixture
def export(made: Made, settings: ParameterTree, tmp_path: Path):
    """Return a function that exports into a folder called as asked, and returns it."""

    def run(name: str = "out", *, coreset: Path | None = None, made: Made = made, **changes: Any) -> Path:
        wanted = settings.export.model_copy(update={"to": str(tmp_path / name), **changes})
        pretraining = settings.pretraining.model_copy(update={"coreset": None if coreset is None else str(coreset)})
        export_artefacts(made, pretraining, wanted)
        return tmp_path / name

    return run


def expected(tables: dict[str, pd.DataFrame], what: str) -> list[tuple[str, str]]:
    """Return (key, uri where it was) of the images in order."""
    target = tables["target_manifest"]
    target = target[target["split"] == "train"]
    if what == "target":
        return list(zip(target["key"], target["uri"], strict=True))
    picked = tables["coreset_random" if what.endswith("random") else "coreset_simcore"]["key"]
    uris = tables["openset_manifest"].set_index("key")["uri"]
    picks = [(key, uris[key]) for key in picked]
    if not what.startswith("x_"):
        return picks
    return [
        *((f"target/{key}", uri) for key, uri in zip(target["key"], target["uri"], strict=True)),
        *((f"openset/{key}", uri) for key, uri in picks),
    ]


@pytest.mark.parametrize("what", ["coreset", "random", "target", "x_coreset", "x_random"])
def test_the_list_has_every_image_in_order(export, tables: dict[str, pd.DataFrame], what: str) -> None:
    frame = pd.read_csv(export(what=what, encoders=("none",)) / "images.csv")
    assert list(zip(frame["key"], frame["uri"], strict=True)) == expected(tables, what)
    assert set(frame["split"]) == {"train"}
    coreset = tables["coreset_simcore"]
    if what.endswith("coreset"):
        picks = frame.tail(len(coreset)).reset_index(drop=True)
        for name in ("round", "centroid", "similarity"):
            assert picks[name].tolist() == coreset[name].tolist()
        assert frame["round"].isna().sum() == len(frame) - len(coreset)
    else:
        assert frame[["round", "centroid", "similarity"]].isna().all(axis=None)
    manifest = tables["target_manifest" if what == "target" else "openset_manifest"]
    if not what.startswith("x_"):
        assert frame["label"].tolist() == manifest.set_index("key")["label"][frame["key"]].tolist()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", ["coreset", "x_coreset"])
def test_every_form_is_a_source_again(export, tables: dict[str, pd.DataFrame], what: str, form: str) -> None:
    folder = export(what=what, form=form, encoders=("none",))
    originals = dict(expected(tables, what))
    source = folder / ("images.csv" if form == "list" else "images")
    manifest = read_source(source, role="openset").manifest
    assert set(manifest["key"]) == set(originals)
    for key, uri in zip(manifest["key"], manifest["uri"], strict=True):
        assert read_bytes(uri) == read_bytes(originals[key])


@pytest.mark.parametrize("form", ["folder", "tar", "packed"])
def test_the_list_beside_says_where_each_image_is(export, tables: dict[str, pd.DataFrame], form: str) -> None:
    folder = export(form=form, encoders=("none",))
    frame = pd.read_csv(folder / "images.csv")
    originals = expected(tables, "coreset")
    assert frame["key"].tolist() == [key for key, _ in originals]
    for place, (_, uri) in zip(frame["uri"], originals, strict=True):
        assert read_bytes(str(folder / place)) == read_bytes(uri)
    # The export may be moved: the places are relative.
    moved = folder.rename(folder.with_name("moved"))
    manifest = read_source(moved / "images.csv", role="openset").manifest
    assert set(manifest["key"]) == {key for key, _ in originals}
    assert manifest["uri"].str.startswith(f"{moved}/images/").all()


def test_twice_the_same_bytes(export) -> None:
    for form in FORMS:
        first, second = (export(f"{form}-{name}", form=form) for name in "ab")
        files = [
            {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
            for root in (first, second)
        ]
        assert files[0] == files[1]


def test_encoders_load_in_one_call(export, finished: Path) -> None:
    folder = export(what="nothing")
    assert {entry.name for entry in folder.iterdir()} == {"encoders", "export.json"}
    names = {str(path.parent.relative_to(folder / "encoders")) for path in folder.rglob("card.json")}
    assert names == {"retrieval", "x/seed-0", "random/seed-0", "simcore/seed-0"}
    original = Encoder.load(newest(finished, "retrieval_encoder"))
    assert Encoder.load(folder / "encoders" / "retrieval").fingerprint == original.fingerprint
    arms = {Encoder.load(folder / "encoders" / name).fingerprint for name in names}
    assert len(arms) == 4
    for name in names:
        assert f"## {name}\n" in (folder / "encoders" / "README.md").read_text()


def test_chosen_encoders_alone(export) -> None:
    folder = export(encoders=("simcore", "retrieval"))
    assert {path.name for path in (folder / "encoders").iterdir()} == {"simcore", "retrieval", "README.md"}


def test_all_encoders_are_those_that_there_are(export, made: Made) -> None:
    selected = {name: record for name, record in made.items() if not name.startswith("encoders_")}
    folder = export(made=selected)
    assert {path.name for path in (folder / "encoders").iterdir()} == {"retrieval", "README.md"}


def test_a_given_list_stands_for_the_coreset(export, tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    picks = tables["openset_manifest"]["key"].iloc[[7, 3, 5]].tolist()
    (tmp_path / "picks.txt").write_text("\n".join(picks))
    frame = pd.read_csv(export(coreset=tmp_path / "picks.txt", encoders=("none",)) / "images.csv")
    assert frame["key"].tolist() == picks


def test_links_are_those_of_files(settings: ParameterTree, tmp_path: Path, made: Made, small_data: dict) -> None:
    run_here(tmp_path / "first", params=small_data, pipeline_names=["ingestion"])
    first = tmp_path / "files"
    export = settings.export.model_copy(update={"to": str(first), "what": "target", "form": "folder"})
    export_artefacts(newest_records(tmp_path / "first"), settings.pretraining, export)
    params = {**small_data, "target": {"source": str(first / "images")}}
    run_here(tmp_path / "second", params=params, pipeline_names=["ingestion"])
    export = export.model_copy(update={"to": str(tmp_path / "linked"), "links": True})
    export_artefacts(newest_records(tmp_path / "second"), settings.pretraining, export)
    linked = [path for path in (tmp_path / "linked" / "images").rglob("*") if path.is_symlink()]
    assert linked and all(path.resolve().is_relative_to(first) for path in linked)
    # The export is a source now: another one in its place would take the images along.
    with pytest.raises(InputError, match=r"inside `export\.to`"):
        export_artefacts(
            newest_records(tmp_path / "second"),
            settings.pretraining,
            export.model_copy(update={"to": str(first), "links": False}),
        )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"to": None}, r"`export.to` is not set; type a folder: --params export.to=<folder>"),
        ({"encoders": ("simcor",)}, r"names 'simcor'; allowed are all, none, and retrieval, x, random, simcore"),
        ({"what": "nothing", "encoders": ("none",)}, r"there is no export"),
    ],
)
def test_wrong_wishes(export, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        export(**changes)


@pytest.mark.parametrize("missing", ["coreset_simcore", "openset_manifest", "target_manifest", "encoders_simcore"])
def test_what_is_not_made_yet_is_named(export, made: Made, missing: str, tmp_path: Path) -> None:
    fewer = {name: record for name, record in made.items() if name != missing}
    with pytest.raises(InputError, match=f"There is no `{missing}` yet: run `kedro run` first"):
        export(made=fewer, what="x_coreset", encoders=("simcore",))
    assert not list(tmp_path.iterdir())


def test_picks_of_another_open_set_are_refused(export, made: Made, finished: Path, tmp_path: Path) -> None:
    version = tmp_path / "openset_manifest.parquet" / "later"
    version.mkdir(parents=True)
    manifest = pd.read_parquet(newest(finished, "openset_manifest.parquet"))
    manifest.iloc[:-50].to_parquet(version / "openset_manifest.parquet")
    other = {**made, "openset_manifest": {**made["openset_manifest"], "path": str(version)}}
    with pytest.raises(InputError, match="are not in the newest manifest of the open-set"):
        export(made=other, what="random")


@pytest.mark.parametrize("damaged", ["target_manifest", "openset_manifest", "coreset_simcore"])
@pytest.mark.parametrize("large", [False, True])
def test_a_changed_byte_is_found(
    export, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, damaged: str, large: bool
) -> None:
    """Compared with what was written where that is done at a load, else named where it cannot be read."""
    if large:
        monkeypatch.setattr("simcore.content.CHECKED_BYTES", 10)
    version = shutil.copytree(made[damaged]["path"], tmp_path / f"{damaged}.parquet" / "later")
    file = version / f"{damaged}.parquet"
    whole = file.read_bytes()
    place = len(whole) - 1 if large else len(whole) // 3
    file.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
    other = {**made, damaged: {**made[damaged], "path": str(version)}}
    sentence = "cannot be read" if large else "does not hold the bytes that were written"
    with pytest.raises(ArtefactError, match=rf"{damaged}\.parquet {sentence}.*remove"):
        export(made=other, what="x_coreset", encoders=("none",))
    assert not (tmp_path / "out").exists()


def test_a_lost_image_leaves_nothing_behind(export, made: Made, finished: Path, tmp_path: Path) -> None:
    version = tmp_path / "target_manifest.parquet" / "later"
    version.mkdir(parents=True)
    manifest = pd.read_parquet(newest(finished, "target_manifest.parquet"))
    manifest.assign(uri="/nowhere/" + manifest["key"]).to_parquet(version / "target_manifest.parquet")
    other = {**made, "target_manifest": {**made["target_manifest"], "path": str(version)}}
    for form in FORMS[1:]:
        with pytest.raises(InputError, match=r"Image '.*' at /nowhere/.* cannot be read"):
            export(form, made=other, what="target", form=form)
    assert [entry.name for entry in tmp_path.iterdir()] == ["target_manifest.parquet"]


@pytest.mark.long
def test_as_it_is_typed(finished: Path, tmp_path: Path) -> None:
    """A relative folder starts where the command is typed; nothing is made again; the second time it is replaced."""
    root = tmp_path / "root"
    shutil.copytree(finished, root)
    here = ROOT / "docs"
    to = os.path.relpath(tmp_path / "out", here)
    settings = {"data_root": root, "export.to": to, "export.form": "tar", "export.encoders": "retrieval+x"}
    command = ["run", "--env", "test", "--pipelines", "export", "--params", as_params(settings)]
    for _ in range(2):
        seen = type_command(*command, cwd=here)
        assert seen.returncode == 0, seen.stdout
        assert f"Exported to {(tmp_path / 'out').resolve()}: " in seen.stdout
    card = json.loads((tmp_path / "out" / "export.json").read_text())
    assert card["thing"] == {"what": "coreset", "form": "tar"}
    assert not list((ROOT / "docs").glob("out*"))
    (tmp_path / "out" / "mine.txt").write_text("mine")
    seen = type_command(*command, cwd=here)
    assert seen.returncode != 0 and "Traceback" not in seen.stdout
    assert seen.stdout.strip().splitlines()[-1].startswith("Error: ")
    assert "files came or went since" in seen.stdout
