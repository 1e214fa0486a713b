"""A record of a function's log as a person is shown it."""

import json

import pytest

from lambda_live.terminal.function_output import format_record, is_runtime_error

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
def test_a_line_of_pythons_logging_is_its_level_and_message_and_others_stay(
    record: str, lines: list[str]
) -> None:
    assert list(format_record(record.encode())) == lines


def test_a_json_line_is_its_level_and_message_with_the_fields_of_its_own() -> None:
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


def test_of_a_long_record_the_beginning_and_the_end_are_shown() -> None:
    lines = list(format_record("\n".join(map(str, range(1_500))).encode()))

    assert lines == [*map(str, range(20)), "… 1,460 more lines", *map(str, range(1_480, 1_500))]


@pytest.mark.parametrize(
    ("record", "is_the_runtimes"),
    [
        (b"[ERROR] ValueError: no\nTraceback", True),
        (f"[WARNING]\t{AT}\t{ID}\tLAMBDA_WARNING: Unhandled exception.".encode(), True),
        (b'{"errorType": "ValueError", "stackTrace": [], "level": "ERROR", "message": ""}', True),
        (b'{"errorType": "ValueError", "level": "ERROR", "message": "mine"}', False),
        (b"[ERROR]\tof logging's own", False),
    ],
)
def test_what_awss_client_writes_of_an_error_is_told_from_the_functions_own(
    record: bytes, *, is_the_runtimes: bool
) -> None:
    assert is_runtime_error(record) is is_the_runtimes
