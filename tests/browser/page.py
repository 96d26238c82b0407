"""A page as headless Chromium shows it: its DOM, what the console said, and a picture to look at."""

import functools
import http.server
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
)
# The fonts that kedro-viz asks of a public server have local fallbacks; a closed network is no error of ours.
HARMLESS = re.compile(r"net::ERR_|fonts\.googleapis|favicon")


@dataclass(frozen=True)
class Page:
    """What was seen."""

    dom: str
    errors: tuple[str, ...]

    @property
    def text(self) -> str:
        """The DOM without scripts and tags."""
        body = re.sub(r"<(script|style)\b.*?</\1>", " ", self.dom, flags=re.DOTALL)
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def _chromium(*arguments: str) -> subprocess.CompletedProcess[str]:
    chromium = shutil.which("chromium")
    assert chromium is not None, "no `chromium` on PATH"
    with tempfile.TemporaryDirectory() as profile:
        return subprocess.run(
            [chromium, *FLAGS, f"--user-data-dir={profile}", *arguments],
            capture_output=True,
            text=True,
            timeout=180,
            check=True,
        )


def look_at(url: str, *, picture: Path, size: tuple[int, int] = (1600, 1000), seconds: int = 20, dark: bool = False) -> Page:
    """Return the page at `url` once its scripts have had `seconds` of virtual time; keep a picture of it."""
    picture.parent.mkdir(parents=True, exist_ok=True)
    common = [f"--virtual-time-budget={seconds * 1000}", f"--window-size={size[0]},{size[1]}"]
    if dark:
        common.append("--blink-settings=preferredColorScheme=0")
    _chromium(*common, f"--screenshot={picture}", url)
    seen = _chromium(*common, "--dump-dom", url)
    console = re.findall(r'"([^"]*)", source: ([^\n]*)', seen.stderr)
    failures = re.findall(r"CONSOLE[^\n]*\] \"?(?:Uncaught|Error|TypeError|ReferenceError)[^\n]*", seen.stderr)
    errors = [f"{message} ({source})" for message, source in console if re.search(r"\b(Uncaught|Error)\b", message)]
    return Page(seen.stdout, tuple(error for error in [*errors, *failures] if not HARMLESS.search(error)))


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve `folder` on a loopback port; yield its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
