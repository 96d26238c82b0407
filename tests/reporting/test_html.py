import base64
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from plotly.offline import get_plotlyjs

from simcore.reporting import Report, Section, render_report
from simcore.reporting.html import _inert_json

VOID = {"meta", "link", "img", "br", "hr", "input"}
RESOURCES = {"src", "href", "srcset", "data", "poster", "action", "background", "cite", "ping", "xlink:href"}


class Document(HTMLParser):
    """A page as a list of elements with their text; fails on tags that do not match."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += data

    def every(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def page(report: Report) -> str:
    return render_report(report)


def test_the_page_parses_and_asks_for_nothing_from_outside(page) -> None:
    document = Document(page)
    for tag, attributes in document.elements:
        for name in RESOURCES & set(attributes):
            assert re.match(r"data:|#", attributes[name] or ""), f"<{tag} {name}={attributes[name]}>"
    style = document.texts["style"][0]
    assert "url(" not in style
    assert "@import" not in style


def test_hostile_text_stays_text(page, hostile) -> None:
    document = Document(page)
    # The report's own script, and blocks of data that no browser runs.
    assert [attributes.get("type", "run") for attributes in document.every("script")].count("run") == 1
    assert all(attributes["src"].startswith("data:image/png;base64,") for attributes in document.every("img"))
    handlers = [name for _, attributes in document.elements for name in attributes if name.startswith("on")]
    assert not handlers
    shown = "".join(document.texts["body"])
    assert shown.count(hostile) > 5
    assert any(hostile in (attributes["alt"] or "") for attributes in document.every("img"))


def test_the_policy_allows_the_two_scripts_of_the_report_and_nothing_else(page) -> None:
    document = Document(page)
    policy = next(a["content"] for a in document.every("meta") if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    scripts = [text for text, a in zip(document.texts["script"], document.every("script"), strict=True) if not a]
    allowed = [
        "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
        for text in (*scripts, get_plotlyjs())
    ]
    assert rules["script-src"].split() == allowed


def test_plotly_is_inside_once_and_unchanged(page) -> None:
    document = Document(page)
    blocks = zip(document.texts["script"], document.every("script"), strict=True)
    packed = [text for text, attributes in blocks if attributes.get("id") == "plotly"]
    assert [json.loads(text) for text in packed] == [get_plotlyjs()]


def test_data_cannot_end_the_element_it_stands_in() -> None:
    text = json.dumps("</script><!--<script>&amp;")
    inert = str(_inert_json(text))
    assert not set("<>&") & set(inert)
    assert json.loads(inert) == json.loads(text)


def test_a_page_without_figures_is_small_and_runs_nothing() -> None:
    page = render_report(Report(title="A run", answer="Nothing.", command="kedro run"))
    assert len(page) < 20_000
    assert not Document(page).every("script")


def test_every_figure_has_its_data(page, report) -> None:
    document = Document(page)
    canvases = [a for a in document.every("div") if a.get("class") == "canvas"]
    assert all(a["role"] == "img" and a["aria-label"] for a in canvases)
    figures = {
        attributes["data-figure"]: json.loads(text)
        for text, attributes in zip(document.texts["script"], document.every("script"), strict=True)
        if "data-figure" in attributes
    }
    assert list(figures) == [a["id"] for a in canvases]
    assert [len(figure["data"]) for figure in figures.values()] == [
        len(report.figures[name].data) for name in ("trace", "composition", "accuracy", "curves")
    ]


def test_headings_go_down_one_step_at_a_time(page) -> None:
    levels = [int(tag[1]) for tag, _ in Document(page).elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_readers_without_sight_find_their_way(page) -> None:
    document = Document(page)
    assert document.every("html")[0]["lang"] == "en"
    assert all(attributes["alt"] for attributes in document.every("img"))
    assert len(document.texts["caption"]) == len(document.every("table"))
    assert all(document.texts["caption"])
    assert all(attributes["scope"] in ("col", "row") for attributes in document.every("th"))
    ids = [attributes["id"] for _, attributes in document.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    links = [attributes["href"] for attributes in document.every("a")]
    assert links[0] == "#content"
    assert {link[1:] for link in links} <= set(ids)


def test_the_same_report_gives_the_same_page(report) -> None:
    assert render_report(report) == render_report(report)


def test_a_section_takes_text_tables_figures_and_galleries(report) -> None:
    section = Section("More", "more", ("Text.", report.galleries[0]))
    document = Document(render_report(replace(report, sections=(section,), figures={}, galleries=())))
    assert "More" in document.texts["h2"]
    assert document.every("img")
    assert not document.every("script")


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_draws_every_figure_without_an_error(page, tmp_path, dark) -> None:
    chromium = shutil.which("chromium")
    assert chromium is not None, "no `chromium` on PATH"
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=20000 "
        # So high that every figure is in the window, and is drawn.
        "--window-size=1100,12000 --dump-dom"
    )
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    seen = subprocess.run(
        [
            chromium,
            *flags.split(),
            *scheme,
            f"--user-data-dir={tmp_path / 'profile'}",
            f"file://{tmp_path}/report.html",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert re.findall(r'class="canvas[^>]*data-state="(\w+)"', seen.stdout) == ["drawn"] * 4
    assert "CONSOLE" not in seen.stderr
    # The figures follow the page: light ink on a dark ground.
    ink = "rgb(227, 231, 233)" if dark else "rgb(29, 35, 39)"
    assert ink in seen.stdout
