"""How well planted copies are found, and how often others are taken for copies: `python -m benchmarks.audit_quality`.

Copies of target images, changed in one way each, are searched among images that are none. Recall: share of the copies
found as copies of their own original. False positives: share of the images that are no copy, but found to be one of any
target image. Two sets of images: the shipped silhouettes (28 x 28 pixels, of which some may truly be near duplicates:
the figure is an upper bound) and generated photographs (500 x 375, all different). Then the retrieval encoder of the
shipped job, by cosine, on the same silhouettes; and the speed of hashing and comparing. Takes a few minutes, and the
encoder's training once.
"""

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image, ImageOps

from benchmarks._machine import PeakMemory, seconds, spread, write
from benchmarks.extraction_speed import make_folder, natural_image
from simcore.audit import Probes, hash_images
from simcore.audit.perceptual import ProbeIndex
from simcore.audit.perceptual_hash import (
    VARIANTS,
    hash_pictures,
    picture_variants,
    small_picture,
    thumbs,
)
from simcore.backbones import Encoder
from simcore.images import read_source

ROOT = Path(__file__).parents[1]
RAW = ROOT / "data" / "01_raw"
HAMMING = (4, 8, 12)
CORRELATIONS = (-1.0, 0.9, 0.95, 0.96, 0.97, 0.98)
COSINES = (0.9, 0.95, 0.98, 0.99, 0.995)

Picture = Image.Image
Change = Callable[[Picture, np.random.Generator], Picture]


def _jpeg(image: Picture, quality: int) -> Picture:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, format="JPEG", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue()))


def _scale(image: Picture, factor: float) -> Picture:
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)


def _crop(image: Picture, side: float, draw: np.random.Generator) -> Picture:
    width, height = round(image.width * side), round(image.height * side)
    left, top = draw.integers(0, image.width - width + 1), draw.integers(0, image.height - height + 1)
    return image.crop((left, top, left + width, top + height))


CHANGES: dict[str, Change] = {
    "resized to a half": lambda image, _: _scale(image, 0.5),
    "recompressed (JPEG 50)": lambda image, _: _jpeg(image, 50),
    "recompressed (JPEG 20)": lambda image, _: _jpeg(image, 20),
    "flipped": lambda image, _: ImageOps.mirror(image),
    "grey": lambda image, _: image.convert("L"),
    "cropped, 90 % of the area": lambda image, draw: _crop(image, 0.9**0.5, draw),
    "cropped, 90 % of the sides": lambda image, draw: _crop(image, 0.9, draw),
    "cropped, 80 % of the sides": lambda image, draw: _crop(image, 0.8, draw),
    "flipped, 90 % of the area, a half, JPEG 50": lambda image, draw: _jpeg(
        _scale(ImageOps.mirror(_crop(image, 0.9**0.5, draw)), 0.5), 50
    ),
}
REVERSE = "original of a crop, 90 % of the sides"
"""The other way round: the target holds the crop, the pool the whole image."""


def shipped(name: str, *, count: int, split: str | None = None) -> list[Picture]:
    """Return `count` shipped images, drawn with a seed."""
    table = pq.read_table(RAW / f"quadrupeds_{name}.parquet")
    rows = [row for row in range(len(table)) if split in (None, table["split"][row].as_py())]
    chosen = np.random.default_rng(0).permutation(rows)[:count]
    return [Image.open(io.BytesIO(table["image"][int(row)].as_py())).convert("L") for row in chosen]


def probe(images: Sequence[Picture]) -> Probes:
    """Return probes of pictures in memory."""
    made = [picture_variants(np.asarray(image)) for image in images]
    return Probes(
        rows=np.arange(len(images)),
        hashes=np.stack([hash_pictures(pictures) for pictures in made]),
        thumbs=np.stack([thumbs(pictures) for pictures in made]),
        mirrored=np.array([variant.mirrored for variant in VARIANTS]),
    )


