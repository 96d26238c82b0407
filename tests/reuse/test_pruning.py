"""Old versions: found by the policy, never the one in use, removed whole."""

import os
import time
from pathlib import Path

import pytest

from simcore.reuse.pruning import find_superfluous, remove

VERSIONS = ["2026-01-02T03.04.05.006Z", "2026-01-02T03.04.05.007Z", "2026-02-01T00.00.00.000Z"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with three versions of two artefacts, one deeper, and another root inside."""
    for folder in ("02_manifests/m.parquet", "06_encoders/x/encoders", "study/02_manifests/m.parquet"):
        for version in VERSIONS:
            path = tmp_path / folder / version / "content"
            path.parent.mkdir(parents=True)
            path.write_bytes(b"12345")
    (tmp_path / "01_raw").mkdir()
    return tmp_path


@pytest.mark.parametrize(("keep", "left"), [(1, VERSIONS[2:]), (2, VERSIONS[1:]), (3, VERSIONS), (9, VERSIONS)])
def test_the_newest_versions_stay(root: Path, keep: int, left: list[str]) -> None:
    found = find_superfluous(root, work=None, keep=keep, work_days=1)
    assert all(each.bytes == 5 for each in found)
    for each in found:
        remove(each)
    for folder in ("02_manifests/m.parquet", "06_encoders/x/encoders"):
        assert sorted(path.name for path in (root / folder).iterdir()) == left
    assert len(list((root / "study/02_manifests/m.parquet").iterdir())) == 3
    assert not find_superfluous(root, work=None, keep=keep, work_days=1)


def test_the_version_in_use_cannot_be_given_up(root: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        find_superfluous(root, work=None, keep=0, work_days=1)


def test_a_removal_that_was_killed_is_finished(root: Path) -> None:
    old = root / "02_manifests/m.parquet" / VERSIONS[0]
    old.rename(old.with_name(f".{old.name}.removed"))
    found = list(find_superfluous(root, work=None, keep=3, work_days=1))
    assert [each.reason for each in found] == ["its removal was interrupted"]
    remove(found[0])
    assert sorted(path.name for path in (root / "02_manifests/m.parquet").iterdir()) == VERSIONS[1:]


def test_links_are_neither_followed_nor_removed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for version in VERSIONS:
        (elsewhere / version).mkdir()
    (root / "02_manifests/linked").symlink_to(elsewhere)
    assert not [each for each in find_superfluous(root, work=None, keep=1, work_days=1) if "linked" in str(each.path)]


def test_work_goes_by_its_last_change(root: Path) -> None:
    work = root / ".work"
    for name, days in (("old", 31), ("young", 29)):
        file = work / name / "state" / "step.pt"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"1")
        then = time.time() - days * 86_400
        for path in (file, file.parent, work / name):
            os.utime(path, (then, then))
    found = list(find_superfluous(root, work=work, keep=3, work_days=30))
    assert [(each.path.name, each.kind) for each in found] == [("old", "work")]
    # A file that changes makes all of its folder young.
    (work / "old" / "state" / "step.pt").write_bytes(b"2")
    assert not find_superfluous(root, work=work, keep=3, work_days=30)
