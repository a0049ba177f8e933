"""report.html in a real browser: alone, without network, on a desk and a phone, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.chromium import DESK, PHONE, Browser
from tests.browser.conftest import Keep

pytestmark = pytest.mark.slow

_LOOKS = [
    pytest.param(size, dark, id=f"{name}-{'dark' if dark else 'light'}")
    for name, size in (("desk", DESK), ("phone", PHONE))
    for dark in (False, True)
]

# The least contrast of any text with what lies behind it (WCAG 2).
_CONTRAST = """
const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const colour = text => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
const behind = e => {
  for (; e; e = e.parentElement) {
    const c = colour(getComputedStyle(e).backgroundColor);
    if (c[3] > 250) return c;
  }
  return [255, 255, 255, 255];
};
let least = 99, where = '';
for (const e of document.querySelectorAll('h1, h2, h3, p, td, th, li, b, dt, dd, summary')) {
  if (!e.innerText.trim()) continue;
  const [a, b] = [light(colour(getComputedStyle(e).color)), light(behind(e))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < least) { least = ratio; where = e.tagName + ': ' + e.innerText.slice(0, 40); }
}
return [least, where];
"""

_SOUNDS = """
const done = arguments[0];
const all = [...document.querySelectorAll('audio')].map(audio => new Promise(heard => {
  audio.addEventListener('loadedmetadata', () => heard(audio.duration));
  audio.addEventListener('error', () => heard(0));
  audio.load();
}));
Promise.all(all).then(done);
"""


@pytest.mark.parametrize(("size", "dark"), _LOOKS)
def test_the_report_opens_whole_without_a_network(
    browser: Browser, report: Path, size: tuple[int, int], dark: bool
) -> None:
    browser.look(size, dark=dark, offline=True)
    browser.open(report.as_uri())
    assert browser.complaints() == []
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    # nothing sticks out: a phone scrolls only downwards
    assert browser.run("return document.documentElement.scrollWidth") == size[0]
    assert browser.run("return innerWidth") == size[0]
    text = browser.text()
    for heading in (
        "Mean average precision", "Examples", "Curves", "Classes", "Recall", "Clusters",
        "Training", "Lineage",
    ):  # fmt: skip
        assert heading in text
    red, green, blue = browser.run(
        "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert (red + green + blue < 200) == dark
    least, where = browser.run(_CONTRAST)
    assert least >= 4.5, where


def test_pictures_show_and_sounds_play(browser: Browser, report: Path) -> None:
    browser.look(DESK, offline=True)
    browser.open(report.as_uri())
    widths = browser.run("return [...document.images].map(image => image.naturalWidth)")
    assert len(widths) >= 3
    assert set(widths) == {8}
    seconds = browser.driver.execute_async_script(_SOUNDS)
    assert len(seconds) >= 3
    assert min(seconds) > 0.1
    assert browser.complaints() == []
    assert report.stat().st_size < 2_000_000


def test_pictures_of_the_report(browser: Browser, report: Path, keep: Keep) -> None:
    for name, size, dark, heading in (
        ("report-desk", DESK, False, None),
        ("report-phone-dark", PHONE, True, None),
        ("report-examples", DESK, False, "Examples"),
        ("report-examples-phone", PHONE, False, "Examples"),
        ("report-recall-dark", DESK, True, "Recall"),
    ):
        browser.look(size, dark=dark, offline=True)
        browser.open(report.as_uri())
        if heading is not None:
            browser.run(
                "[...document.querySelectorAll('h2')].find(h => h.innerText === arguments[0])"
                ".scrollIntoView()",
                heading,
            )
        keep(name)
