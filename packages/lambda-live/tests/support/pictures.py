"""
Take pictures of every state of the page: `python -m support.pictures DIRECTORY`.

Each picture is DIRECTORY/STATE-WIDTH-SCHEME.webp. The browser that shows the page encodes it.
"""

import base64
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize

from support import browser as browsers
from support.http import request
from support.lambda_service import LambdaService
from support.project import REPOSITORY

_COPIED = ("template.yaml", "pyproject.toml", "poetry.lock", "lambda_app", "events")
_SIZES = ((1280, 720), (390, 844))
_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_MESSAGES = ("hello world", "good morning", "how are you?")
_JSON = {"Content-Type": "application/json", "User-Agent": "curl/8.5.0"}
_QUIET_SECONDS = 8.0
_BUSY_SECONDS = 12.0
_QUIET_INTERVAL_SECONDS = 0.5
_BUSY_INTERVAL_SECONDS = 0.02
_TIMEOUT = "--timeout=3"
_RAISES = """
    if message == "fail":
        raise KeyError("customer")
    if message == "wait":
        import time
        time.sleep(60)
    return f"The received"""
_TO_WEBP = """async (png) => {
    const response = await fetch(`data:image/png;base64,${png}`);
    const bitmap = await createImageBitmap(await response.blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/webp", quality: 0.7 });
    const reader = new FileReader();
    return new Promise((resolve) => {
        reader.onload = () => resolve(reader.result.split(",")[1]);
        reader.readAsDataURL(blob);
    });
}"""


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
            _send(self._service, _MESSAGES[number % len(_MESSAGES)])
            if number % 10 == 0:
                self._service.invoke({"message": "directly"})

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


def _send(service: LambdaService, message: str) -> None:
    body = json.dumps({"message": message}).encode()
    service.request("POST", "/messages", body, _JSON)


def _copy_project(directory: Path) -> Path:
    for name in _COPIED:
        source = REPOSITORY / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, directory / name)
    return directory


def _open_newest(page: Page, text: str) -> None:
    page.locator("#rows").get_by_role("option").filter(has_text=text).first.click()


def _states(service: LambdaService, page: Page) -> Iterator[str]:
    """Bring the page into each state, and yield its name."""
    code = service.project / "lambda_app/app.py"
    text = code.read_text()
    page.get_by_role("heading", name="No invocations yet").wait_for()
    yield "empty"

    clients = _Clients(service)
    time.sleep(_QUIET_SECONDS)
    clients.interval = _BUSY_INTERVAL_SECONDS
    time.sleep(_BUSY_SECONDS)
    clients.interval = _QUIET_INTERVAL_SECONDS
    time.sleep(_QUIET_SECONDS)
    yield "green"

    code.write_text(text.replace("-> str:", "-> str", 1))
    page.get_by_role("button", name="does not load").click()
    page.get_by_text("SyntaxError").first.wait_for()
    time.sleep(3)
    yield "broken-code"

    page.keyboard.press("Escape")
    code.write_text(text)
    page.get_by_role("button", name="live").wait_for()
    time.sleep(3)
    clients.stop()
    request(service.admin_url, "PUT", "/api/replay", b'{"enabled": true}', _JSON)
    code.write_text(text.replace("The received message is: '{message}'", "You said: {message}"))
    page.get_by_role("option", name="changed").wait_for()
    time.sleep(1.5)
    _open_newest(page, "changed")
    yield "changed"

    request(service.admin_url, "PUT", "/api/replay", b'{"enabled": false}', _JSON)
    code.write_text(text.replace('    return f"The received', _RAISES.lstrip("\n")))
    page.get_by_role("option", name="Saved").first.wait_for()
    _send(service, "fail")
    _open_newest(page, "KeyError")
    yield "error"

    _send(service, "wait")
    _open_newest(page, "timed out")
    yield "timeout"

    _open_newest(page, "Saved")
    page.get_by_text("before the save").wait_for()
    yield "cold-start"

    page.get_by_role("button", name="Functions", exact=True).click()
    yield "functions"

    page.keyboard.press("Escape")
    page.get_by_role("button", name="Send event").click()
    page.get_by_role("combobox").first.wait_for()
    yield "composer"


def take_pictures(directory: Path, executable: str) -> None:
    """Write a picture of each state in each size and color scheme."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        closing(LambdaService(_copy_project(Path(temporary)), _TIMEOUT, handler=None)) as service,
        browsers.launch(executable) as browser,
        browsers.open_page(browser, service.admin_url, viewport=_viewport(*_SIZES[0])) as page,
    ):
        service.wait_until_ready()
        encode = _encoder(browser)
        for state in _states(service, page):
            page.evaluate("document.activeElement.blur()")
            for width, height in _SIZES:
                page.set_viewport_size(_viewport(width, height))
                for scheme in _SCHEMES:
                    page.emulate_media(color_scheme=scheme)
                    picture = encode(page.screenshot(animations="disabled"))
                    (directory / f"{state}-{width}-{scheme}.webp").write_bytes(picture)
            page.set_viewport_size(_viewport(*_SIZES[0]))


def _viewport(width: int, height: int) -> ViewportSize:
    return {"width": width, "height": height}


def _encoder(browser: Browser) -> Callable[[bytes], bytes]:
    converter = browser.new_page()
    return lambda png: base64.b64decode(
        converter.evaluate(_TO_WEBP, base64.b64encode(png).decode())
    )


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
