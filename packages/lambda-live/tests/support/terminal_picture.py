"""Draw the README's picture of the terminal: `python -m support.terminal_picture DIRECTORY`."""

import html
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from support.http import request
from support.project import REPOSITORY
from support.terminal import TerminalService

_COPIED = ("template.yaml", "machine.env", "pyproject.toml", "poetry.lock")
_FOLDERS = ("lambda_app", "events", "scripts")
_ARGUMENTS = (
    "--timeout=3",
    "--after-reload=scripts/check",
    "--accept=scripts/check --accept --quiet",
)
_JSON = {"Content-Type": "application/json"}
_URL = re.compile(r"http://127\.0\.0\.1:\d+")
_STYLE = re.compile(r"\x1b\[(\d+)m(.*?)\x1b\[0m")
_ROW = 19
_COLUMN = 8.43
_MARGIN = 16
_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img">
<style>
rect {{ fill: #ffffff; stroke: #d0d7de }}
text {{
  font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  fill: #1f2328; white-space: pre
}}
.s1 {{ font-weight: bold }} .s2 {{ fill: #6e7781 }}
.s31 {{ fill: #cf222e }} .s32 {{ fill: #1a7f37 }} .s33 {{ fill: #9a6700 }}
@media (prefers-color-scheme: dark) {{
  rect {{ fill: #0d1117; stroke: #30363d }} text {{ fill: #e6edf3 }} .s2 {{ fill: #7d8590 }}
  .s31 {{ fill: #ff7b72 }} .s32 {{ fill: #3fb950 }} .s33 {{ fill: #d29922 }}
}}
</style>
<rect x="0.5" y="0.5" width="{inner}" height="{bottom}" rx="8"/>
"""


def _project(directory: Path) -> Path:
    for name in _COPIED:
        shutil.copy(REPOSITORY / name, directory / name)
    for name in _FOLDERS:
        shutil.copytree(REPOSITORY / name, directory / name)
    (directory / ".venv").symlink_to(REPOSITORY / ".venv")  # scripts/check needs it
    return directory


def _develop(terminal: TerminalService) -> None:
    """Send a request, save a change, save an error, and fix it."""
    code = terminal.project / "lambda_app/app.py"
    text = code.read_text(encoding="utf-8")
    terminal.wait_for("loaded in .* as expected")
    request(terminal.url, "POST", "/messages", b'{"message": "hello"}', _JSON)
    terminal.wait_for("POST /messages")
    code.write_text(text.replace("The received", "The new"), encoding="utf-8")
    terminal.wait_for("reloaded in .* as expected\\n.*new")
    code.write_text(text.replace("-> str:", "-> str", 1), encoding="utf-8")
    terminal.wait_for("Checks paused")
    code.write_text(text, encoding="utf-8")
    terminal.wait_for("fixed, reloaded in .* as expected")


def _tspans(row: str) -> Iterator[str]:
    at = 0
    for match in _STYLE.finditer(row):
        yield html.escape(row[at : match.start()])
        yield f'<tspan class="s{match[1]}">{html.escape(match[2])}</tspan>'
        at = match.end()
    yield html.escape(row[at:])


def _svg(rows: Sequence[str]) -> str:
    width = round(80 * _COLUMN) + 2 * _MARGIN
    height = len(rows) * _ROW + 2 * _MARGIN
    head = _HEAD.format(width=width, height=height, inner=width - 1, bottom=height - 1)
    lines = (
        f'<text x="{_MARGIN}" y="{_MARGIN + _ROW * number - 5}">{"".join(_tspans(row))}</text>'
        for number, row in enumerate(rows, start=1)
    )
    return head + "\n".join(lines) + "\n</svg>\n"


def take(directory: Path) -> None:
    """Write `terminal.svg`."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        closing(TerminalService(_project(Path(temporary)), *_ARGUMENTS, handler=None)) as terminal,
    ):
        _develop(terminal)
        # the service has free ports; show the default ones
        ports = iter((3001, 9101))
        rows = [
            _URL.sub(lambda _: f"http://127.0.0.1:{next(ports)}", row)
            for row in terminal.styled_rows
            if row
        ]
        terminal.stop()
    (directory / "terminal.svg").write_text(_svg(rows), encoding="utf-8")


if __name__ == "__main__":
    take(Path(sys.argv[1]))