def scores(probes: Probes, images: Sequence[Picture], *, hamming: int, own: bool) -> np.ndarray:
    """Return each image's best score, of its own original or of any; −2 where nothing is within `hamming` bits."""
    pictures = np.stack([small_picture(np.asarray(image)) for image in images])
    pairs = ProbeIndex(probes, hamming=hamming, correlation=-1).search(hash_pictures(pictures), thumbs(pictures))
    if own:
        pairs = pairs[pairs["left"] == pairs["right"]]
    best = np.full(len(images), -2.0)
    np.maximum.at(best, pairs["left"].to_numpy(), pairs["score"].to_numpy())
    return best


def measure_hashes(name: str, target: Sequence[Picture], others: Sequence[Picture]) -> list[dict[str, Any]]:
    """Return rows: recall of every change and false positives, by threshold."""
    draw = np.random.default_rng(0)
    copies = {change: [make(image, draw) for image in target] for change, make in CHANGES.items()}
    probes = probe(target)
    crops = [CHANGES["cropped, 90 % of the sides"](image, draw) for image in target]
    rows = []
    for hamming in HAMMING:
        found = {change: scores(probes, images, hamming=hamming, own=True) for change, images in copies.items()}
        found[REVERSE] = scores(probe(crops), target, hamming=hamming, own=True)
        wrong = scores(probes, others, hamming=hamming, own=False)
        for least in CORRELATIONS:
            row: dict[str, Any] = {"images": name, "hamming": hamming, "correlation": "any" if least < 0 else least}
            row |= {change: round(float((values >= least).mean()), 3) for change, values in found.items()}
            rows.append(row | {"false positives": round(float((wrong >= least).mean()), 4)})
    return rows


def embed(encoder: Encoder, images: Sequence[Picture], *, side: int) -> np.ndarray:
    """Return unit embeddings of grey pictures."""
    small = [np.asarray(image.convert("L").resize((side, side), Image.Resampling.BILINEAR)) for image in images]
    pixels = torch.from_numpy(np.stack(small))[:, None].expand(-1, 3, -1, -1).contiguous()
    rows = np.concatenate([encoder.encode(part).numpy() for part in pixels.split(256)])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def measure_encoder(encoder: Encoder, target: Sequence[Picture], others: Sequence[Picture]) -> list[dict[str, Any]]:
    """Return rows: recall and false positives of the retrieval encoder by cosine."""
    draw = np.random.default_rng(0)
    side = target[0].width
    known = embed(encoder, target, side=side)
    found = {
        change: (known * embed(encoder, [make(image, draw) for image in target], side=side)).sum(axis=1)
        for change, make in CHANGES.items()
    }
    wrong = (embed(encoder, others, side=side) @ known.T).max(axis=1)
    rows = []
    for cosine in COSINES:
        row: dict[str, Any] = {"images": "silhouettes", "cosine": cosine}
        row |= {change: round(float((values >= cosine).mean()), 3) for change, values in found.items()}
        rows.append(row | {"false positives": round(float((wrong >= cosine).mean()), 4)})
    return rows


def train_encoder(data_root: Path) -> Encoder:
    """Return the retrieval encoder of the shipped job, trained below `data_root` unless it is there."""
    command = [sys.executable, "-m", "kedro", "run", "--pipelines", "ingestion,retrieval"]
    subprocess.run([*command, "--params", f"data_root={data_root}"], check=True, cwd=ROOT)
    found = sorted((data_root / "03_retrieval" / "retrieval_encoder").glob("*/retrieval_encoder"))
    return Encoder.load(found[-1])


