"""Embedding a folder of JPEGs against its parts alone: `python -m benchmarks.extraction_speed`.

The folder holds natural-looking colour images of 500 x 375 pixels (smoothed noise and shapes, quality 90). Measured in
one process, in turn: the bare decoder (bytes read and decoded, all cores), the bare forward pass (uint8 pixels in
memory, the encoder's own `encode`), and `extract` from the folder to shards on disk. On a CPU the first two share its
cores, and end-to-end cannot be faster than both in turn, 1 / (1 / decoder + 1 / forward); on a GPU it cannot be faster
than the slower of both. Other work on the machine stretches wall times unevenly, so on a CPU the same share is given in
processor time, too. Memory is measured at the smallest size, in a process of its own for each number of images.
Takes a few minutes.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks._machine import PeakMemory, seconds, write
from simcore.backbones import create_random_encoder
from simcore.embeddings.extraction import extract
from simcore.images import ImageStore, eval_pixels, read_source
from simcore.images.decode import decode_compact

WIDTH, HEIGHT = 500, 375
DISTINCT = 64
SIZES = {224: 256 / 224, 64: 1.0}
BATCH = 64


def natural_image(number: int) -> Image.Image:
    """Return smoothed noise on four scales with a dozen half-transparent discs: it compresses as photographs do."""
    rng = np.random.default_rng(number)
    pixels = np.full((HEIGHT, WIDTH, 3), 128.0)
    for scale, strength in ((100, 60), (30, 30), (10, 15), (3, 10)):
        coarse = rng.standard_normal((HEIGHT // scale + 2, WIDTH // scale + 2, 3)).astype(np.float32)
        for channel in range(3):
            layer = Image.fromarray(coarse[..., channel]).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
            pixels[..., channel] += strength * np.asarray(layer)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for _ in range(12):
        disc = (x - rng.integers(WIDTH)) ** 2 + (y - rng.integers(HEIGHT)) ** 2 < rng.integers(10, 90) ** 2
        pixels[disc] = pixels[disc] / 2 + rng.integers(0, 256, 3) / 2
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def make_folder(folder: Path, *, images: int) -> None:
    """Write so many JPEGs, of `DISTINCT` different ones."""
    folder.mkdir(parents=True)
    files = []
    for number in range(min(images, DISTINCT)):
        buffer = io.BytesIO()
        natural_image(number).save(buffer, format="JPEG", quality=90)
        files.append(buffer.getvalue())
    for number in range(images):
        (folder / f"{number:06d}.jpg").write_bytes(files[number % len(files)])


def peak_memory(folder: Path, *, image_size: int, images: int) -> float:
    """Return how far memory rises, GiB, while the first `images` of the folder are embedded in a new process."""
    script = "import sys; from benchmarks.extraction_speed import report_memory; report_memory(*sys.argv[1:])"
    command = [sys.executable, "-c", script, str(folder), str(image_size), str(images)]
    return float(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def report_memory(folder: str, image_size: str, images: str) -> None:
    """Print the rise of memory; warmed up, so that the libraries' own buffers do not count."""
    store = ImageStore(read_source(Path(folder)).manifest, cache_gib=0.0)
    store = store.subset(store.keys[: int(images)])
    encoder = create_random_encoder("resnet18", image_size=int(image_size), seed=0)
    settings = {"image_size": int(image_size), "batch_size": BATCH, "rows_per_shard": 256, "show_progress": False}
    with tempfile.TemporaryDirectory() as out:
        extract(encoder, store.subset(store.keys[: 2 * BATCH]), Path(out) / "warm", **settings)
        with PeakMemory() as peak:
            extract(encoder, store, Path(out) / "measured", **settings)
    print(json.dumps(peak.gib))


def measure_size(image_size: int, *, folder: Path, out: Path, repeats: int, device: str) -> dict[str, object]:
    """Return one row: decoder, forward pass and both together, in images per second."""
    manifest = read_source(folder).manifest
    store = ImageStore(manifest, cache_gib=0.0)
    files = [Path(uri) for uri in manifest["uri"]]
    encoder = create_random_encoder("resnet18", image_size=image_size, seed=0)
    encoder.module.to(device)
    pixels = eval_pixels(store, image_size=image_size, resize_ratio=SIZES[image_size])
    fresh = count()

    def decode_all() -> None:
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            for lot in range(0, len(files), 256):
                list(pool.map(lambda path: decode_compact(path.read_bytes()).size, files[lot : lot + 256]))

    def forward() -> None:
        for start in range(0, len(pixels), BATCH):
            encoder.encode(pixels[start : start + BATCH])
        if device == "cuda":
            torch.cuda.synchronize()

    def end_to_end() -> None:
        extract(
            encoder,
            store,
            out / f"{image_size}-{next(fresh)}",
            image_size=image_size,
            resize_ratio=SIZES[image_size],
            batch_size=BATCH,
            device=device,
            show_progress=False,
        )

    parts = {"decoder": decode_all, "forward": forward, "end_to_end": end_to_end}
    times: dict[str, list[float]] = {name: [] for name in parts}
    processor: dict[str, list[float]] = {name: [] for name in parts}
    for part in parts.values():
        part()
    for _ in range(repeats):
        for name, part in parts.items():
            began = time.process_time()
            times[name] += seconds(part, repeats=1, warm_up=0)
            processor[name].append(time.process_time() - began)
    rate = {name: len(files) / statistics.median(values) for name, values in times.items()}
    binding = min(("decoder", "forward"), key=lambda name: rate[name])
    row: dict[str, object] = {
        "image_size": image_size,
        **{f"{name}_images_per_s": round(value, 1) for name, value in rate.items()},
        "binds": binding,
        "share_of_what_binds": round(rate["end_to_end"] / rate[binding], 3),
    }
    if device == "cpu":
        in_turn = 1 / (1 / rate["decoder"] + 1 / rate["forward"])
        row["share_of_both_in_turn"] = round(rate["end_to_end"] / in_turn, 3)
        spent = {name: statistics.median(values) for name, values in processor.items()}
        row["share_in_processor_time"] = round((spent["decoder"] + spent["forward"]) / spent["end_to_end"], 3)
    return row


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "images"
        make_folder(folder, images=4 * asked.images)
        part = Path(root) / "part"
        part.mkdir()
        for path in sorted(folder.iterdir())[: asked.images]:
            (part / path.name).hardlink_to(path)
        rows = [
            measure_size(size, folder=part, out=Path(root), repeats=asked.repeats, device=asked.device)
            for size in SIZES
        ]
        for images in (asked.images, 4 * asked.images):
            rows[-1][f"peak_gib_{images}_images"] = round(peak_memory(folder, image_size=min(SIZES), images=images), 3)
    write(
        "extraction_speed" if asked.device == "cpu" else "extraction_speed_gpu",
        rows,
        encoder="resnet18",
        images=asked.images,
        pixels=f"{WIDTH} x {HEIGHT}",
        batch=BATCH,
        repeats=asked.repeats,
        device=asked.device if asked.device == "cpu" else torch.cuda.get_device_name(),
        threads=torch.get_num_threads(),
    )


if __name__ == "__main__":
    main()
