import dataclasses
import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest

from lambda_live.cli.command_line import parse
from lambda_live.cli.main import COMMANDS
from lambda_live.model.function import Account, FunctionConfiguration
from lambda_live.model.service import ServiceSettings
from lambda_live.project.config import Config
from support.http import request
from support.lambda_service import INVOKE, environment
from support.program import Program, execute
from support.project import HANDLER, PACKAGE, write_project
from support.service_starter import StartService
from support.waiting import wait_until


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "function").mkdir()
    (tmp_path / "function/app.py").touch()
    (tmp_path / "shared").mkdir()
    return tmp_path


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def run(*args: str, root: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lambda_live", *args],
        cwd=root,
        env=environment() | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def flat(config: Config) -> dict[str, object]:
    """Return all settings by name."""
    function = dataclasses.asdict(config.functions[0])
    settings: dict[str, object] = function | function.pop("account")
    return settings | dataclasses.asdict(config.service)


def test_defaults_are_those_of_aws(root: Path) -> None:
    assert parse([HANDLER], {}, root) == Config(
        (
            FunctionConfiguration(
                name="function",
                handler=HANDLER,
                task_root=root,
                watched_paths=(root,),
                account=Account(region="us-east-1", account_id="123456789012"),
                project=root,
                timeout=3.0,
                memory=128,
                concurrency=10,
                json_logs=False,
            ),
        ),
        ServiceSettings(
            host="127.0.0.1",
            port=3001,
            admin_host="127.0.0.1",
            admin_port=9101,
            allowed_hosts=(),
            max_queued_requests=1000,
            queue_timeout=30.0,
            shutdown_timeout=20.0,
            reload_command=None,
            editor="vscode://file{path}:{line}",
        ),
        files=(root / ".env", root / ".env.function"),
    )


EACH = [
    ("host", "--host", "LAMBDA_LIVE_HOST", "0.0.0.0", "0.0.0.0"),  # noqa: S104  # not bound
    ("port", "--port", "LAMBDA_LIVE_PORT", "8080", 8080),
    ("admin_host", "--admin-host", "LAMBDA_LIVE_ADMIN_HOST", "::1", "::1"),
    ("admin_port", "--admin-port", "LAMBDA_LIVE_ADMIN_PORT", "0", 0),
    ("allowed_hosts", "--allowed-hosts", "LAMBDA_LIVE_ALLOWED_HOSTS", "a,.b", ("a", ".b")),
    ("pods", "--pods", "LAMBDA_LIVE_PODS", "lambda@k3d-dev", ("lambda", "k3d-dev")),
    ("concurrency", "--concurrency", "LAMBDA_LIVE_CONCURRENCY", "4", 4),
    ("max_queued_requests", "--queue", "LAMBDA_LIVE_QUEUE", "7", 7),
    ("queue_timeout", "--queue-timeout", "LAMBDA_LIVE_QUEUE_TIMEOUT", "0.5", 0.5),
    ("timeout", "--timeout", "AWS_LAMBDA_FUNCTION_TIMEOUT", "900", 900.0),
    ("memory", "--memory", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "10240", 10_240),
    ("name", "--name", "AWS_LAMBDA_FUNCTION_NAME", "orders", "orders"),
    ("application_log_level", "--application-log-level", "AWS_LAMBDA_LOG_LEVEL", "warn", "WARN"),
    ("system_log_level", "--system-log-level", "LAMBDA_LIVE_SYSTEM_LOG_LEVEL", "debug", "DEBUG"),
    ("reload_command", "--after-reload", "LAMBDA_LIVE_AFTER_RELOAD", "make check", "make check"),
    ("accept_command", "--accept", "LAMBDA_LIVE_ACCEPT", "make accept", "make accept"),
    ("shutdown_timeout", "--shutdown-timeout", "LAMBDA_LIVE_SHUTDOWN_TIMEOUT", "1", 1.0),
]


@pytest.mark.parametrize(("name", "option", "variable", "text", "value"), EACH)
def test_option_overrides_variable(  # noqa: PLR0913, PLR0917  # a table's columns
    root: Path, name: str, option: str, variable: str, text: str, value: object
) -> None:
    other = "INFO" if "LEVEL" in variable else "1"
    by_option = parse([HANDLER, option, text], {variable: other}, root)
    by_variable = parse([HANDLER], {variable: text}, root)

    assert flat(by_option)[name] == value
    assert by_option == by_variable


def test_empty_variable_is_ignored(root: Path) -> None:
    assert parse([HANDLER], {"LAMBDA_LIVE_PORT": ""}, root).service.port == 3001


def test_handler_can_be_in_the_variable_of_aws(root: Path) -> None:
    assert parse([], {"_HANDLER": HANDLER}, root).functions[0].handler == HANDLER


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_switch_can_be_on(root: Path, value: str) -> None:
    environ = {"LAMBDA_LIVE_REPLAY": value, "LAMBDA_LIVE_DEBUG": value}
    settings = parse([HANDLER], environ, root)

    assert (settings.service.replay, settings.service.debug_port) == (True, 5678)
    assert settings.functions[0].concurrency == 1
    assert settings == parse([HANDLER, "--replay", "--debug"], {}, root)


@pytest.mark.parametrize("value", ["", "0", "False", "no", "off"])
def test_switch_can_be_off(root: Path, value: str) -> None:
    environ = {"LAMBDA_LIVE_REPLAY": value, "LAMBDA_LIVE_DEBUG": value}

    assert parse([HANDLER], environ, root) == parse([HANDLER], {}, root)


def test_switch_option_overrides_variable(root: Path) -> None:
    assert not parse([HANDLER, "--no-replay"], {"LAMBDA_LIVE_REPLAY": "1"}, root).service.replay


def test_no_queue_is_short_for_an_empty_queue(root: Path) -> None:
    assert parse([HANDLER, "--no-queue"], {}, root) == parse([HANDLER, "--queue=0"], {}, root)
    assert parse([HANDLER], {"LAMBDA_LIVE_QUEUE": "0"}, root).service.max_queued_requests == 0
    assert (
        parse([HANDLER, "--queue=7"], {"LAMBDA_LIVE_QUEUE": "0"}, root).service.max_queued_requests
        == 7
    )


def test_watched_folders_can_be_in_option_or_variable(root: Path) -> None:
    both = (root / "function", root / "shared")
    environ = {"LAMBDA_LIVE_WATCH": os.pathsep.join(["function", str(root / "shared")])}

    twice = [HANDLER, "--watch", "function", "--watch", "shared"]

    assert parse([HANDLER], environ, root).functions[0].watched_paths == both
    assert parse(twice, {}, root).functions[0].watched_paths == both
    assert parse([HANDLER, "--no-watch"], environ, root).functions[0].watched_paths == ()
    assert parse([HANDLER], {"LAMBDA_LIVE_WATCH": ""}, root).functions[0].watched_paths == ()


@pytest.mark.parametrize(
    ("environ", "changes"),
    [
        ({"AWS_LAMBDA_LOG_FORMAT": "JSON"}, {"json_logs": True}),
        ({"AWS_LAMBDA_LOG_FORMAT": "Text"}, {"json_logs": False}),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-west-2"}, {"region": "eu-west-1"}),
        ({"AWS_DEFAULT_REGION": "us-west-2"}, {"region": "us-west-2"}),
        ({"AWS_ACCOUNT_ID": "000000000001"}, {"account_id": "000000000001"}),
    ],
)
def test_variables_of_aws_are_used(
    root: Path, environ: dict[str, str], changes: dict[str, bool | str]
) -> None:
    assert flat(parse([HANDLER], environ, root)) == flat(parse([HANDLER], {}, root)) | changes


def test_arn_has_region_account_and_name(root: Path) -> None:
    settings = parse([HANDLER, "--name", "orders"], {"AWS_REGION": "eu-west-1"}, root)

    assert settings.functions[0].arn == "arn:aws:lambda:eu-west-1:123456789012:function:orders"


@pytest.mark.parametrize(
    ("args", "environ", "why"),
    [
        ([], {}, "no template.yaml or lambda_function.py found; add one of them"),
        (["handler"], {}, "'handler' is not a handler or command; write module.function"),
        (["descirbe"], {}, "'descirbe' is not a handler or command; did you mean describe?"),
        (["function.nothing.handler"], {}, "no module for the handler 'function.nothing.handler'"),
        ([HANDLER, "--port", "http"], {}, "'http' is not a port from 0 to 65535"),
        ([HANDLER, "--port", "65536"], {}, "from 0 to 65535"),
        ([HANDLER], {"LAMBDA_LIVE_PORT": "-1"}, "'-1' is not"),
        ([HANDLER, "--pods", "lambda"], {}, "'lambda' is not NAMESPACE@CONTEXT"),
        ([HANDLER, "--concurrency", "1.5"], {}, "from 0 to 1000"),
        ([HANDLER, "--timeout", "0"], {}, "from 0.001 to 900"),
        ([HANDLER, "--timeout", "nan"], {}, "'nan' is not a time in seconds from 0.001 to 900"),
        (
            [HANDLER],
            {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "lots"},
            "'lots' is not a size in MB from 1 to 10240",
        ),
        (
            [HANDLER],
            {"LAMBDA_LIVE_DEBUG": "maybe"},
            "LAMBDA_LIVE_DEBUG must be true or false, got 'maybe'",
        ),
        ([HANDLER, "--env-file", "x" * 300], {}, "File name too long; check its name and"),
        ([HANDLER, "--watch", "nowhere"], {}, "it is not a directory"),
        ([HANDLER], {"LAMBDA_LIVE_WATCH": "nowhere"}, "it is not a directory"),
        ([HANDLER, "--nonsense"], {}, "unknown option --nonsense; see "),
        ([HANDLER, "--prot=80"], {}, "unknown option --prot; did you mean --port?"),
        ([HANDLER, "--prot", "80"], {}, "unknown option --prot; did you mean --port?"),
        ([HANDLER, "another"], {}, "unknown argument another; see "),
        ([HANDLER, "--parameter", "Stage"], {}, "'Stage' is not NAME=VALUE"),
        ([HANDLER, "--system-log-level", "loud"], {}, "'loud' is not one of DEBUG, INFO, WARN"),
        ([HANDLER, "--watch", "function", "--no-watch"], {}, "not allowed with"),
    ],
)
def test_invalid_option_is_one_line_with_status_2(
    root: Path,
    args: list[str],
    environ: dict[str, str],
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as raised:
        parse(args, environ, root)

    assert raised.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"lambda-live: .*\n", err)
    assert why in err


def test_invalid_handler_is_one_line_with_status_2(root: Path) -> None:
    ended = run("function.nothing.handler", root=root)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(r"lambda-live: no module for the handler .*\n", ended.stderr)


@contextmanager
def service_with_limit(root: Path, limit: str) -> Iterator[Program]:
    """Start a service in a shell that has run `ulimit` with a limit of open files."""
    serve = [HANDLER, "--port=0", "--admin-port=0", "--no-history", "--watch=function"]
    limited = f'ulimit {limit}; exec "$@"'
    command = ["sh", "-c", limited, "sh", sys.executable, "-m", "lambda_live", *serve]
    with closing(Program(partial(execute, command), root, environment())) as service:
        service.wait_for_line("answers at")
        yield service


def test_low_hard_limit_of_open_files_is_reported(root: Path) -> None:
    with service_with_limit(root, "-n 200") as service:
        warning = "only 200 open files are allowed: connections may be reset; see ulimit -n"
        service.expected_stderr = f"lambda-live: {warning}\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs prlimit")
