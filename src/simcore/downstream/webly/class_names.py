"""Which class of the target an image from elsewhere is of, by the names of both."""

from collections.abc import Iterable, Sequence

import pandas as pd

from simcore.errors import InputError


def canonical_name(name: str) -> str:
    """Return a name without case and anything but letters and digits.

    WebFG-496 writes `F-16AB`, `FA-18` and blanks where FGVC-Aircraft has `F-16A/B`, `F/A-18` and the published folders
    underscores; this way all of them are the same name.

    Example:
        >>> [canonical_name(name) for name in ("F-16A/B", "F-16AB", "F-16A_B", "DHC-8-100")]
        ['f16ab', 'f16ab', 'f16ab', 'dhc8100']
    """
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def match_classes(labels: Iterable[str | None], classes: Sequence[str]) -> pd.Series:
    """Return for each label the class that it names, null where none.

    Names are compared by `canonical_name`, the whole label first, then what stands after its last slash, so that a
    folder `animal/cat` is the class `cat`.

    Args:
        labels: Of other images; None where unknown.
        classes: The target's.

    Raises:
        InputError: Two classes have the same canonical name.

    Example:
        >>> match_classes(["animal/Cat", "FA-18", "digit/7", None], ["cat", "F/A-18"]).tolist()
        ['cat', 'F/A-18', nan, nan]
    """
    known: dict[str, str] = {}
    for name in classes:
        other = known.setdefault(canonical_name(name), name)
        if other != name:
            raise InputError(
                f"The classes '{other}' and '{name}' differ in case and signs alone, so that labels from elsewhere "
                "cannot be told apart; rename one."
            )
    given = pd.Series(list(labels), dtype="object")
    found = {
        label: known.get(canonical_name(label), known.get(canonical_name(label.rpartition("/")[2])))
        for label in given.dropna().unique()
    }
    return given.map(found).astype("str")
