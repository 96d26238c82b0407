"""CelebAMask-HQ by identity: who is on the picture, and five attributes of the face."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from simcore.errors import InputError
from simcore.images.sources import annotations, official
from simcore.images.sources.reader import Official, Option, Reader, Request, Sign, listing_frame, option_of

logger = logging.getLogger(__name__)

LEAST_IMAGES = 15
"""Images an identity needs to be kept."""

_IMAGES = "CelebA-HQ-img"
_MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"
_ATTRIBUTES = "CelebAMask-HQ-attribute-anno.txt"
_IDENTITIES = "identity_CelebA.txt"
_CELEBA = ("", "Anno", "celeba", "celeba/Anno", "CelebA", "CelebA/Anno")
_TOO_FEW = f"its identity has fewer than {LEAST_IMAGES} images, left out as in the published protocol"
_COLUMNS = {
    "male": "Male",
    "oval_face": "Oval_Face",
    "pointy_nose": "Pointy_Nose",
    "smiling": "Smiling",
    "young": "Young",
}


def split_faces(identity_by_file: Mapping[str, str]) -> pd.DataFrame:
    """Return the images that are kept and their split: columns `file`, `identity`, `split`, in numeric file order.

    The rule: identities with at least 15 images are kept; of the n images of one, put in the order of their file
    numbers (9.jpg before 10.jpg), the first int(0.8 n) are train and the others test. Of the 30,000 images of
    CelebAMask-HQ this keeps 307 identities, 4,263 train and 1,215 test images: the counts of the paper, supplement,
    table 10. Which images are train is not published there, so membership is this rule's own; it depends on nothing
    but the annotation.

    Args:
        identity_by_file: identity of every image, kept or not; files are named by a number.

    Raises:
        InputError: a file is not named by a number, or two have the same number.

    Example:
        >>> frame = split_faces({f"{number}.jpg": "7" for number in range(15)} | {"15.jpg": "8"})
        >>> frame["split"].value_counts().to_dict()
        {'train': 12, 'test': 3}
        >>> frame["file"][frame["split"] == "test"].tolist()
        ['12.jpg', '13.jpg', '14.jpg']
    """
    numbers: dict[int, str] = {}
    for file in identity_by_file:
        stem = file.partition(".")[0]
        if not (stem.isascii() and stem.isdigit()) or int(stem) in numbers:
            raise InputError(f"'{file}' is not named by a number of its own; name the images 0.jpg, 1.jpg and so on.")
        numbers[int(stem)] = file
    totals = Counter(identity_by_file.values())
    seen: Counter[str] = Counter()
    rows = []
    for number in sorted(numbers):
        file = numbers[number]
        identity = identity_by_file[file]
        if totals[identity] >= LEAST_IMAGES:
            rows.append((file, identity, "train" if seen[identity] < 4 * totals[identity] // 5 else "test"))
            seen[identity] += 1
    return pd.DataFrame(rows, columns=["file", "identity", "split"], dtype="str")


def list_images(path: Path, request: Request) -> Iterator[pd.DataFrame]:
    """Yield the images of identities with at least 15 images: 4,263 train, 1,215 test, split as `split_faces` says.

    Reads `CelebA-HQ-to-CelebA-mapping.txt` (a header; number, number in CelebA, file in CelebA), CelebA's
    `identity_CelebA.txt` (file, identity), which is part of another download and may lie in the root of the set,
    beside that root, or in a folder Anno/, celeba/ or CelebA/ in or beside it, and
    `CelebAMask-HQ-attribute-anno.txt` (count; names; file and 40 values of 1 or -1). `label` is the identity (307), or
    "yes" and "no" of an attribute, by the option `level`, always of the same images; all six are columns, attributes
    null where their file is missing. The images of the other identities come with that reason, without label or split,
    but not in an open-set. train/<class>/ and test/<class>/ are read as well.

    Raises:
        InputError: an annotation or a kept image is missing, or an annotation is malformed.
    """
    if official.find_root(path, _IMAGES, _MAPPING) is None:
        frames = official.folder_form(path, request, reader=READER)
        if frames is not None:
            yield from frames
            return
    root = official.require_root(path, _IMAGES, _MAPPING, reader=READER)
    level = option_of(READER.options, request, "level")
    identities = _read_identities(root)
    faces = split_faces(identities)
    if faces.empty:
        raise InputError(
            f"None of the {len(set(identities.values()))} identities of {root} has the {LEAST_IMAGES} images that "
            "it needs to be kept; unpack all of CelebAMask-HQ.zip."
        )
    attributes = _read_attributes(root / _ATTRIBUTES, faces["file"].tolist(), needed=level != "identity")
    columns = {"identity": faces["identity"].tolist(), **attributes}
    yield official.official_frame(
        root,
        [f"{_IMAGES}/{file}" for file in faces["file"]],
        labels=columns[level],
        splits=faces["split"].tolist(),
        request=request,
        reader=READER,
        **columns,
    )
    if request.role == "target":
        yield _left_out(root, identities, kept=set(faces["file"]))


def _left_out(root: Path, identities: Mapping[str, str], *, kept: set[str]) -> pd.DataFrame:
    """Return the images that are there of identities with too few of them."""
    keys = [f"{_IMAGES}/{file}" for file in identities if file not in kept]
    found = [(key, uri) for key, uri in zip(keys, official.optional_files(root, keys), strict=True) if uri is not None]
    nulls = {name: [None] * len(found) for name in READER.columns}
    return listing_frame([key for key, _ in found], [uri for _, uri in found], reasons=_TOO_FEW, **nulls)


def _find_identities(root: Path) -> Path:
    places = [above / below / _IDENTITIES for above in (root, root.parent) for below in _CELEBA]
    return next((place for place in places if place.is_file()), root / _IDENTITIES)


def _beside(path: Path) -> list[Path]:
    root = official.find_root(path, _IMAGES, _MAPPING)
    return [] if root is None else official.outside(path, _find_identities(root.absolute()))


def _read_identities(root: Path) -> dict[str, str]:
    """Return {file of CelebAMask-HQ: identity}."""
    found = _find_identities(root)
    identities = annotations.read_pairs(
        official.require(
            found,
            what="who is on each image; it is part of CelebA, another download, and may also lie beside this folder",
            reader=READER,
        )
    )
    mapping = root / _MAPPING
    of_file: dict[str, str] = {}
    for line in annotations.read_list(mapping)[1:]:
        words = line.split()
        if len(words) != 3 or not words[0].isdecimal():  # noqa: PLR2004 (idx, orig_idx, orig_file)
            raise InputError(f"'{line}' in {mapping} is not a number, a number and a file; unpack the archive again.")
        file = f"{words[0]}.jpg"
        if file in of_file:
            raise InputError(f"Image {words[0]} occurs twice in {mapping}; unpack the archive again.")
        if words[2] not in identities:
            raise InputError(f"{words[2]}, named in {mapping}, has no identity in {found}; download that file again.")
        of_file[file] = identities[words[2]]
    return of_file


def _read_attributes(path: Path, files: list[str], *, needed: bool) -> dict[str, list[str | None]]:
    """Return {column: "yes" or "no" of each file}, None where the annotation is missing and not needed."""
    if not needed and not path.is_file():
        logger.info("%s is not there: the images have no attributes.", path)
        return {column: [None] * len(files) for column in _COLUMNS}
    lines = annotations.read_list(official.require(path, what="the attributes of each face", reader=READER))
    names = lines[1].split() if len(lines) > 1 else []
    missing = [name for name in _COLUMNS.values() if name not in names]
    if missing:
        raise InputError(f"{path} has no attribute {missing[0]} in its second line; unpack the archive again.")
    rows = {words[0]: words[1:] for words in map(str.split, lines[2:])}
    columns: dict[str, list[str | None]] = {}
    for column, name in _COLUMNS.items():
        columns[column] = [_yes_or_no(rows.get(file, []), names, name, file=file, path=path) for file in files]
    return columns


def _yes_or_no(values: list[str], names: list[str], name: str, *, file: str, path: Path) -> str:
    value = values[names.index(name)] if len(values) == len(names) else None
    if value not in ("1", "-1"):
        raise InputError(f"{path} has no line of {len(names)} values 1 or -1 for {file}; unpack the archive again.")
    return "yes" if value == "1" else "no"


READER = Reader(
    takes="CelebAMask-HQ as it comes off the archive",
    recognises=official.recognised_by(_MAPPING, _ATTRIBUTES, beside=("Anno", "celeba", "CelebA")),
    list_images=list_images,
    options=(
        Option("level", ("identity", *_COLUMNS), "identity", "what the label is: who it is, or an attribute (yes, no)"),
    ),
    columns=("identity", *_COLUMNS),
    left_out=(_TOO_FEW,),
    beside=_beside,
    official=Official(
        title="CelebAMask-HQ",
        folder="CelebAMask-HQ",
        download=(
            "CelebAMask-HQ.zip from the project page of CelebAMask-HQ, and identity_CelebA.txt (folder Anno) from the "
            "project page of CelebA (MMLab, Hong Kong)"
        ),
        signs=(Sign((_IMAGES, "CelebAMask-HQ-mask-anno", "CelebAMask-HQ-pose-anno.txt"), missing=_MAPPING),),
    ),
)
