"""From sources to manifests: `python -m benchmarks.ingestion_speed`.

Four things. How fast each reader of own images lists them, which opens none. How fast two readers of published sets
list those that their official lists name, and look each up on the disk; the sets are miniatures, in folders as large
as the official ones, of so many images as are listed. How fast a folder is ingested, listing, checking and writing
together, when images are decoded and when only their headers are read; the images are 500 x 375 pixels. And the
manifest of ten million images, in a process of its own: a Parquet list in shuffled order, whose rows have paths, keys
and labels as long as those of iNaturalist, is listed, sorted, passed through the parts and merged. Its images are
taken as opened, 28 x 28 pixels each: opening is what the folders measure, and ten million files would measure a disk.
Memory is how far the resident set rises above where it was after the imports. Other work on the machine stretches wall
times, so processor time is given, too. Takes about ten minutes.
"""

import argparse
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from tqdm import tqdm

from benchmarks._machine import PeakMemory, seconds, spread, write
from benchmarks.extraction_speed import HEIGHT, WIDTH, make_folder
from simcore.images import Settings, ingest, ingest_files, parse_sources, verify
from simcore.images.sources import Request
from simcore.images.sources.spec import find_reader

CLASSES = 10_000
GENUS = "Plantae_Tracheophyta_Magnoliopsida_Asterales_Asteraceae_Aster"


def small_image(number: int) -> bytes:
    """Return a JPEG of 28 x 28 grey pixels."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (7, 7), dtype=np.uint8)
    Image.fromarray(pixels).resize((28, 28)).save(buffer, format="JPEG")
    return buffer.getvalue()


def make_sources(root: Path, *, images: int) -> dict[str, str]:
    """Write the same images in every form of own images; return what to type for each."""
    data = [small_image(number) for number in range(100)]
    names = [f"{number % 100:02d}/{number:06d}.jpg" for number in range(images)]
    for name in sorted({name.partition("/")[0] for name in names}):
        (root / "folder" / name).mkdir(parents=True)
    store = fsspec.filesystem("memory")
    for number, name in enumerate(names):
        (root / "folder" / name).write_bytes(data[number % 100])
        store.pipe(f"/folder/{name}", data[number % 100])
    labels = [name.partition("/")[0] for name in names]
    encoded = pa.array([data[number % 100] for number in range(images)], pa.binary())
    pq.write_table(pa.table({"key": names, "image": encoded, "label": labels}), root / "packed.parquet")
    uris = [str(root / "folder" / name) for name in names]
    listed = pa.table({"uri": uris, "key": names, "label": labels})
    pq.write_table(listed, root / "list.parquet")
    listed.to_pandas().to_csv(root / "list.csv", index=False)
    with tarfile.open(root / "shard.tar", "w") as tar:
        for number, name in enumerate(names):
            member = tarfile.TarInfo(name)
            member.size = len(data[number % 100])
            tar.addfile(member, io.BytesIO(data[number % 100]))
    return {
        "folder": str(root / "folder"),
        "folder behind file://": f"file://{root / 'folder'}",
        "folder behind memory://": "memory://folder",
        "packed Parquet": str(root / "packed.parquet"),
        "list, Parquet": str(root / "list.parquet"),
        "list, CSV": str(root / "list.csv"),
        "WebDataset tar": str(root / "shard.tar"),
    }


def list_all(typed: str) -> int:
    """Return how many images the source's reader lists."""
    spec = parse_sources(typed, root=".")[0]
    _, reader = find_reader(spec)
    return sum(len(frame) for frame in reader.list_images(spec.place, Request(role="openset")))


def row(step: str, images: int, times: list[float], **more: Any) -> dict[str, Any]:
    """Return a line of the table."""
    taken = spread(times)
    return {"step": step, "images": images, "seconds": taken, "images_per_s": round(images / taken["median_s"]), **more}


