"""The commands for a person: from an empty folder to a running function, and around it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import override

import pytest

from lambda_live.cli.main import COMMANDS
from support.lambda_service import LambdaService, environment
from support.project import write_project
from support.server_thread import serve_in_thread
from support.service_starter import StartService

APP = """
def lambda_handler(event, context):
    if "headers" in event:
        return {"statusCode": 201, "headers": {"X-Path": event["rawPath"]}, "body": "made"}
    print(event.get("log", "the log"))
    if event.get("fails"):
        raise ValueError("no")
    return {"message": f"Hello, {event.get('name', 'world')}!"}
"""
REQUEST = "POST /path HTTP/1.1\nContent-Type: text/plain\n\nbody\n"


def run(*args: str, folder: Path, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lambda_live", *args],
        cwd=folder,
        env=environment() | env,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaService]:
    """A service of a folder that `init` has filled, with another function body."""
    folder = tmp_path_factory.mktemp("empty")
    assert run("init", folder=folder).returncode == 0
    files = {"hello/app.py": APP, "events/fails.json": '{"fails": 1}', "events/post.http": REQUEST}
    write_project(folder, files | {"events/broken.json": "{"})
    with closing(LambdaService(folder, handler=None)) as service:
        service.wait_until_ready()
        yield service


def invoke(service: LambdaService, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return run("invoke", "--url", service.url, *args, folder=service.project, stdin=stdin)


@pytest.mark.parametrize(
    "command",
    [
        *("events", "events generate sqs", "describe", "completion bash"),
        *("check --json --no-wait", f'invoke --data {{"name":"{"x" * 9000}"}}'),
    ],
    ids=lambda command: command[:20],
)
def test_command_ends_silently_if_its_reader_has_ended(
    service: LambdaService, command: str
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "lambda_live", *command.split()],
            cwd=service.project,
            env=environment() | {"LAMBDA_LIVE_URL": service.url},
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert (done.stderr, done.returncode) == ("", 1)


CONTROLS = "\x1b]0;title\x07\x9b2J\u202e\u2066"


def test_commands_escape_control_characters(service: LambdaService) -> None:
    event = json.dumps({"log": CONTROLS, "name": CONTROLS})
    invoked = invoke(service, "--data", event, "--log")
    logged = run("logs", service.admin_url, folder=service.project)

    assert json.loads(invoked.stdout) == {"message": f"Hello, {CONTROLS}!"}
    assert "\\x1b]0;title\\x07\\x9b2J\\u202e" in invoked.stderr
    assert "\\x1b]0;title\\x07\\x9b2J\\u202e" in logged.stdout
    for text in (invoked.stdout, invoked.stderr, logged.stdout):
        assert not set(CONTROLS) - set("]0;title2J") & set(text)


def test_init_writes_project_that_runs(tmp_path: Path) -> None:
    written = run("init", "new", folder=tmp_path)
    folder = tmp_path / "new"

    assert written.returncode == 0, written.stderr
    assert "wrote new/template.yaml\n" in written.stdout
    with closing(LambdaService(folder, handler=None)) as service:
        service.wait_until_ready()
        checked = run("check", "--url", service.url, folder=folder)
        assert checked.stdout == "1 of 1 events as expected\n"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    tested = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "1 passed" in tested.stdout
    again = run("init", folder=folder)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr == "lambda-live: template.yaml exists; nothing was written\n"


def test_init_leaves_no_files_if_it_cannot_write_all(tmp_path: Path) -> None:
    (tmp_path / "hello").write_text("")

    failed = run("init", folder=tmp_path)

    assert (failed.returncode, failed.stdout) == (2, "")
    assert [each.name for each in tmp_path.iterdir()] == ["hello"]


@pytest.mark.parametrize("event", ["hello", "hello.json", "events/hello.json"])
def test_invoke_finds_event(service: LambdaService, event: str) -> None:
    invoked = invoke(service, event)

    assert invoked.returncode == 0, invoked.stderr
    assert json.loads(invoked.stdout) == {"message": "Hello, Lambda!"}
    assert " ms" in invoked.stderr


def test_invoke_sends_argument_and_standard_input(service: LambdaService) -> None:
    assert json.loads(invoke(service).stdout) == {"message": "Hello, world!"}
    assert "Hello, x!" in invoke(service, "--data", '{"name": "x"}').stdout
    logged = invoke(service, "-", "--log", stdin='{"name": "y"}')
    assert "Hello, y!" in logged.stdout
    assert logged.stderr.startswith("the log\n")


def test_invoke_reports_error_with_place(service: LambdaService) -> None:
    invoked = invoke(service, "fails")

    assert invoked.returncode == 1
    assert json.loads(invoked.stdout)["errorType"] == "ValueError"
    assert invoked.stderr == "lambda-live: hello/app.py:7: ValueError: no\n"


def test_invoke_prints_http_response(service: LambdaService) -> None:
    invoked = invoke(service, "post")

    assert invoked.returncode == 0
    assert invoked.stdout.startswith("HTTP/1.1 201\n")
    assert "x-path: /path\n" in invoked.stdout.lower()
    assert invoked.stdout.endswith("\n\nmade\n")


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (["helo"], 2, "no event helo; did you mean hello?"),
        (["other"], 2, "no event other; lambda-live events lists them"),
        (["--function", "helo"], 2, "no function helo; did you mean hello?"),
        (["--data", "{"], 2, "the event is not JSON: "),
        (["--dat", "1"], 2, "unknown option --dat; did you mean --data?"),
        (["--data", "{}", "hello"], 2, "--data and EVENT exclude each other"),
        (["--url", "http://127.0.0.1:1"], 1, "nothing answers at http://127.0.0.1:1. Start the"),
        (["--url", "127.0.0.1:1"], 1, "nothing answers at http://127.0.0.1:1. Start the"),
        (["--url", "http://localhost:1/api"], 2, "argument --url: invalid URL 'http://localhost:1"),
        (["--url", "http://[::1"], 2, "argument --url: invalid URL 'http://[::1': write http://HO"),
    ],
)
def test_invoke_explains_wrong_call(
    service: LambdaService, args: list[str], status: int, message: str
) -> None:
    invoked = invoke(service, *args)

    assert (invoked.returncode, invoked.stdout) == (status, "")
    assert invoked.stderr.startswith(f"lambda-live: {message}")
    assert len(invoked.stderr.splitlines()) == 1


def test_invoke_sends_each_event_and_names_it(service: LambdaService) -> None:
    invoked = invoke(service, "hello", "fails", "post")

    assert invoked.returncode == 1
    assert [invoked.stdout.count(text) for text in ("Hello, Lambda!", "errorType", "made")] == [
        1
    ] * 3
    names = [line for line in invoked.stderr.splitlines() if not line.startswith("lambda-live: ")]
    assert [Path(name).name for name in names] == ["hello.json", "fails.json", "post.http"]


def test_check_accepts_url_with_slash_or_without_scheme(service: LambdaService) -> None:
    for url in (f"{service.url}/", service.url.removeprefix("http://")):
        checked = run("check", "--url", url, "events/hello.json", folder=service.project)
        assert (checked.returncode, checked.stdout) == (0, "1 of 1 events as expected\n")


def test_invoke_does_not_send_plain_http_to_https_url(service: LambdaService) -> None:
    invoked = run("invoke", "--url", service.url.replace("http:", "https:"), folder=service.project)

    assert (invoked.returncode, invoked.stdout) == (1, "")
    assert "SSL" in invoked.stderr


@pytest.mark.parametrize("command", ["logs", "imports"])
def test_unknown_function_is_reported(service: LambdaService, command: str) -> None:
    done = run(command, "--function", "helo", service.admin_url, folder=service.project)

    message = "lambda-live: no function helo; did you mean hello?\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("describe", ".env:2: the line is not UTF-8; save the file as UTF-8"),
        ("events generate sqs", ".env:2: the line is not UTF-8; save the file as UTF-8"),
        ("image-context function image", "[Errno 17] File exists: 'image/code'"),
        ("image-context requirements image", "[Errno 17] File exists: 'image'"),
    ],
)
def test_error_in_a_file_is_one_line(tmp_path: Path, command: str, message: str) -> None:
    code = "def lambda_handler(event, context): pass\n"
    write_project(tmp_path, {"lambda_function.py": code, "image/code/file": ""})
    (tmp_path / ".env").write_bytes(b"A=1\n\xff\n")

    done = run(*command.split(), folder=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"{message}\n")
    assert len(done.stderr.splitlines()) == 1


def test_events_lists_files_and_what_is_wrong(service: LambdaService) -> None:
    listed = run("events", folder=service.project).stdout.splitlines()

    assert [row.split(maxsplit=2) for row in listed[1:]] == [
        ["events/fails.json", "hello", "no expected response"],
        ["events/hello.json", "hello", "check"],
        ["events/post.http", "hello", "no expected response"],
    ]
    assert listed[0].split(maxsplit=2)[2].startswith("invalid: ")


def test_commands_tell_two_functions_apart(start_service: StartService) -> None:
    function = "{Runtime: python3.12, Handler: app.lambda_handler, CodeUri: hello}"
    resources = "".join(
        f"  {name}: {{Type: AWS::Serverless::Function, Properties: {function}}}\n"
        for name in ("One", "Two")
    )
    events = {f"events/{name}/a.json": f'{{"name": "{name}"}}' for name in ("One", "Two")}
    files = {"template.yaml": f"Resources:\n{resources}", "hello/app.py": APP, "events/b.json": "1"}
    service = start_service(files | events, handler=None)

    assert "Hello, Two!" in invoke(service, "a", "--function", "Two").stdout
    ambiguous = "lambda-live: a is ambiguous; write one of events/One/a.json, events/Two/a.json\n"
    assert invoke(service, "a").stderr == ambiguous
    assert "name one with --function: One, Two\n" in invoke(service, "b").stderr
    listed = run("events", folder=service.project).stdout.splitlines()
    assert [row.split(maxsplit=2)[1:] for row in listed] == [
        ["-", "invalid: move it into events/NAME/, the folder of its function"],
        ["One", "no expected response"],
        ["Two", "no expected response"],
    ]


def test_names_of_events_are_escaped(service: LambdaService) -> None:
    file = service.project / "events" / os.fsdecode(b"\x1b]0;title\x07\n\xff.json")
    file.write_text("{}")
    try:
        listed = run("events", folder=service.project)
        invoked = invoke(service, str(file))
    finally:
        file.unlink()

    assert "Hello, world!" in invoked.stdout, invoked

    assert listed.stdout.splitlines()[0].startswith("events/\\x1b]0;title\\x07\\n\\udcff.json ")


@pytest.fixture
def named_pipe(service: LambdaService) -> Iterator[str]:
    """An event that is a named pipe without a writer: reading it would never end."""
    pipe = service.project / "events/pipe.json"
    os.mkfifo(pipe)
    yield "events/pipe.json' is a named pipe; it is skipped"
    pipe.unlink()


class Page(BaseHTTPRequestHandler):
    """Another program's server, which responds to every path with its page."""

    def do_GET(self) -> None:  # as http.server has it
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html></html>")

    do_POST = do_GET  # noqa: N815  # as above

    @override
    def log_message(self, *_: object) -> None:
        pass


