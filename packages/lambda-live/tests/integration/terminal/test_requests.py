"""Events in `.http` files: key `i` sends the same request as `scripts/check` with curl."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.checks import print_result
from support.http import request
from support.lambda_service import environment
from support.project import REPOSITORY, write_project
from support.terminal import NO_SUMMARIES, TerminalService

type Start = Callable[..., TerminalService]

ECHOES = "def handler(event, context): return event\n"
REQUESTS = {
    "order": """
# What an editor's REST client sends.
@host = http://localhost:3001

POST {{host}}/orders/7
  ?a=1
  &b=x%20y HTTP/1.1
Host: localhost:3001
Content-Type: application/json
X-Tag: one: two
X-Empty:

{"id": 7}

###
""",
    "plain": "/messages",
    "no_path": "GET http://localhost:3001",
    "no_path_but_a_query": "GET http://localhost:3001?x=1",
    "url_in_the_query": "GET /go?to=https://example.com/there",
    "not_ascii": "GET /straße?q=ö",
    "windows": "PUT /a HTTP/1.1\r\nX-A: b\r\n\r\none\r\ntwo\r\n",
    "of_a_file": "POST /file\nContent-Type: text/plain\n\n< body.txt\n",
    "with_a_script": "POST /script\n\nbody\n\n> {%\nclient.log(1)\n%}\n",
    "typeless": "DELETE /\n\n{}",
}
INVALID = {
    "empty": ("# nothing yet\n", "POST /path"),
    "prose": ("Please post this\n", "POST /path"),
    "two": ("GET /a\n\n###\nGET /b\n", "more than one request"),
    "variable": ("GET /{{id}}\n", "variables are not supported: /{{id}}"),
    "in_a_header": ("GET /\nX: {{token}}\n", "variables are not supported: X: {{token}}"),
    "headless": ("GET /\n{}\n", "Write Name: value"),
    "bodiless": ("POST /\n\n< none.txt\n", "none.txt"),
}


@pytest.fixture(scope="module")
def service(start_module: Start) -> TerminalService:
    service = start_module(ECHOES, constants=NO_SUMMARIES)
    texts = REQUESTS | {f"invalid_{name}": text for name, (text, _) in INVALID.items()}
    files = {f"events/{name}.http": text for name, text in texts.items()}
    write_project(service.project, files | {"events/body.txt": "of a file"})
    shutil.copytree(REPOSITORY / "scripts", service.project / "scripts")
    (service.project / ".venv").symlink_to(REPOSITORY / ".venv")
    shutil.copy2(REPOSITORY / "machine.env", service.project)
    service.resize(200)
    return service


def press(service: TerminalService, name: str) -> int:
    """Invoke an event by its letter. Return the number of rows before."""
    before = len(service.rows) - 1
    service.press("i")
    letter = service.wait_for(rf"\b(\w) {name}\.http\b", before)[1]
    service.press(letter)
    return before


def newest(service: TerminalService) -> dict[str, Any]:
    """Return the event of the newest invocation, without values that differ between requests."""
    page = service.wait_for(r"Dashboard +(http://\S+)")[1]
    row = request(page, "GET", "/api/rows").json()[0]
    kept = request(page, "GET", f"/api/rows/{row['id']}").json()["event"]["text"]
    event: dict[str, Any] = json.loads(kept)
    for name in ("x-amzn-trace-id", "user-agent", "content-length"):
        event["headers"].pop(name, None)
    context = event.pop("requestContext")
    return event | {"method": context["http"]["method"], "domain": context["domainName"]}


@pytest.mark.parametrize("name", REQUESTS)
def test_http_file_is_sent_like_with_curl(service: TerminalService, name: str) -> None:
    if not shutil.which("curl"):
        pytest.skip("scripts/check needs curl")
    before = press(service, name)
    service.wait_for(rf"✓ {name}\.http  ", before)
    event = newest(service)
    done = subprocess.run(
        ["scripts/check", "--no-wait", "--url", service.url, f"events/{name}.http"],
        cwd=service.project,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "no expected response yet" in done.stdout
    assert event == newest(service)


@pytest.mark.parametrize("name", INVALID)
def test_invalid_http_file_is_reported(service: TerminalService, name: str) -> None:
    before = press(service, f"invalid_{name}")
    line = service.wait_for(rf"✗ cannot invoke invalid_{name}\.http: .*", before)[0]
    assert INVALID[name][1] in line


MULTIPLE = """
Globals: {Function: {Runtime: python3.12, Handler: app.handler}}
Resources:
  One: {Type: AWS::Serverless::Function, Properties: {CodeUri: one/}}
  Two: {Type: AWS::Serverless::Function, Properties: {CodeUri: two/}}
"""


def test_multiple_functions_have_events_in_their_folders(tmp_path: Path) -> None:
    code = {f"{name}/app.py": ECHOES for name in ("one", "two")}
    events = {"events/One/a.json": "1", "events/Two/b.json": "2", "events/Two/c.http": "GET /c"}
    write_project(tmp_path, code | events | {"template.yaml": MULTIPLE})
    checks = f"--after-reload=until test -e go; do sleep 0.01; done; {print_result()}"
    with closing(TerminalService(tmp_path, checks, handler=None)) as service:
        service.wait_for("✓ 2 functions loaded in .* · running checks…")
        (tmp_path / "go").touch()
        service.wait_for(r"✓ 2 functions loaded in [\d.]+ m?s · 3 of 3 events as expected\n")
        assert len([row for row in service.rows if "loaded in" in row]) == 1
        service.press("i")
        service.wait_for(r"a One/a\.json +b Two/b\.json +c Two/c\.http")
        service.press("c")
        service.wait_for(r"✓ Two c\.http  ")
        event = newest(service)
    assert (event["rawPath"], event["domain"].split(".")[0]) == ("/c", "two")


def test_load_of_multiple_functions_is_one_line(tmp_path: Path) -> None:
    template = "Globals: {Function: {Runtime: python3.12, Handler: app.handler, CodeUri: one/}}\n"
    names = [f"F{number}" for number in range(5)]
    resources = "".join(f"  {name}: {{Type: AWS::Serverless::Function}}\n" for name in names)
    files = {"one/app.py": ECHOES, "template.yaml": f"{template}Resources:\n{resources}"}
    write_project(tmp_path, files)
    with closing(TerminalService(tmp_path, handler=None)) as service:
        service.wait_for("✓ 5 functions loaded in")
        (tmp_path / "one/app.py").write_text("def handler(event, context)")
        service.wait_for("✗ 4 more functions do not load  one/app.py:1")
        (tmp_path / "one/app.py").write_text(ECHOES)
        service.wait_for("✓ 5 functions fixed, reloaded in")
        before = len(service.rows) - 1
        (tmp_path / "one/app.py").write_text(f"{ECHOES}# saved")
        service.wait_for("✓ 5 functions reloaded in", before)
    rows = [row for row in service.rows if re.search("load|SyntaxError", row)]
    assert len(rows) == 6, service.rows