def test_low_limit_of_open_files_is_raised(root: Path) -> None:
    with service_with_limit(root, "-S -n 256") as service:
        assert psutil.Process(service.pid).rlimit(psutil.RLIMIT_NOFILE)[0] == 1024


def test_ctrl_c_during_the_imports_prints_nothing(tmp_path: Path) -> None:
    code = """
import os, signal, sys

class Finder:
    def find_spec(self, name, *_):
        if name == "lambda_live.service":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
from lambda_live.__main__ import main
main()
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("option", ["--port", "--admin-port"])
def test_port_in_use_is_one_line_with_status_2(root: Path, taken_port: int, option: str) -> None:
    ended = run(HANDLER, "--port=0", "--admin-port=0", f"{option}={taken_port}", root=root)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(
        rf"lambda-live: port {taken_port} is in use by \S+ \(PID {os.getpid()}\);"
        rf" stop it, or choose another with {option}\n",
        ended.stderr,
    )


def test_port_of_a_running_service_names_its_project(
    start_service: StartService, root: Path
) -> None:
    service = start_service("def handler(event, context): pass\n")
    port = service.url.rpartition(":")[2]

    own = run(HANDLER, f"--port={port}", "--admin-port=0", root=service.project)
    other = run("app.handler", f"--port={port}", "--admin-port=0", root=root / "function")

    assert f"this project is already running, at {service.url}, as " in own.stderr
    assert f"is in use by the lambda-live of {service.project}, " in other.stderr


def test_unknown_host_is_one_line_with_status_2(root: Path) -> None:
    ended = run(HANDLER, "--host=no.such.host.invalid", "--port=0", root=root)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(
        r"lambda-live: cannot listen on no\.such\.host\.invalid:0: .*\n", ended.stderr
    )


def test_help_lists_options_with_variables_and_defaults(
    root: Path,
) -> None:
    command = ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-m", "lambda_live", "--help"]
    ended = subprocess.run(
        command, cwd=root, env=environment(), capture_output=True, text=True, check=False
    )

    text = " ".join(ended.stdout.split())
    assert (ended.returncode, ended.stderr) == (0, "")
    for _, option, variable, *_ in EACH:
        assert option in text
        assert f"[{variable}; " in text
    for variable in ("_HANDLER", "LAMBDA_LIVE_WATCH", "LAMBDA_LIVE_REPLAY", "LAMBDA_LIVE_DEBUG"):
        assert f"[{variable}" in text


def test_version_is_that_of_the_package(root: Path) -> None:
    package = tomllib.loads((PACKAGE / "pyproject.toml").read_text())

    assert run("--version", root=root).stdout == f"lambda-live {package['project']['version']}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_command_explains_its_arguments(command: str, root: Path) -> None:
    ended = run(command, "--help", root=root)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.lower().startswith("usage: ")


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_option_of_a_command_is_one_line(command: str, root: Path) -> None:
    needed = {
        "completion": ["bash"],
        "image-context": ["function", "image"],
    }

    ended = run(command, *needed.get(command, []), "--hlep", root=root)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "lambda-live: unknown option --hlep; did you mean --help?\n"


def test_modules_of_the_project_do_not_replace_those_of_the_service(root: Path) -> None:
    for name in ("collections", "json", "socket", "types", "yaml"):
        (root / f"{name}.py").write_text("raise SystemExit('imported')")
    (root / "template.yaml").write_text(SEVERAL)
    command = [sys.executable, "-P", "-m", "lambda_live", "describe", "--folders"]

    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)

    assert (ended.stdout, ended.stderr) == ("function\n", "")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "serverless.yml",
            "found serverless.yml, but Serverless Framework is not supported; run `s",
        ),
        (
            ".chalice/config.json",
            "found .chalice/config.json, but Chalice is not supported; run `cha",
        ),
        (
            "infra/main.tf",
            "found infra/main.tf, but Terraform is not supported; run `lambda-live MOD",
        ),
    ],
)
def test_project_of_another_framework_names_the_command_that_helps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()

    with pytest.raises(SystemExit):
        parse([], {}, tmp_path)

    assert message in capsys.readouterr().err


def test_described_environment_has_template_env_and_memory(tmp_path: Path) -> None:
    properties = (
        "Timeout: 7, MemorySize: 512, Environment: {Variables: {TABLE: orders, OWN: template}}"
    )
    template = SEVERAL.replace("Timeout: 20, MemorySize: 512", properties)
    (tmp_path / "template.yaml").write_text(template)
    (tmp_path / "function").mkdir()
    (tmp_path / "function/app.py").touch()
    (tmp_path / ".env").write_text("OWN=all\nLINES='1\n2'\nFROM_SHELL\n")
    (tmp_path / ".env.Slow").write_text("OWN=own\n")
    command = [sys.executable, "-P", "-m", "lambda_live", "describe", "--environment", "Slow"]
    environ = {**os.environ, "FROM_SHELL": "here", "AWS_REGION": "eu-west-1"}

    ended = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )

    variables = dict(each.split("=", 1) for each in ended.stdout.split("\0") if each)
    assert variables == {
        "OWN": "own",
        "AWS_ACCESS_KEY_ID": "placeholder",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_NAME": "Slow",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "7",
        "AWS_REGION": "eu-west-1",
        "AWS_SECRET_ACCESS_KEY": "placeholder",
        "AWS_SESSION_TOKEN": "placeholder",
        "FROM_SHELL": "here",
        "LINES": "1\n2",
        "TABLE": "orders",
    }


def test_startup_output_has_usable_urls(start_service: StartService) -> None:
    service = start_service(
        "def handler(event, context): return 1", "--host=0.0.0.0", "--admin-host=::1"
    )

    assert service.url.startswith("http://127.0.0.1:")
    assert service.admin_url.startswith("http://[::1]:")
    assert service.invoke().json() == 1
    assert request(service.admin_url, "GET", "/ready").status == 200


SEVERAL = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, CodeUri: function, Handler: app.handler}}
Resources:
  Fast: {Type: AWS::Serverless::Function, Properties: {Timeout: 1, ReservedConcurrentExecutions: 0}}
  Slow: {Type: AWS::Serverless::Function, Properties: {Timeout: 20, MemorySize: 512}}
"""