def test_invoke_fails_if_another_program_answers(service: LambdaService) -> None:
    with serve_in_thread(ThreadingHTTPServer(("127.0.0.1", 0), Page)) as other:
        url = f"http://127.0.0.1:{other.server_port}"
        failed = run("invoke", "--url", url, folder=service.project)

    message = f"lambda-live: {url} is not a Lambda service; write the URL of the startup output\n"
    assert (failed.returncode, failed.stdout, failed.stderr) == (1, "", message)


def test_invoke_reads_a_pipe(service: LambdaService) -> None:
    command = 'cat <(echo "$0") | "$@" /dev/stdin'
    program = [sys.executable, "-m", "lambda_live", "invoke", "--url", service.url]
    done = subprocess.run(
        ["bash", "-c", command, '{"name": "pipe"}', *program],
        cwd=service.project,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Hello, pipe!" in done.stdout


def test_events_reports_named_pipe_once(service: LambdaService, named_pipe: str) -> None:
    listed = run("events", folder=service.project)

    assert (listed.stderr.count(named_pipe), "pipe" in listed.stdout) == (1, False)


def test_page_reports_named_pipe_once(service: LambdaService, named_pipe: str) -> None:
    names = [service.admin("/api/events?function=hello").json() for _ in range(2)]

    assert names == [["broken.json", "fails.json", "hello.json", "post.http"]] * 2
    service.wait_for_line(named_pipe)
    assert service.log.count(named_pipe) == 1


def test_logs_prints_what_functions_wrote(service: LambdaService) -> None:
    invoke(service, "fails")

    logged = run("logs", service.admin_url, folder=service.project)

    assert logged.returncode == 0
    assert " hello fails.json  ValueError: no\n  the log\n" in logged.stdout
    missing = run("logs", "http://127.0.0.1:1", folder=service.project)
    assert missing.returncode == 1
    assert "nothing answers at http://127.0.0.1:1" in missing.stderr


def test_check_without_service_names_the_command_that_starts_it(service: LambdaService) -> None:
    checked = run("check", "--url", "http://127.0.0.1:1", "--no-wait", folder=service.project)

    text = (
        "lambda-live: nothing answers at http://127.0.0.1:1. Start the function with: lambda-live\n"
    )
    assert (checked.returncode, checked.stderr) == (1, text)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_options(tmp_path: Path, shell: str) -> None:
    script = run("completion", shell, folder=tmp_path).stdout

    assert all(name in script for name in COMMANDS)
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=script, text=True, check=True)


def test_bash_completes_command_and_option(tmp_path: Path) -> None:
    script = run("completion", "bash", folder=tmp_path).stdout
    words = 'COMP_WORDS=(lambda-live {0}); COMP_CWORD={1}; _lambda_live; echo "${{COMPREPLY[@]}}"\n'
    done = subprocess.run(
        ["bash"],
        input=script + words.format("inv", 1) + words.format("invoke --fu", 2),
        env=os.environ | {"LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == ["invoke", "--function"]
