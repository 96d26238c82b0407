"""Files whose bytes were changed at random: refused in a sentence that names them, or read right."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.fuzz.laws import examples, hold
from tests.fuzz.mutations import apply, changes
from tests.fuzz.originals import ORIGINALS, Original
from tests.fuzz.victim import Victim

# What a whole source costs to read; the others take milliseconds.
SLOW = ("tar", "packed Parquet", "parameters")
# The message of a picture is a reason beside its key; that of parameters and of a manifest's contract names these.
NAMELESS = ("read_image", "read_parameters", "read_manifest")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of an original, which is made once."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp("original")
            ORIGINALS[name].make(made[name])
        return made[name]

    return make


def tried(name: str, tries: int) -> int:
    return max(1, tries // 3) if name in SLOW else tries


@pytest.mark.parametrize("name", ORIGINALS)
def test_whole_files_are_read(name: str, folder: Callable[[str], Path], victim: Victim) -> None:
    """Else the law below would hold of a reader that refuses everything."""
    original = ORIGINALS[name]
    answer = victim.read(original.reader, folder(name) / original.path)
    assert answer["outcome"] == "read", answer["message"]


@examples(3, 1000)
@pytest.mark.parametrize("name", ORIGINALS)
def test_changed_bytes_are_refused_or_read_right(
    name: str, tries: int, folder: Callable[[str], Path], victim: Victim, check_outcome: Callable[..., None]
) -> None:
    original: Original = ORIGINALS[name]
    root = folder(name)
    whole = {path: (root / path).read_bytes() for path in original.hostile}
    named = None if original.reader in NAMELESS else root

    def law(hostile: str, data: st.DataObject) -> None:
        made = data.draw(changes(len(whole[hostile])), label="changes")
        (root / hostile).write_bytes(apply(whole[hostile], made))
        try:
            check_outcome(victim.read(original.reader, root / original.path), named=named)
        finally:
            (root / hostile).write_bytes(whole[hostile])

    hold(law, tried(name, tries), hostile=st.sampled_from(original.hostile), data=st.data())


@examples(1, 200)
@pytest.mark.parametrize("name", ORIGINALS)
def test_bytes_of_something_else_are_refused_or_read_right(
    name: str, tries: int, folder: Callable[[str], Path], victim: Victim, check_outcome: Callable[..., None]
) -> None:
    """Empty files, noise, and whole files of every other kind under the wrong name."""
    original = ORIGINALS[name]
    root = folder(name)
    named = None if original.reader in NAMELESS else root
    others = [folder(each) / ORIGINALS[each].hostile[0] for each in sorted(ORIGINALS)]
    contents = st.sampled_from([b"", b"\0", b"{}", b"[]", b"null", b"PAR1", b"\xff" * 64, b"\x80\x02}q."])
    contents |= st.sampled_from(others).map(Path.read_bytes) | st.binary(max_size=600)
    whole = {path: (root / path).read_bytes() for path in original.hostile}

    def law(hostile: str, content: bytes) -> None:
        (root / hostile).write_bytes(content)
        try:
            answer = victim.read(original.reader, root / original.path)
            if answer["outcome"] != "wrong":  # another whole file of the same kind is no damage
                check_outcome(answer, named=named)
        finally:
            (root / hostile).write_bytes(whole[hostile])

    hold(law, tried(name, tries), hostile=st.sampled_from(original.hostile), content=contents)
