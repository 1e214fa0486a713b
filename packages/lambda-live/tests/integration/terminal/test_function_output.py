"""Format records of a function's log for a person."""

import json

import pytest

from lambda_live.telemetry.log_message import is_runtime_error
from lambda_live.terminal.function_output import format_record

AT = "2026-11-25T10:00:00.000Z"
ID = "0f8fad5b-d9cd-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("record", "lines"),
    [
        (f"[WARNING]\t{AT}\t{ID}\tthe disk is full\n", ["WARNING the disk is full"]),
        (f"[INFO]\t{AT}\t{ID}\ta\tb\nc\n", ["INFO a  b", "c"]),
        ('{"no": "end"', ['{"no": "end"']),
        ('{"neither": "message"}', ['{"neither": "message"}']),
        ('["message"]', ['["message"]']),
    ],
)
def test_logging_record_is_shown_as_level_and_message(record: str, lines: list[str]) -> None:
    assert list(format_record(record.encode())) == lines


def test_json_record_is_shown_as_level_message_and_own_fields() -> None:
    record = {
        "level": "info",
        "timestamp": AT,
        "requestId": ID,
        "message": {"sold": 1},
        "count": 2,
        "user": "a b",
        "nothing": None,
        "exception": "Traceback\nValueError: no",
    }

    assert list(format_record(json.dumps(record).encode())) == [
        'INFO {"sold": 1} count=2 user="a b"',
        "Traceback",
        "ValueError: no",
    ]


def test_long_record_is_shortened_in_the_middle() -> None:
    lines = list(format_record("\n".join(map(str, range(1_500))).encode()))

    assert lines == [*map(str, range(20)), "… 1,460 more lines", *map(str, range(1_480, 1_500))]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (b"[ERROR] ValueError: no\nTraceback", True),
        (f"[WARNING]\t{AT}\t{ID}\tLAMBDA_WARNING: Unhandled exception.".encode(), True),
        (b'{"errorType": "ValueError", "stackTrace": [], "level": "ERROR", "message": ""}', True),
        (b'{"errorType": "ValueError", "level": "ERROR", "message": "mine"}', False),
        (b"[ERROR]\tof logging's own", False),
    ],
)
def test_runtime_error_records_are_recognized(record: bytes, *, expected: bool) -> None:
    assert is_runtime_error(record) is expected
