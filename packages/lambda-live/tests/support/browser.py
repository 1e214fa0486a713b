"""The machine's own Chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

_MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", _MACOS)


def find() -> str | None:
    """Return the path of a browser, if the machine has one."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@contextmanager
def running(executable: str) -> Iterator[Browser]:
    """Run it while the block runs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, url: str, **context: object) -> Iterator[Page]:
    """Open the page in a window of its own; see that it had no error, and fetched nothing else."""
    errors: list[str] = []
    window = browser.new_context(**context)  # type: ignore[arg-type]  # Playwright's own options
    page = window.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: errors.append(asked.url) if url not in asked.url else None)
    page.goto(url)
    try:
        yield page
    finally:
        window.close()
    assert errors == [], errors