def measure_readers(root: Path, *, images: int, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield a line a reader."""
    for name, typed in make_sources(root, images=images).items():
        times = seconds(lambda typed=typed: list_all(typed), repeats=repeats)
        yield row(f"list: {name}", images, times)


def plant(root: Path, keys: list[str]) -> None:
    """Write a file of a few bytes under each key; a listing opens none."""
    for folder in sorted({key.rpartition("/")[0] for key in keys}):
        (root / folder).mkdir(parents=True)
    for key in keys:
        (root / key).write_bytes(b"image")


def make_webvision(root: Path, *, images: int, per_folder: int = 750) -> str:
    """Write WebVision's lists and the images they name, half of each engine; return what to type."""
    info = root / "webvision" / "info"
    info.mkdir(parents=True)
    synsets = [f"n{number:08d}" for number in range(1000)]
    (info / "synsets.txt").write_text("".join(f"{synset} a class\n" for synset in synsets))
    half = images // 2
    for engine, count in (("google", half), ("flickr", images - half)):
        queries = [number // per_folder for number in range(count)]
        keys = [f"{engine}/q{query + 1:04d}/{number:012d}.jpg" for number, query in enumerate(queries)]
        plant(root / "webvision", keys)
        lines = [f"{key} {query % len(synsets)}\n" for key, query in zip(keys, queries, strict=True)]
        (info / f"train_filelist_{engine}.txt").write_text("".join(lines))
    return f"webvision:{root / 'webvision'}"


def make_places365(root: Path, *, images: int, per_folder: int = 5_000) -> str:
    """Write the list of Places365 and the images it names; return what to type."""
    numbers = [number // per_folder for number in range(images)]
    categories = [f"/{chr(ord('a') + number % 26)}/category_{number:03d}" for number in range(max(numbers) + 1)]
    keys = [f"{categories[category]}/{number:08d}.jpg" for number, category in enumerate(numbers, start=1)]
    plant(root / "places365" / "data_256", [key.lstrip("/") for key in keys])
    listed = "".join(f"{key} {category}\n" for key, category in zip(keys, numbers, strict=True))
    (root / "places365" / "places365_train_challenge.txt").write_text(listed)
    named = "".join(f"{category} {number}\n" for number, category in enumerate(categories))
    (root / "places365" / "categories_places365.txt").write_text(named)
    return f"places365:{root / 'places365'}"


def measure_official(root: Path, *, images: int, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield a line a reader of a published set with one list of everything."""
    for name, make in (("webvision", make_webvision), ("places365", make_places365)):
        typed = make(root, images=images)
        times = seconds(lambda typed=typed: list_all(typed), repeats=repeats)
        yield row(f"list: {name}, by its official lists", images, times)


def measure_folders(root: Path, *, images: int, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield a line a way to check the images of a folder."""
    make_folder(root / "photographs", images=images)
    for how in ("header", "decode"):

        def ingest_all(how: str = how) -> None:
            with tempfile.TemporaryDirectory(dir=root) as work:
                settings = Settings(role="openset", verify=how)
                ingest_files(root / "photographs", Path(work), settings=settings, state="once")

        times = seconds(ingest_all, repeats=repeats)
        yield row(f"ingest a folder, verify: {how}", images, times)


def make_long_list(root: Path, *, rows: int) -> Path:
    """Write a Parquet list of so many images in shuffled order; return its path."""
    path = root / "long.parquet"
    text = [("uri", pa.string()), ("key", pa.string()), ("label", pa.string())]
    order = np.random.default_rng(0).permutation(rows)
    with pq.ParquetWriter(path, pa.schema(text)) as writer:
        for start in range(0, rows, 2**17):
            part = order[start : start + 2**17].tolist()
            labels = [f"{number % CLASSES:05d}_{GENUS}_{number % CLASSES}" for number in part]
            keys = [f"train_mini/{label}/{number:012d}.jpg" for label, number in zip(labels, part, strict=True)]
            uris = [f"/data/inaturalist/{key}" for key in keys]
            writer.write_table(pa.table({"uri": uris, "key": keys, "label": labels}))
    return path


def take_as_opened(uris: list[str], *, bar: tqdm, **_: Any) -> pd.DataFrame:
    """Return what `measure_images` would of small images, without opening them."""
    bar.update(len(uris))
    sides = np.full(len(uris), 28, dtype=np.int32)
    return pd.DataFrame({"width": sides, "height": sides, "reason": pd.Series([None] * len(uris), dtype="str")})


def report_long_manifest(listed: str, work: str) -> None:
    """Print the lines of the long manifest; in a new process, so that memory starts from the imports."""
    rows = pq.read_metadata(listed).num_rows
    lines: list[dict[str, Any]] = []

    def timed(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **settings: Any) -> Any:
            start, processor = time.perf_counter(), time.process_time()
            with PeakMemory():
                result = step(*args, **settings)
            taken = {"processor_s": round(time.process_time() - processor, 1)}
            highest = (PeakMemory._read("VmHWM") - resident) / 2**20
            lines.append(row(name, rows, [time.perf_counter() - start], **taken, risen_gib=round(highest, 2)))
            return result

        return run

    verify.measure_images = take_as_opened
    ingest.store_listing = timed("of it listing and sorting", ingest.store_listing)
    ingest.verify_parts = timed("of it the parts, images not opened", ingest.verify_parts)
    ingest.gather_evidence = timed("of it counting", ingest.gather_evidence)
    ingest.write_files = timed("of it merging and writing", ingest.write_files)
    resident = PeakMemory._read("VmRSS")
    start, processor = time.perf_counter(), time.process_time()
    settings = Settings(role="openset", verify="header")
    files = ingest_files(listed, Path(work), settings=settings, state="once")
    taken = {"processor_s": round(time.process_time() - processor, 1)}
    highest = max(line["risen_gib"] for line in lines)
    first = row("the long manifest", rows, [time.perf_counter() - start], **taken, risen_gib=highest)
    first["file_mib"] = round(files.manifest.stat().st_size / 2**20)
    print(json.dumps([first, *lines]))


def measure_long_manifest(root: Path, *, rows: int) -> list[dict[str, Any]]:
    """Return the lines of the manifest of so many images."""
    listed = make_long_list(root, rows=rows)
    script = (
        "import sys; from benchmarks.ingestion_speed import report_long_manifest; report_long_manifest(*sys.argv[1:])"
    )
    command = [sys.executable, "-c", script, str(listed), str(root / "work")]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the long manifest")
    parser.add_argument("--listed", type=int, default=50_000, help="images of each reader")
    parser.add_argument("--images", type=int, default=1_024, help="images of the folder that is ingested")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rows = [
            *measure_readers(root, images=asked.listed, repeats=asked.repeats),
            *measure_official(root, images=asked.listed, repeats=asked.repeats),
            *measure_folders(root, images=asked.images, repeats=asked.repeats),
            *measure_long_manifest(root, rows=asked.rows),
        ]
    write("ingestion_speed", rows, pixels_of_the_folder=f"{WIDTH} x {HEIGHT}")


if __name__ == "__main__":
    main()
