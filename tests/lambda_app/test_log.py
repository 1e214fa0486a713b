import importlib
import json
import os
import pty
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, Protocol

import pytest

import app
import log

CODE_ROOT = Path(__file__).parents[2] / "lambda_app"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:function"
CONTEXT = types.SimpleNamespace(
    aws_request_id="52fdfc07-2182-154f-163f-5f0f9a621d72",
    function_name="function",
    invoked_function_arn=ARN,
    memory_limit_in_mb="128",
)
VARIABLES = "AWS_LAMBDA_LOG_LEVEL", "POWERTOOLS_DEV", "POWERTOOLS_SERVICE_NAME", "_X_AMZN_TRACE_ID"
GOOD = {"message": "hello world"}
BAD = {"message": 42}


class LinesOf(Protocol):
    """Returns what the function logs for events, as in a process that has just started."""

    def __call__(
        self, *events: Any, context: Any = None, **environment: str
    ) -> list[dict[str, Any]]: ...


class OutputOf(Protocol):
    """Returns the same as text."""

    def __call__(self, *events: Any, context: Any = None, **environment: str) -> str: ...


@pytest.fixture
def output_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> OutputOf:
    def run(*events: Any, context: Any = None, **environment: str) -> str:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        importlib.reload(log).configure()
        for event in events:
            app.lambda_handler(event, context)
        return capsys.readouterr().out

    return run


@pytest.fixture
def lines_of(output_of: OutputOf) -> LinesOf:
    def run(*events: Any, **options: Any) -> list[dict[str, Any]]:
        return [json.loads(line) for line in output_of(*events, **options).splitlines()]

    return run


def test_line_has_the_keys_of_powertools(lines_of: LinesOf) -> None:
    (line,) = lines_of(
        GOOD,
        context=CONTEXT,
        POWERTOOLS_SERVICE_NAME="greeter",
        _X_AMZN_TRACE_ID="Root=1-5759e988-bd862e3fe1be46a994272793;Parent=557abcec3ee5a047;Sampled=1",
    )

    timestamp, location = line.pop("timestamp"), line.pop("location")
    assert timestamp.endswith("Z")
    assert location.startswith("lambda_handler:")
    assert line == {
        "level": "INFO",
        "message": "message processed",
        "characters": 11,
        "service": "greeter",
        "cold_start": True,
        "function_name": "function",
        "function_memory_size": "128",
        "function_arn": ARN,
        "function_request_id": "52fdfc07-2182-154f-163f-5f0f9a621d72",
        "xray_trace_id": "1-5759e988-bd862e3fe1be46a994272793",
    }


def test_keys_without_a_value_are_omitted(lines_of: LinesOf) -> None:
    (line,) = lines_of(GOOD, _X_AMZN_TRACE_ID="nonsense")

    assert line.keys() == {
        "level",
        "location",
        "message",
        "timestamp",
        "characters",
        "service",
        "cold_start",
    }
    assert line["service"] == "service_undefined"


def test_only_the_first_invocation_of_a_process_is_a_cold_start(lines_of: LinesOf) -> None:
    assert [line["cold_start"] for line in lines_of(BAD, GOOD, GOOD)] == [True, False, False]


def test_rejected_event_logs_a_warning_with_the_reason(lines_of: LinesOf) -> None:
    (line,) = lines_of(BAD)

    assert line["level"] == "WARNING"
    assert line["error"] == "The message is a number; expected a string."


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("TRACE", ["DEBUG", "INFO", "WARNING"]),
        ("DEBUG", ["DEBUG", "INFO", "WARNING"]),
        ("debug", ["DEBUG", "INFO", "WARNING"]),
        ("INFO", ["INFO", "WARNING"]),
        ("nonsense", ["INFO", "WARNING"]),
        ("", ["INFO", "WARNING"]),
        ("WARN", ["WARNING"]),
        ("ERROR", []),
        ("FATAL", []),
    ],
)
def test_lines_below_the_level_are_not_written(
    level: str, written: list[str], lines_of: LinesOf
) -> None:
    lines = lines_of(GOOD, BAD, AWS_LAMBDA_LOG_LEVEL=level)

    assert [line["level"] for line in lines] == written


def test_message_is_logged_at_debug_level_only(lines_of: LinesOf) -> None:
    lines = lines_of(GOOD, AWS_LAMBDA_LOG_LEVEL="DEBUG")

    assert {line["level"]: "hello world" in line.values() for line in lines} == {
        "DEBUG": True,
        "INFO": False,
    }


def test_rejected_message_is_not_logged(lines_of: LinesOf) -> None:
    secret = "s3cr3t"  # noqa: S105 - a word to look for
    bodies = [
        f'["{secret}"]',
        f'{{"message": ["{secret}"]}}',
        f'{{"message": "{secret}',
        f"{secret}",
        f'{{"{secret}": "\\q"}}',
        f'{{"message": "{secret} \\ud800"}}',
    ]
    lines = lines_of(*({"body": body} for body in bodies))

    assert len(lines) == len(bodies)
    assert secret not in json.dumps(lines)


def test_exception_is_one_line(output_of: OutputOf, capsys: pytest.CaptureFixture[str]) -> None:
    output_of()
    try:
        int("nothing")
    except ValueError:
        app.log.exception("failed")

    line = json.loads(capsys.readouterr().out)
    assert line["level"] == "ERROR"
    assert line["exception"].endswith("with base 10: 'nothing'")


@pytest.mark.parametrize(("wanted", "shown"), [("1", True), ("true", True), ("0", False)])
def test_powertools_dev_makes_logs_readable_without_a_terminal(
    wanted: str, output_of: OutputOf, *, shown: bool
) -> None:
    line = output_of(GOOD, POWERTOOLS_DEV=wanted)

    assert "message processed" in line
    assert line.startswith("{") is not shown


def test_terminal_gets_readable_logs() -> None:
    controller, terminal = pty.openpty()
    code = f"import app; app.lambda_handler({GOOD!r}, None)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=CODE_ROOT, stdout=terminal) as shown:
        os.close(terminal)
        line = os.read(controller, 4096).decode()
        assert shown.wait() == 0
    os.close(controller)

    assert "message processed" in line
    assert not line.startswith("{")
