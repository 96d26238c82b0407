"""A page as a person sees it in headless Chromium: its text, what the console said, and a picture to look at."""

import functools
import http.server
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

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
)
# Pixels below which Chromium makes no window; a phone is emulated.
NARROWEST = 500
# What the pages of other projects ask for and do without: kedro-viz its web fonts (it has local ones) and, in a static
# build, the metadata of a running server; MLflow the user of a server with accounts.
HARMLESS = (
    "fonts.googleapis.com",
    "favicon.ico",
    "/api/metadata",
    "metadata fetch error",
    "/mlflow/users/current",
)


@dataclass(frozen=True)
class Page:
    """What was seen."""

    text: str
    errors: tuple[str, ...]


@contextmanager
def browser(*, size: tuple[int, int] = (1600, 1000), dark: bool = False) -> Iterator[WebDriver]:
    """Yield a headless Chromium with an empty profile."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*FLAGS, f"--window-size={size[0]},{size[1]}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        if size[0] < NARROWEST:
            metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": True}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        if dark:
            features = [{"name": "prefers-color-scheme", "value": "dark"}]
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        yield driver
    finally:
        driver.quit()


def look(driver: WebDriver, *, expected: tuple[str, ...], picture: Path, seconds: int = 60) -> Page:
    """Return the page once it shows every `expected` text, and keep a picture of it.

    What does not appear within `seconds` is left for the test to complain about.
    """
    picture.parent.mkdir(parents=True, exist_ok=True)

    def shown(_: WebDriver) -> bool:
        return all(text in page_text(driver) for text in expected)

    try:
        WebDriverWait(driver, seconds, poll_frequency=0.3).until(shown)
    finally:
        time.sleep(0.5)  # let a running transition end before the picture
        driver.save_screenshot(str(picture))
    logs = driver.get_log("browser")
    severe = [log["message"] for log in logs if log["level"] == "SEVERE"]
    return Page(page_text(driver), tuple(m for m in severe if not any(harmless in m for harmless in HARMLESS)))


def page_text(driver: WebDriver) -> str:
    """Return the text of the whole DOM, that of SVG and of what lies outside the window included."""
    return driver.execute_script("return document.body ? document.body.textContent : ''")


def click_all(driver: WebDriver, selector: str, *, seconds: int = 60) -> None:
    """Click every element that the CSS selector finds, as soon as there is one."""
    find: Callable[[WebDriver], list] = lambda d: d.find_elements(By.CSS_SELECTOR, selector)  # noqa: E731
    for element in WebDriverWait(driver, seconds).until(find):
        driver.execute_script("arguments[0].click()", element)


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
