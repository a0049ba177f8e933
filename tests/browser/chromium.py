"""A headless Chromium driven through Debian's chromedriver; nothing but loopback is reached."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)
DESK, PHONE = (1280, 900), (390, 844)


class Browser:
    """The pages a test looks at, at a stated size and colour scheme."""

    def __init__(self, driver: WebDriver) -> None:
        self.driver = driver

    def look(self, size: tuple[int, int], *, dark: bool = False, offline: bool = False) -> None:
        """Set width and height in CSS pixels, the colour scheme, and whether there is a network."""
        width, height = size
        self._tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=size == PHONE,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._tell("Emulation.setEmulatedMedia", features=[scheme])
        self._tell("Network.enable")
        self._tell(
            "Network.emulateNetworkConditions",
            offline=offline,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )

    def open(self, address: str) -> None:
        """Load a page anew; what the console said of the last one is forgotten."""
        self.driver.get("about:blank")
        self.complaints()
        self.driver.get(address)

    def run(self, script: str, *arguments: object) -> Any:
        """The value of a JavaScript function's body."""
        return self.driver.execute_script(script, *arguments)

    def text(self) -> str:
        """What a person can read on the page."""
        return str(self.run("return document.body.innerText"))

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Until the page is so; pages of scripts take their time."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s: {what}\n{self.text()[:3000]}"
            time.sleep(0.2)

    def press(self, label: str) -> None:
        """Press the button or tab with this text, as soon as there is one."""
        find = (
            "return [...document.querySelectorAll('button, [role=tab], [role=option]')]"
            ".filter(e => e.innerText.trim() === arguments[0])[0]"
        )
        self.wait(lambda: self.run(find, label) is not None, f"a button {label!r}")
        self.run(find, label).click()

    def choose(self, selector: str, option: str) -> None:
        """Choose from the list that the button with this id opens."""
        self.run("return document.getElementById(arguments[0])", selector).click()
        find = (
            "return [...document.querySelectorAll('[role=option]')]"
            ".filter(e => e.innerText.trim() === arguments[0])"
        )
        self.wait(lambda: bool(self.run(find, option)), f"an option {option!r}")
        self.run(find, option)[-1].click()

    def complaints(self) -> list[str]:
        """Errors and warnings on the console since the last call."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [str(entry["message"]) for entry in entries]

    def screenshot(self, path: Path) -> None:
        """What is in view, as PNG with few colours, which keeps it small."""
        from PIL import Image

        self.driver.save_screenshot(str(path))
        with Image.open(path) as picture:
            small = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
        small.save(path, optimize=True)

    def _tell(self, command: str, **settings: object) -> None:
        self.driver.execute_cdp_cmd(command, settings)


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A browser with a new profile; skips the test where Chromium or Selenium is missing."""
    pytest.importorskip("selenium", reason="pip install selenium")
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("needs Chromium: apt-get install chromium chromium-driver")
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = program
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = Chrome(options=options, service=Service(driver))
    try:
        yield Browser(opened)
    finally:
        opened.quit()
