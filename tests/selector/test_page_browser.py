"""The page in headless Chromium: quiet console, no network, sound, pictures, and a phone's width."""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from selector.page.make import make_page
from tests.selector.page_build import BUCKETS, cover, page_build

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PHONE, DESK = 375, 1200  # pixels

LOOK = """
() => Promise.all([
  ...[...document.querySelectorAll('audio')].map((player, i) => new Promise(resolve => {
    const judge = () => resolve(player.duration > 0 ? null : `player ${i} has no sound`);
    if (player.error) return resolve(`player ${i} cannot be played`);
    if (player.readyState > 0) return judge();
    player.addEventListener('loadedmetadata', judge);
    player.addEventListener('error', () => resolve(`player ${i} cannot be played`));
    setTimeout(() => resolve(`player ${i} never loads`), 20000);
  })),
  ...[...document.querySelectorAll('img')].map((picture, i) => {
    if (!picture.complete || !picture.naturalWidth) return `picture ${i} is missing`;
    const canvas = new OffscreenCanvas(picture.naturalWidth, picture.naturalHeight), pen = canvas.getContext('2d');
    pen.drawImage(picture, 0, 0);
    const data = pen.getImageData(0, 0, canvas.width, canvas.height).data;
    return data.some((value, k) => k % 4 < 3 && value !== data[k % 4]) ? null : `picture ${i} is empty`;
  }),
]).then(found => found.filter(Boolean))
"""
COMPARE = """
async () => {
  const [first, second] = document.querySelector('.sentence').querySelectorAll('audio');
  first.muted = second.muted = true;
  await first.play();
  first.currentTime = first.duration / 2;
  await second.play();
  return [first.paused, second.currentTime > first.duration / 3];
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this computer")
    with pytest.importorskip("playwright.sync_api", reason="playwright is not installed").sync_playwright() as engine:
        sandbox = [] if os.getuid() else ["--no-sandbox"]
        started = engine.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield started
        started.close()


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    build = page_build(tmp_path_factory.mktemp("page"))
    cover(build, {bucket.name: ["rules"] for bucket in BUCKETS})
    return make_page(build, ("nnapi", "cpu")).read_text(encoding="utf-8")


def faults(browser: Any, file: Path, html: str, scheme: str = "light") -> list[str]:
    """Everything that is wrong with a page, at a desk and on a phone."""
    file.write_text(html, encoding="utf-8")
    found: list[str] = []

    def listen(page: Any) -> None:
        page.on("console", lambda message: found.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: found.append(f"script: {error}"))
        page.on("request", lambda r: found.append(f"asks for {r.url[:60]}") if r.url[:5] != "data:" else None)

    for width in (DESK, PHONE):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page = context.new_page()
        listen(page)
        page.goto(file.as_uri())
        found.remove(f"asks for {file.as_uri()[:60]}")  # itself
        found += page.evaluate(LOOK)
        wide = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{wide} pixels wide on {width}"] if wide > width else []
        context.close()
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wrong(browser: Any, html: str, tmp_path: Path, scheme: str) -> None:
    assert faults(browser, tmp_path / "page.html", html, scheme) == []


def test_light_and_dark_differ(browser: Any, html: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    colours = set()
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto((tmp_path / "page.html").as_uri())
        colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.close()
    assert len(colours) == 2


def test_another_player_of_a_sentence_goes_on_where_the_last_one_stood(browser: Any, html: str, tmp_path: Path) -> None:
    file = tmp_path / "page.html"

    def compare(content: str) -> list[bool]:
        file.write_text(content, encoding="utf-8")
        page = browser.new_page()
        page.goto(file.as_uri())
        result: list[bool] = page.evaluate(COMPARE)
        page.close()
        return result

    assert compare(html) == [True, True]
    assert compare(html.replace('addEventListener("play"', 'addEventListener("never"')) == [False, False]


def one_colour() -> str:
    buffer = io.BytesIO()
    Image.new("P", (30, 80)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


DEFECTS = {
    "a broken script": (r'"use strict";', '"use strict"; undefined_name();', "script: undefined_name is not defined"),
    "half a script": (r"\}\s*</script>", "</script>", "script: Unexpected end of input"),
    "a player of nothing": (r"data:audio/flac;base64,[^\"]*", "data:audio/flac;base64,", "player 0 cannot be played"),
    "an empty picture": (r"(img src=\"data:image/png;base64,)[^\"]*", rf"\g<1>{one_colour()}", "picture 0 is empty"),
    "half a picture": (r"(img src=\"data:image/png;base64,)[^\"]{90}[^\"]*", r"\g<1>AAAA", "picture 0 is missing"),
    "something from elsewhere": (r"</h1>", '</h1><img src="there.png">', "console: "),
    "a table that does not scroll": (r"overflow-x: auto;", "", f"pixels wide on {PHONE}"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_seen(browser: Any, html: str, tmp_path: Path, defect: str) -> None:
    pattern, instead, said = DEFECTS[defect]
    broken, times = re.subn(pattern, instead, html, count=1)
    assert times == 1
    found = faults(browser, tmp_path / "page.html", broken)
    assert any(said in fault for fault in found), found