def peak_memory(folder: Path, *, images: int) -> float:
    """Return how far memory rises, GiB, while the first `images` of the folder are hashed in a new process."""
    script = "import sys; from benchmarks.audit_quality import report_memory; report_memory(*sys.argv[1:])"
    command = [sys.executable, "-c", script, str(folder), str(images)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def report_memory(folder: str, images: str) -> None:
    """Print the rise of memory; warmed up, so that the libraries' own buffers do not count."""
    manifest = read_source(Path(folder), role="openset").manifest.head(int(images))
    with tempfile.TemporaryDirectory() as out:
        hash_images(manifest.head(64), Path(out) / "warm")
        with PeakMemory() as peak:
            hash_images(manifest, Path(out) / "measured", rows_per_part=256)
    print(peak.gib)


def timed(work: Callable[[], Any], *, repeats: int) -> tuple[list[float], float]:
    """Return the wall times, and the median processor time in seconds, which other work on the machine hardly moves."""
    work()
    times, processor = [], []
    for _ in range(repeats):
        began = time.process_time()
        times += seconds(work, repeats=1, warm_up=0)
        processor.append(time.process_time() - began)
    return times, statistics.median(processor)


def measure_speed(*, images: int, repeats: int) -> list[dict[str, Any]]:
    """Return rows: hashing from JPEG files of 500 x 375 pixels, and comparing hashes in memory."""
    with tempfile.TemporaryDirectory() as root:
        folder, fresh = Path(root) / "images", count()
        make_folder(folder, images=4 * images)
        manifest = read_source(folder, role="openset").manifest.head(images)
        times, processor = timed(lambda: hash_images(manifest, Path(root) / str(next(fresh))), repeats=repeats)
        hashing = {
            "work": "hash JPEG files, 500 x 375",
            "images": images,
            "seconds": spread(times),
            "images_per_s": round(images / statistics.median(times)),
            "processor_us_an_image": round(1e6 * processor / images, 1),
        }
        hashing |= {
            f"peak_gib_{n}_images": max(0.0, round(peak_memory(folder, images=n), 3)) for n in (images, 4 * images)
        }
    draw = np.random.default_rng(0)
    target, pool = 2000, 50_000
    codes = draw.integers(0, 2**63, (target, len(VARIANTS)), dtype=np.uint64)
    pictures = np.zeros((target, len(VARIANTS), 256), dtype=np.uint8)
    probes = Probes(np.arange(target), codes, pictures, np.array([variant.mirrored for variant in VARIANTS]))
    index = ProbeIndex(probes, hamming=8, correlation=0.98)
    hashes, small = draw.integers(0, 2**63, pool, dtype=np.uint64), np.zeros((pool, 256), dtype=np.uint8)
    times, processor = timed(lambda: index.search(hashes, small), repeats=repeats)
    comparing = {
        "work": f"compare with {target:,} target images in {len(VARIANTS)} variants, 8 bits",
        "images": pool,
        "seconds": spread(times),
        "images_per_s": round(pool / statistics.median(times)),
        "processor_us_an_image": round(1e6 * processor / pool, 1),
    }
    return [hashing, comparing]


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", type=int, default=300, help="target images of each set")
    parser.add_argument("--others", type=int, default=3000, help="silhouettes that are no copies; photographs: a third")
    parser.add_argument("--images", type=int, default=1024, help="JPEG files that are hashed for the speed")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data-root", type=Path, help="where the shipped job's retrieval encoder is or is trained")
    parser.add_argument("--speed", action="store_true", help="measure the speed only")
    asked = parser.parse_args()
    write("audit_speed", measure_speed(images=asked.images, repeats=asked.repeats), repeats=asked.repeats)
    if asked.speed:
        return
    target = shipped("target", count=asked.target, split="test")
    others = shipped("openset", count=asked.others)
    photographs = [natural_image(number) for number in range(asked.target + asked.others // 3)]
    rows = measure_hashes("silhouettes", target, others)
    rows += measure_hashes("photographs", photographs[: asked.target], photographs[asked.target :])
    counts = {"target_images": asked.target, "silhouettes": asked.others, "photographs": asked.others // 3, "seed": 0}
    write("audit_quality", rows, **counts)
    with tempfile.TemporaryDirectory() as folder:
        encoder = train_encoder(asked.data_root or Path(folder))
        write("audit_quality_embeddings", measure_encoder(encoder, target, others), **counts)


if __name__ == "__main__":
    main()
