"""Runs the machine's own Chromium with Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

_MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", _MACOS)


def find_browser() -> str | None:
    """Return the path of the first browser found, or None."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@contextmanager
def launch(executable: str, *args: str) -> Iterator[Browser]:
    """Run a browser while the block runs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=args)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser: Browser, url: str, **options: object) -> Iterator[Page]:
    """
    Open a URL in a new window.

    Fails if the page logs an error or requests anything from another address.
    """
    errors: list[str] = []
    window = browser.new_context(**options)  # type: ignore[arg-type]  # Playwright's own options
    page = window.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda entry: errors.append(entry.text) if entry.type == "error" else None)
    page.on("request", lambda sent: errors.append(sent.url) if url not in sent.url else None)
    page.goto(url)
    try:
        yield page
    finally:
        window.close()
    assert errors == [], errors
