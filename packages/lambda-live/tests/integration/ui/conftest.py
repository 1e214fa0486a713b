import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from lambda_live.resources.emulator import Emulator
from support import browser as browsers

_TIMEOUT_MS = 30_000


@pytest.fixture(scope="session")
def emulator() -> None:
    """Install the emulator before a service starts: a start must not wait for it."""
    Emulator.install(lambda _: None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = browsers.find_browser()
    if executable is None:
        assert "GITHUB_ACTIONS" not in os.environ, "GitHub's runners have a browser"
        pytest.skip("no Chromium or Chrome on the PATH")
    expect.set_options(timeout=_TIMEOUT_MS)
    with browsers.launch(executable) as browser:
        yield browser