def test_functions_keep_their_limits_unless_an_option_is_set(
    root: Path,
) -> None:
    (root / "template.yaml").write_text(SEVERAL)
    environ = {
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "5",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "LAMBDA_LIVE_CONCURRENCY": "4",
    }

    def limits(*args: str) -> list[tuple[float, int, int]]:
        functions = parse(args, environ, root).functions
        return [(each.timeout, each.memory, each.concurrency) for each in functions]

    assert limits() == [(1, 128, 0), (20, 512, 4)]
    assert limits("--timeout=7", "--concurrency=3") == [(7, 128, 3), (7, 512, 3)]


STANDARD_LIBRARY = (
    *("enum", "json", "logging", "platform", "queue", "random", "re", "socket", "ssl", "types"),
    *("typing", "yaml"),
)


@pytest.mark.parametrize("name", ["python -P -m", "lambda-live"])
def test_modules_of_the_project_do_not_replace_those_of_python(root: Path, name: str) -> None:
    own = {f"{name}.py": "raise SystemExit('of the project')" for name in STANDARD_LIBRARY}
    write_project(root, own | {"function/app.py": "def handler(event, context): return 1\n"})
    script = [str(Path(sys.executable).with_name("lambda-live"))]
    program = script if name in script[0] else [sys.executable, "-P", "-m", "lambda_live"]
    serve = [HANDLER, "--port=0", "--admin-port=0", "--no-history", "--watch=function"]
    start = partial(execute, [*program, *serve])

    with closing(Program(start, root, environment())) as service:
        url = wait_until(lambda: re.search(r"http://[^\s;]+", service.log))[0]
        assert request(url, "POST", INVOKE, b"{}").json() == 1
    for command in ("events", "install", "check"):
        done = subprocess.run(
            [*program, command],
            cwd=root,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "of the project" not in done.stderr + done.stdout
