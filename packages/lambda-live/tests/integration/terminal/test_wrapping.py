import json
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from wcwidth import width

from support.lambda_service import environment
from support.terminal import TerminalService

type Start = Callable[..., TerminalService]

CODE = """
import logging

def handler(event, context):
    print(event["print"]) if "print" in event else logging.error(event["log"])
    print("the end of it")
"""
WORDS = "the quick brown fox jumps over the lazy dog " * 5


@pytest.fixture(scope="module")
def service(start_module: Start) -> TerminalService:
    return start_module(CODE, constants={"terminal.grouping.MAX_INVOCATIONS_PER_SECOND": 1000})


def written(service: TerminalService, text: str, how: str = "print") -> list[str]:
    """Return the rows of text that a function writes to its log."""
    before = len(service.rows) - 1
    service.invoke(json.dumps({how: text}).encode())
    service.wait_for("  the end of it\n", before)
    return service.rows[before + 1 : -2]


@pytest.mark.parametrize("columns", [80, 120, 50])
def test_long_line_is_wrapped_at_words_with_indent(service: TerminalService, columns: int) -> None:
    service.resize(columns)

    rows = written(service, WORDS.strip())
    assert max(map(width, rows)) <= columns
    assert [re.match(" *", row)[0] for row in rows] == ["  ", *["    "] * (len(rows) - 1)]  # type: ignore[index]  # always matches
    assert " ".join(row.strip() for row in rows) == WORDS.strip()


def test_wide_characters_are_wrapped_by_columns(service: TerminalService) -> None:
    service.resize(80)
    wide = "語" * 100
    emoji = "\N{FAMILY}\N{FACE PALM} " * 40
    combining = "e\N{COMBINING ACUTE ACCENT}" * 100
    joined = "\N{DEVANAGARI LETTER KA}\N{DEVANAGARI VOWEL SIGN I}" * 90

    rows = written(service, f"{wide}\n{emoji}\n{combining}\n{joined}")
    assert all(0 < width(row) <= 80 for row in rows)
    text = "".join(rows).replace(" ", "")
    assert text == wide + emoji.replace(" ", "") + combining + joined


def test_very_long_word_is_shortened_with_count(
    service: TerminalService,
) -> None:
    service.resize(80)

    rows = written(service, "payload " + "QUJD" * 2560)
    assert len(rows) <= 7
    assert max(map(width, rows)) <= 80
    assert re.search(r"… 9,\d\d\d more characters$", rows[-1])


def test_record_with_many_lines_is_shortened_in_the_middle(service: TerminalService) -> None:
    rows = written(service, "\n".join(map(str, range(5000))), "log")
    assert [rows[0], *rows[19:22], rows[-1]] == [
        "  ERROR 0",
        "  19",
        "  … 4,960 more lines",
        "  4980",
        "  4999",
    ]


def test_pipe_gets_unwrapped_lines(service: TerminalService) -> None:
    service.resize(40)
    page = service.wait_for(r"Dashboard +(http://\S+)")[1]
    with subprocess.Popen(
        [sys.executable, "-m", "lambda_live", "terminal", page],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as follower:
        assert follower.stdout is not None
        assert "loaded" in follower.stdout.readline()
        rows = written(service, WORDS)
        assert len(rows) > 5
        lines = [follower.stdout.readline() for _ in range(2)]
        follower.terminate()
    assert WORDS.strip() in lines[1]


def test_service_message_is_wrapped_below_its_text(service: TerminalService) -> None:
    service.resize(50)
    before = len(service.rows) - 1
    service.press("r")
    service.wait_for(r"\(r to stop\)\n", before)
    first, second = service.rows[before:-1]
    assert re.match(r"\d\d:\d\d:\d\d ! Replay on", first)
    assert re.match(r" {11}\w", second)
    service.press("r")
    service.wait_for("Replay off", before)
