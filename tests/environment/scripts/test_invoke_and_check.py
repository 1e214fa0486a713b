import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from support.lambda_service import LambdaService, environment
from support.project import REPOSITORY

NEEDED = ["bash", "curl"]
FREE_OF_SERVICE = "http://127.0.0.1:1"  # the port of tcpmux, which is not in use

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, NEEDED)), reason=f"the scripts need {', '.join(NEEDED)}"
)


@pytest.fixture
def service(served: LambdaService) -> Iterator[LambdaService]:
    """Return the shared service, and restore its files afterwards."""
    saved = {path: path.read_bytes() for path in _files(served.project)}
    yield served
    for path in _files(served.project) - saved.keys():
        path.unlink()
    for path, content in saved.items():
        if path.read_bytes() != content:
            path.write_bytes(content)
    assert served.invoke({}).json()["statusCode"] == 400  # the original code


def _files(checkout: Path) -> set[Path]:
    folders = [checkout / "lambda_app", checkout / "events"]
    return {path for folder in folders for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def checkout(service: LambdaService) -> Path:
    return service.project


def run(program: Path, *args: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    env = environment() | more.pop("env", {})
    return subprocess.run(
        [program, *args], check=False, capture_output=True, env=env, text=True, **more
    )


def copy_of(checkout: Path, directory: Path) -> Path:
    for part in ("lambda_app", "events", "scripts"):
        shutil.copytree(checkout / part, directory / part)
    shutil.copy2(checkout / "machine.env", directory)
    (directory / ".venv").symlink_to(REPOSITORY / ".venv")
    return directory


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_check_sends_every_event(service: LambdaService, checkout: Path) -> None:
    done = run(checkout / "scripts/check", "--url", service.url)

    assert (done.stdout, done.stderr) == ("3 of 3 events as expected\n", "")
    assert done.returncode == 0


def test_check_shows_how_a_response_differs(service: LambdaService, checkout: Path) -> None:
    edit(checkout / "events/expected/event_alb.json", "hello", "goodbye")
    done = run(
        checkout / "scripts/check",
        *("--url", service.url, "events/event.json", "events/event_alb.json"),
        cwd=checkout,
    )

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "event_alb.json: body: \"…is: 'goodbye world'\" → \"…is: 'hello world'\"",
        "1 of 2 events as expected",
    ]


def test_check_shows_the_error_of_broken_code(service: LambdaService, checkout: Path) -> None:
    edit(checkout / "lambda_app/app.py", "context.aws_request_id", "contest")
    done = run(checkout / "scripts/check", "--url", service.url, checkout / "events/event.json")

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "event.json: NameError: name 'contest' is not defined (lambda_app/app.py:3)",
        "0 of 1 events as expected",
    ]


def test_check_shows_a_response_that_is_not_json(service: LambdaService, checkout: Path) -> None:
    edit(checkout / "lambda_app/app.py", "print(context.aws_request_id)", 'return b"no JSON"')
    done = run(checkout / "scripts/check", "--url", service.url, checkout / "events/event.json")

    assert done.returncode == 1
    assert done.stdout.splitlines()[0].endswith(' → "no JSON"')


def test_check_waits_for_the_code_on_disk(service: LambdaService, checkout: Path) -> None:
    for old, new in pairwise(["The received", "The first", "The second", "The third"]):
        edit(checkout / "lambda_app/app.py", old, new)
        edit(checkout / "events/expected/event.json", old, new)
        done = run(checkout / "scripts/check", "--url", service.url, checkout / "events/event.json")

        assert done.returncode == 0, done.stdout


