"""Takes the README's pictures of the page: `python -m support.pictures DIRECTORY`."""

import json
import shutil
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

from playwright.sync_api import Page

from support import browser as browsers
from support.http import request
from support.lambda_service import LambdaService
from support.project import REPOSITORY

_COPIED = ("template.yaml", "pyproject.toml", "poetry.lock", "lambda_app", "events")
_SIZE = {"width": 1280, "height": 720}
_MESSAGES = ("hello world", "good morning", "how are you?")
_JSON = {"Content-Type": "application/json", "User-Agent": "curl/8.5.0"}
_QUIET_SECONDS = 8.0
_BUSY_SECONDS = 12.0
_QUIET_INTERVAL_SECONDS = 0.5
_BUSY_INTERVAL_SECONDS = 0.02


class _Clients:
    """A thread that sends requests every `interval` seconds until it is stopped."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service
        self._stopped = threading.Event()
        self.interval = _QUIET_INTERVAL_SECONDS
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self) -> None:
        number = 0
        while not self._stopped.wait(self.interval):
            number += 1
            body = json.dumps({"message": _MESSAGES[number % len(_MESSAGES)]}).encode()
            self._service.request("POST", "/messages", body, _JSON)
            if number % 10 == 0:
                self._service.invoke({"message": "directly"})

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


def _copy_project(directory: Path) -> Path:
    for name in _COPIED:
        source = REPOSITORY / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, directory / name)
    return directory


def _simulate_development(service: LambdaService, page: Page) -> None:
    """Send requests, save code that does not load, and save code with another response."""
    code = service.project / "lambda_app/app.py"
    text = code.read_text()
    clients = _Clients(service)
    time.sleep(_QUIET_SECONDS)
    clients.interval = _BUSY_INTERVAL_SECONDS
    time.sleep(_BUSY_SECONDS)
    clients.interval = _QUIET_INTERVAL_SECONDS
    code.write_text(text.replace("-> str:", "-> str", 1))
    page.get_by_role("button", name="does not load").wait_for()
    time.sleep(3)
    code.write_text(text)
    page.get_by_role("button", name="live").wait_for()
    time.sleep(3)
    clients.stop()
    request(service.admin_url, "PUT", "/api/replay", b'{"enabled": true}', _JSON)
    code.write_text(text.replace("The received message is: '{message}'", "You said: {message}"))
    page.get_by_role("option", name="changed").wait_for()
    time.sleep(1.5)


def take_pictures(directory: Path, executable: str) -> None:
    """Write `page-light.png` and `page-dark.png`."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        closing(LambdaService(_copy_project(Path(temporary)), handler=None)) as service,
        browsers.launch(executable) as browser,
        browsers.open_page(browser, service.admin_url, viewport=_SIZE) as page,
    ):
        service.wait_until_ready()
        _simulate_development(service, page)
        page.get_by_role("option", name="changed").first.click()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
            page.screenshot(path=directory / f"page-{scheme}.png", animations="disabled")


def main() -> int:
    """Return 1 if no browser is found."""
    executable = browsers.find_browser()
    if executable is None:
        sys.stderr.write("screenshots: no Chromium or Chrome on the PATH\n")
        return 1
    take_pictures(Path(sys.argv[1]), executable)
    return 0


if __name__ == "__main__":
    sys.exit(main())
