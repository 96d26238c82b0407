"""Whatever libraries raise on stored bytes names the file, once."""

import pytest

from simcore.errors import ArtefactError, InputError, in_a_line, legible, reading


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("dim"), r"\(KeyError: 'dim'\)"),
        (ValueError("one\ntwo."), r"\(one two\)"),
        (OSError(5, "Input/output error"), r"Input/output error"),
        (MemoryError(), "more memory than there is"),
        (RecursionError(), r"\(RecursionError\)"),
    ],
)
def test_errors_of_libraries_become_one_that_names_the_file(error: Exception, said: str) -> None:
    wanted = rf"^a\.json cannot be read .*{said}.*; export it again\.$"
    with pytest.raises(ArtefactError, match=wanted) as caught, reading("a.json", advice="export it again"):
        raise error
    assert caught.value.__cause__ is error


def test_errors_of_the_project_and_ctrl_c_go_through() -> None:
    for error in (InputError("no images"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, reading("a.json"):
            raise error
        assert caught.value is error


def test_what_is_said_is_short() -> None:
    assert len(in_a_line(ValueError("x" * 10_000))) == 300
    assert len(legible("x" * 10_000)) == 200 and legible("wren.png") == "wren.png"
    assert legible("\x1b[31m\r\n\u202e\0") == "\\x1b[31m\\r\\n\\u202e\\x00"
