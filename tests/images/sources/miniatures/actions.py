"""Stanford 40 Actions in miniature."""

from pathlib import Path

from tests.images.sources.miniatures._pixels import save_jpeg

TRAIN = {"applauding": (1, 4, 12), "looking_through_a_microscope": (2, 7), "watching_TV": (1, 3)}
TEST = {"applauding": (2, 3), "looking_through_a_microscope": (1,), "watching_TV": (101, 2)}


def make_actions(root: Path, *, seed: int = 0) -> dict[str, list[tuple[str, str | None]]]:
    """Write JPEGImages/, ImageSplits/ and XMLAnnotations/ below `root`; return {split: [(key, class)]}.

    Traps: actions of several words, an ending in capitals that the list has in small letters, numbers of more than
    three digits' order, lists with CRLF and without a last newline, lists of single actions beside the two that count,
    an image on no list, files that Finder leaves behind.
    """
    images, lists = root / "JPEGImages", root / "ImageSplits"
    lists.mkdir(parents=True)
    expected: dict[str, list[tuple[str, str | None]]] = {}
    number = seed
    for split, actions in (("train", TRAIN), ("test", TEST)):
        names = [f"{action}_{index:03d}.jpg" for action, indices in actions.items() for index in indices]
        for name in names:
            on_disk = name.replace(".jpg", ".JPG") if name == "watching_TV_003.jpg" else name
            save_jpeg(images / on_disk, number, mode="L" if name == "applauding_004.jpg" else "RGB")
            number += 1
        ending = "\r\n" if split == "train" else "\n"
        lists.joinpath(f"{split}.txt").write_bytes(ending.join(names).encode() + (b"\r\n" if split == "train" else b""))
        for action in actions:
            own = [name for name in names if name.startswith(action)]
            lists.joinpath(f"{action}_{split}.txt").write_text("\n".join(own) + "\n")
        expected[split] = sorted(
            (f"JPEGImages/{action}_{index:03d}.jpg", action) for action, indices in actions.items() for index in indices
        )
    totals = "".join(f"{action}\t{len(TRAIN[action]) + len(TEST[action])}\n" for action in TRAIN)
    lists.joinpath("actions.txt").write_text(f"action_name\tnumber_of_images\n{totals}")
    save_jpeg(images / "applauding_999.jpg", number)
    (root / "XMLAnnotations").mkdir()
    (root / "XMLAnnotations" / "applauding_001.xml").write_text(
        "<annotation><filename>applauding_001.jpg</filename></annotation>"
    )
    (images / "._applauding_001.jpg").write_bytes(b"\x00\x05\x16\x07")
    (images / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
    (root / "__MACOSX" / "JPEGImages").mkdir(parents=True)
    (root / "__MACOSX" / "JPEGImages" / "._applauding_001.jpg").write_bytes(b"\x00\x05\x16\x07")
    return expected
