import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CODE_ROOT = Path(__file__).parents[2] / "lambda_app"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:function"
CONTEXT = {
    "aws_request_id": "52fdfc07-2182-154f-163f-5f0f9a621d72",
    "function_name": "function",
    "invoked_function_arn": ARN,
    "memory_limit_in_mb": "128",
}
GOOD = {"message": "hello world"}
BAD = {"message": 42}
FAILURE = """
from app import log
try:
    raise ValueError("nothing")
except ValueError:
    log.exception("failed")
"""


def program(events: list[Any], context: dict[str, str] | None) -> str:
    return f"""
import types
from app import lambda_handler
context = types.SimpleNamespace(**{context!r}) if {context!r} else None
for event in {events!r}:
    lambda_handler(event, context)
"""


def lines_of(
    *events: Any, context: dict[str, str] | None = None, **environment: str
) -> list[dict[str, Any]]:
    return json_lines(output_of(program(list(events), context), **environment))


def json_lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def output_of(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        cwd=CODE_ROOT,
        env=environment,
        text=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_line_has_the_keys_of_powertools() -> None:
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


def test_keys_without_a_value_are_omitted() -> None:
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


def test_only_the_first_invocation_of_a_process_is_a_cold_start() -> None:
    assert [line["cold_start"] for line in lines_of(BAD, GOOD, GOOD)] == [True, False, False]


def test_rejected_event_logs_a_warning_with_the_reason() -> None:
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
def test_lines_below_the_level_are_not_written(level: str, written: list[str]) -> None:
    lines = lines_of(GOOD, BAD, AWS_LAMBDA_LOG_LEVEL=level)

    assert [line["level"] for line in lines] == written


def test_message_is_logged_at_debug_level_only() -> None:
    lines = lines_of(GOOD, AWS_LAMBDA_LOG_LEVEL="DEBUG")

    assert {line["level"]: "hello world" in line.values() for line in lines} == {
        "DEBUG": True,
        "INFO": False,
    }


def test_rejected_message_is_not_logged() -> None:
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


def test_exception_is_one_line() -> None:
    (line,) = json_lines(output_of(FAILURE))

    assert line["level"] == "ERROR"
    assert line["exception"].endswith("ValueError: nothing")


@pytest.mark.parametrize(("wanted", "shown"), [("1", True), ("true", True), ("0", False)])
def test_powertools_dev_makes_logs_readable_without_a_terminal(wanted: str, *, shown: bool) -> None:
    line = output_of(program([GOOD], None), POWERTOOLS_DEV=wanted)

    assert "message processed" in line
    assert line.startswith("{") is not shown


def test_terminal_gets_readable_logs() -> None:
    controller, terminal = pty.openpty()
    code = program([GOOD], None)
    with subprocess.Popen([sys.executable, "-c", code], cwd=CODE_ROOT, stdout=terminal) as shown:
        os.close(terminal)
        line = os.read(controller, 4096).decode()
        assert shown.wait() == 0
    os.close(controller)

    assert "message processed" in line
    assert not line.startswith("{")