def test_check_hashes_the_same_files_as_the_service(service: LambdaService, checkout: Path) -> None:
    package = checkout / "lambda_app"
    for name in ("B.py", "a b.py", "data.txt", "~x", "sub/.hidden/x.py", "sub/__pycache__/x.pyc"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(name)
    for name in (".swp", "app.py~", "sub/é.py"):
        (package / name).write_text(name)
    done = run(checkout / "scripts/check", "--url", service.url, checkout / "events/event.json")

    assert (done.returncode, done.stderr) == (0, "")


def test_check_reports_the_code_it_waited_for(
    service: LambdaService, checkout: Path, tmp_path: Path
) -> None:
    other = copy_of(checkout, tmp_path)
    edit(other / "lambda_app/app.py", "received", "other")
    done = run(other / "scripts/check", "--url", service.url, "--wait", "0")

    running = service.admin("/ready").json()["code_sha256"]
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(
        rf"check: waited 0 s for code (?!{running[:12]})[0-9a-f]{{12}} of \./ here, "
        rf"but {service.url} runs {running[:12]}\.\n",
        done.stderr,
    )


def test_check_with_no_wait_compares_at_once(
    service: LambdaService, checkout: Path, tmp_path: Path
) -> None:
    other = copy_of(checkout, tmp_path)
    edit(other / "lambda_app/app.py", "received", "other")

    assert run(other / "scripts/check", "--url", service.url, "--no-wait").returncode == 0


def test_check_suggests_no_wait_if_the_service_reports_no_code(
    service: LambdaService, checkout: Path
) -> None:
    done = run(checkout / "scripts/check", "--url", service.admin_url)

    assert done.returncode == 1
    assert "does not say which code it runs" in done.stderr
    assert "--no-wait" in done.stderr


def test_invoke_without_an_event_sends_all(service: LambdaService, checkout: Path) -> None:
    done = run(checkout / "scripts/invoke", env={"LAMBDA_LIVE_URL": service.url})

    rows = done.stdout.splitlines()
    names = ["event.json", "event_alb.json", "event_no_message.json"]
    expected = [(checkout / "events/expected" / name).read_text() for name in names]
    assert rows[0::2] == [f"events/{name}: 200" for name in names]
    assert [json.loads(row) for row in rows[1::2]] == [json.loads(text) for text in expected]
    assert (done.returncode, done.stderr) == (0, "")


def test_invoke_fails_if_an_invocation_fails(service: LambdaService, checkout: Path) -> None:
    edit(checkout / "lambda_app/app.py", "context.aws_request_id", "1 / len(event)")
    events = ["events/event_no_message.json", "events/event.json"]
    done = run(checkout / "scripts/invoke", "--url", service.url, *events, cwd=checkout)

    rows = done.stdout.splitlines()
    assert rows[0::2] == [f"{event}: 200" for event in events]
    assert json.loads(rows[1])["errorType"] == "ZeroDivisionError"
    assert done.returncode == 1


def test_invoke_fails_for_an_unknown_function(service: LambdaService, checkout: Path) -> None:
    options = ["--url", service.url, "--function", "other"]
    done = run(checkout / "scripts/invoke", *options, "events/event.json", cwd=checkout)

    assert done.stdout.startswith("events/event.json: 404\n")
    assert done.returncode == 1


def test_check_sends_events_with_any_file_name(service: LambdaService, checkout: Path) -> None:
    names = [
        "a\nb.json",
        "t\tx.json",
        'q"uote.json',
        "back\\slash.json",
        "\x1b[31m.json",
        "1%41.json",
    ]
    for name in names:
        shutil.copy(checkout / "events/event.json", checkout / "events" / name)
        expected = checkout / "events/expected"
        shutil.copy(expected / "event.json", expected / name)

    done = run(checkout / "scripts/check", "--url", service.url)

    assert done.stdout == f"{3 + len(names)} of {3 + len(names)} events as expected\n"


@pytest.mark.parametrize("args", [[], ["--json"]])
def test_check_and_invoke_escape_control_characters(
    args: list[str], service: LambdaService, checkout: Path
) -> None:
    attack = "\x1b]0;title\x07 \x9b2J \u202egnp.exe \x85 line"
    source = f"def lambda_handler(event, context): return {attack!r}\n"
    (checkout / "lambda_app/app.py").write_text(source, encoding="utf-8")

    url = ["--url", service.url]
    check = run(checkout / "scripts/check", *url, *args)
    invoke = run(checkout / "scripts/invoke", *url, checkout / "events/event.json")

    for output in (check.stdout, invoke.stdout):
        assert "title" in output
        assert not set("\x1b\x07\x9b\u202e\x85") & set(output)


@pytest.mark.parametrize(
    ("script", "more"),
    [("invoke", []), ("load", []), ("check", []), ("check", ["--no-wait"])],
)
def test_an_unreachable_service_is_reported_in_one_line(
    script: str, more: list[str], checkout: Path
) -> None:
    event = checkout / "events/event.json"
    done = run(checkout / "scripts" / script, "--url", FREE_OF_SERVICE, *more, event)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"{script}: nothing answers at {FREE_OF_SERVICE}. Start the function with: make up\n"
    )


@pytest.mark.parametrize("script", ["check", "invoke", "load"])
def test_a_missing_curl_is_reported(script: str, checkout: Path, tmp_path: Path) -> None:
    for tool in ("bash", "dirname", "mktemp", "rm"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    event = checkout / "events/event.json"
    done = run(checkout / "scripts" / script, event, env={"PATH": str(tmp_path)})

    assert done.returncode == 1
    assert done.stderr.startswith(f"{script}: curl is missing")


def test_check_reports_a_missing_installation(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "scripts", tmp_path / "scripts")
    shutil.copy2(REPOSITORY / "machine.env", tmp_path)
    done = run(tmp_path / "scripts/check")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "check: no .venv: run make install first.\n"


@pytest.mark.parametrize("script", ["invoke", "check", "load"])
@pytest.mark.parametrize("args", [["--nonsense"], ["--url"], ["no/such/event.json"]])
def test_a_wrong_call_exits_with_2(script: str, args: list[str]) -> None:
    done = run(REPOSITORY / "scripts" / script, *args)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr


@pytest.mark.parametrize("script", ["invoke", "check"])
def test_help_starts_with_the_usage(script: str) -> None:
    done = run(REPOSITORY / "scripts" / script, "--help", env={"PATH": os.environ["PATH"]})

    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: scripts/{script} ")


def test_code_that_does_not_load_is_reported_and_nothing_sent(
    service: LambdaService, checkout: Path
) -> None:
    before = service.metric("lambda_invocations_total")
    edit(checkout / "lambda_app/app.py", "def lambda_handler", "import nonsuch\n\ndef other")
    done = run(checkout / "scripts/check", "--url", service.url)
    waited = run(checkout / "scripts/check", "--url", service.url, "--code")

    error = "lambda_app/app.py:2: ModuleNotFoundError: No module named 'nonsuch'"
    reason = f"{error}; add nonsuch to requirements.txt"
    assert done.stdout.splitlines() == [reason, "3 events wait for code that loads"]
    assert waited.stdout.splitlines() == [reason]
    report = json.loads(run(checkout / "scripts/check", "--url", service.url, "--json").stdout)
    assert report["functions"][0]["loaded"] is False
    assert report["functions"][0]["error"]["line"] == 2
    assert (report["reason"], report["checks"]) == (reason, [])
    assert (done.returncode, waited.returncode) == (1, 1)
    assert service.metric("lambda_invocations_total") == before
