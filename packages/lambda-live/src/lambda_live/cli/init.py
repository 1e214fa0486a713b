"""
`lambda-live init [FOLDER]`: write a template, a function, an event and a test.

Nothing is overwritten. The event has an expected response, so that it is a check, too.
"""

import contextlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from lambda_live.cli.parser import CommandParser
from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.project.template.discovery import TEMPLATE_NAMES

_TEMPLATE = f"""\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31

Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: hello
      CodeUri: hello/
      Handler: app.lambda_handler
      Runtime: {SERVICE_INTERPRETER.runtime}
      Timeout: 3
      MemorySize: 128
      FunctionUrlConfig:
        AuthType: NONE
"""
_APP = '''\
"""The handler that AWS Lambda calls."""

from typing import Any


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Greet whoever the event names."""
    name = event.get("name", "world")
    return {"message": f"Hello, {name}!"}
'''
_TEST = """\
import json
from pathlib import Path

from hello.app import lambda_handler

EVENTS = Path(__file__).parents[1] / "events"


def test_event_gets_expected_response() -> None:
    event = json.loads((EVENTS / "hello.json").read_text())

    assert lambda_handler(event, None) == json.loads((EVENTS / "expected/hello.json").read_text())
"""
_FILES = {
    "template.yaml": _TEMPLATE,
    "hello/__init__.py": "",
    "hello/app.py": _APP,
    "hello/requirements.txt": "# Packages that the function needs, one a line.\n",
    "events/hello.json": '{"name": "Lambda"}\n',
    "events/expected/hello.json": '{\n  "message": "Hello, Lambda!"\n}\n',
    "tests/test_hello.py": _TEST,
}
_NEXT = """\
Next:  {enter}lambda-live               start the function
       lambda-live invoke hello  send the event, in another terminal
       lambda-live check         compare the response with the expected one
       python -m pytest          run the test
"""


def main(arguments: Sequence[str]) -> None:
    """Write the files; exit with status 2 if one of them exists."""
    parser = CommandParser("init", "Write a template, a function, an event and a test.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="the current folder")
    folder = parser.parse(arguments).folder
    existing = [name for name in (*TEMPLATE_NAMES, *_FILES) if (folder / name).exists()]
    if existing:
        parser.error(f"{folder / existing[0]} exists; nothing was written")
    paths = [folder / name for name in _FILES]
    for path, text in zip(paths, _FILES.values(), strict=True):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            for each in paths:  # else the next attempt finds them
                with contextlib.suppress(OSError):
                    each.unlink()
            parser.error(f"cannot write {path}: {error.strerror}; nothing was written")
    sys.stdout.write("".join(f"wrote {each}\n" for each in paths))
    sys.stdout.write(
        _NEXT.format(enter="" if folder == Path() else f"cd {shlex.quote(str(folder))} && ")
    )
