import json
import os
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.checks import ALL_PASSED, print_result
from support.http import request
from support.project import write_project
from support.terminal import NO_SUMMARIES, TerminalService

type Start = Callable[..., TerminalService]

TIME = r"\d\d:\d\d:\d\d"
ANSWERS = """
import json, logging

def handler(event, context):
    if "print" in event:
        print(event["print"])
    if "log" in event:
        logging.error(event["log"])
    if "raise" in event:
        raise ValueError(event["raise"])
    return event.get("reply")
"""
SLOW = """
import pathlib, time

def handler(event, context):
    for number in range(60):
        print(number)
    while not pathlib.Path(event).exists():
        time.sleep(0.01)
    print("late")
"""
BROKEN = "def handler(event, context)\n    return 1\n"


EXPECTED = ALL_PASSED


@pytest.fixture(scope="module")
def service(start_module: Start) -> TerminalService:
    """A service for the tests of single lines."""
    return start_module(ANSWERS, constants=NO_SUMMARIES)


@pytest.fixture(scope="module")
def summarizing(start_module: Start) -> TerminalService:
    return start_module(ANSWERS)


@pytest.fixture(scope="module")
def checked(start_module: Start) -> TerminalService:
    service = start_module(ANSWERS, f"--after-reload={print_result()}")
    service.wait_for(rf"loaded in .* · {EXPECTED}\n")
    return service


def invoke(service: TerminalService, event: object, **headers: str) -> list[str]:
    """Invoke the function and return the rows up to the next invocation's line."""
    before = len(service.rows) - 1
    service.invoke(json.dumps(event).encode(), **headers)
    service.invoke(b"{}", **{"X-Lambda-Live-Event": "the-next"})
    service.wait_for(r"the-next.*\n", before)
    return service.rows[before:-2]


def saved(service: TerminalService, source: str) -> int:
    """Save the function and wait until it is loaded. Return the number of rows before."""
    before = service.save(source)
    service.wait_for(r"reloaded in .*\n", before)
    return before


def test_invocation_is_one_line(service: TerminalService) -> None:
    saved(service, ANSWERS + "# for a cold start\n")
    said = len(service.raw)

    (first,) = invoke(service, {"reply": {"statusCode": 201}})
    (second,) = invoke(service, {}, **{"X-Lambda-Live-Event": "event.json"})
    assert re.fullmatch(rf"{TIME} ✓ Invoke  201  [\d.]+ m?s  cold start [\d.]+ m?s  \d+ MB", first)
    assert re.fullmatch(rf"{TIME} ✓ event\.json  [\d.]+ m?s  \d+ MB", second)
    assert not re.search("START|END|REPORT", service.raw[said:])
    saved(service, ANSWERS)


def test_request_line_has_method_and_path(service: TerminalService) -> None:
    request(service.url, "PUT", "/orders/7?a=1")

    service.wait_for(rf"{TIME} ✓ PUT /orders/7  ")


def test_function_output_is_below_invocation_line(service: TerminalService) -> None:
    assert invoke(service, {"print": "one\ntwo"})[1:] == ["  one", "  two"]
    assert invoke(service, {"log": "bad\tthing"})[1:] == ["  ERROR bad   thing"]
    line = {"level": "info", "message": "done", "timestamp": "now", "items": 3, "service": "x"}
    more = {"by": "me", "why": "no, it is"}
    rows = invoke(service, {"print": json.dumps(line | more)})
    assert rows[1:] == ['  INFO done items=3 by=me why="no, it is"']


def test_long_invocation_is_shown_while_running(service: TerminalService, tmp_path: Path) -> None:
    saved(service, SLOW)
    with ThreadPoolExecutor(1) as threads:
        response = threads.submit(service.invoke, json.dumps(str(tmp_path / "go")).encode())
        service.wait_for(rf"{TIME} … Invoke  running\n  0\n(  \d+\n)*  49\n")
        (tmp_path / "go").touch()
        assert response.result().status == 200

    service.wait_for(rf"  49\n  … 10 more lines\n  late\n{TIME} ✓ Invoke  ")
    saved(service, ANSWERS)


def test_error_is_shown_once_with_location_and_code(
    service: TerminalService,
) -> None:
    line, *rows = invoke(service, {"raise": "no luck"})
    assert re.match(rf"{TIME} ✗ Invoke  ValueError  function/app\.py:10  ", line)
    assert rows == [
        "  no luck",
        '     8 │         logging.error(event["log"])',
        '     9 │     if "raise" in event:',
        '  > 10 │         raise ValueError(event["raise"])',
        '    11 │     return event.get("reply")',
    ]
    assert len(invoke(service, {"raise": "no luck"})) == 1
    _, *rows = invoke(service, {"raise": "no luck and " * 30})
    assert len(rows) == 4
    assert rows[0] == "  no luck and no luck and no luck and no luck and no luck and no luck and no"
    assert rows[3].endswith(" …")
    assert invoke(service, {"raise": "worse luck"})[1:] == ["  worse luck"]
    assert "LAMBDA_WARNING" not in service.raw


def test_runtime_client_crash_shows_only_reason(service: TerminalService) -> None:
    saved(service, ANSWERS.replace('event.get("reply")', '"x" * 7 * 2**20'))
    line, *rows = invoke(service, {"print": "written"})
    assert "✗ Invoke  Function.ResponseSizeTooLarge  " in line
    assert rows[0] == "  written"
    assert rows[1].startswith("  Response payload size exceeded maximum allowed")
    assert len(rows) == 2
    saved(service, ANSWERS)


def test_check_invocations_are_hidden(service: TerminalService) -> None:
    service.invoke(b'{"print": "checked"}', **{"X-Lambda-Live-Source": "check"})
    invoke(service, {"print": "mine"})

    assert "checked" not in service.raw


def test_save_is_one_line_with_check_result(checked: TerminalService) -> None:
    before = checked.save(ANSWERS + "\n")
    checked.wait_for(rf"{TIME} ✓ reloaded in [\d.]+ m?s · {EXPECTED}\n", before)
    assert len(checked.rows[before:-1]) == 1


def test_failed_check_shows_few_rows_and_code(start: Start) -> None:
    source = "X-Lambda-Live-Source: check"
    url = "$LAMBDA_LIVE_URL/2015-03-31/functions/function/invocations"
    check = f"""curl -s -o check -H '{source}' -d '{{"raise": "of the check"}}' {url}"""
    many = print_result(1, [f"row{number}" for number in range(30)])
    command = f"[ -e check ] || {{ touch check; {many}; }}; {check}; {print_result(1, ['row'])}"
    service = start(ANSWERS, f"--after-reload={command}")

    service.wait_for(r"  and 22 other differences \(--full shows each\)\n")
    rows = [row for row in service.rows if "row" in row][:2]
    assert rows == ["  row0.json: row0: 1 → 2", "  row1.json: row1: 1 → 2"]
    assert "1 of 31 events as expected" in service.raw

    before = service.save(ANSWERS + "\n")
    service.wait_for("  row.json: row: 1 → 2\n", before)
    service.wait_for(r"  > 10 │ {9}raise ValueError\(", before)  # there is room for it


def test_module_that_is_missing_during_an_invocation_says_how_to_add_it(start: Start) -> None:
    check = f"--after-reload={sys.executable} -m lambda_live check"
    service = start("def handler(event, context): import sklearn\n", check)
    write_project(service.project, {"events/one.json": "{}"})
    advice = "add scikit-learn to requirements.txt"
    service.press("c")
    service.wait_for(f"(?s)0 of 1 events.*one.json: {advice}\n.*import sklearn")
    before = len(service.rows) - 1

    assert b"add scikit" not in service.invoke().body

    service.wait_for(f"No module named 'sklearn'; {advice}\n", before)


def test_load_error_is_shown_once_and_pauses_checks(checked: TerminalService) -> None:
    before = checked.save(BROKEN)
    checked.wait_for("Checks paused", before)
    line, *rows = checked.rows[before:-1]
    assert re.fullmatch(rf"{TIME} ✗ does not load  function/app\.py:1", line)
    assert rows == [
        "  SyntaxError: expected ':'",
        "  > 1 │ def handler(event, context)",
        "    2 │     return 1",
        "  Checks paused until the code loads",
    ]
    assert checked.titles[-1] == "✗ function/app.py:1"
    assert "\x07" in re.sub(r"\x1b\]2;[^\x07]*\x07", "", checked.raw)
    assert len(invoke(checked, {})) == 1

    before = checked.save(ANSWERS)
    checked.wait_for(rf"{TIME} ✓ fixed, reloaded in [\d.]+ m?s · {EXPECTED}\n", before)
    assert len(checked.rows[before:-1]) == 1
    assert checked.titles[-1].startswith("✓")


def test_many_invocations_are_summarized_each_second(summarizing: TerminalService) -> None:
    before = len(summarizing.rows) - 1
    for number in range(60):
        summarizing.invoke(b'{"raise": "one"}' if number == 50 else b'{"print": "hello"}')

    summarizing.wait_for(
        r"≡ \d+ more invocations · \d errors? · p50 [\d.]+ ms · p99 [\d.]+ ms", before
    )
    shown = [row for row in summarizing.rows[before:] if "Invoke" in row]
    assert 10 <= len(shown) < 40
    assert "  one" in summarizing.rows[before:], (
        "a new error is shown while invocations are summarized"
    )


def test_paused_terminal_does_not_block_invocations(summarizing: TerminalService) -> None:
    before = len(summarizing.rows) - 1
    os.write(summarizing.master, b"\x13")  # Ctrl-S
    for number in range(40):
        event = {"print": "x" * 390, "reply": number}
        assert summarizing.invoke(json.dumps(event).encode()).json() == number

    os.write(summarizing.master, b"\x11")
    summarizing.wait_for(r"≡ \d+ (more )?invocations", before)


def test_output_outside_invocations_is_shown(service: TerminalService) -> None:
    before = saved(service, "print('at import')\n" + ANSWERS)
    service.wait_for("  at import\n", before)

    service.save(ANSWERS + "import atexit, os\nos.write(1, b'once more\\n')\n")
    service.wait_for("  once more\n", before)
    saved(service, ANSWERS)


def test_control_sequences_from_callers_are_escaped(service: TerminalService) -> None:
    attack = "\x1b]2;owned\x07\x1b[2J\x9b31m\u202egnp\r\x1b[31mred\x1b[0m"

    _, row = invoke(service, {"print": attack})
    assert row == r"  \x1b]2;owned\x07\x1b[2J\x9b31m\u202egnp\rred"
    request(service.url, "GET", "/%1b%5b2J")
    service.invoke(json.dumps({"raise": attack}).encode())
    event = "\x9b2J.json".encode().decode("latin-1")
    service.invoke(b"{}", **{"X-Lambda-Live-Event": event})
    service.wait_for(r"\\x9b2J\.json")
    assert "owned" not in service.titles
    assert not re.search("[\x80-\x9f\u202e]|\x1b\\[2J", service.raw)


def test_function_output_cannot_imitate_invocation_lines(service: TerminalService) -> None:
    rows = invoke(service, {"print": "REPORT RequestId: 1\tDuration: 1 ms\n00:00:00 ✗ Invoke"})
    assert rows[1:] == ["  REPORT RequestId: 1 Duration: 1 ms", "  00:00:00 ✗ Invoke"]


def test_timeout_shows_place_and_code_once(start: Start) -> None:
    source = "import time\ndef handler(event, context):\n    time.sleep(60)\n"
    service = start(source, "--timeout=1")

    service.invoke()
    service.invoke()

    line = r".* ✗ Invoke  Timedout  function/app\.py:3  .*\n"
    code = "    2 │ def handler.*\n  > 3 │     time.sleep.*\n"
    service.wait_for(f"{line}  Task timed out after 1.00 seconds\n.*\n{code}.* running\n{line}")


def test_init_timeout_shows_place(start: Start) -> None:
    constants = {"environments.environment.INIT_TIMEOUT_SECONDS": 0.5}
    service = start("import time\ntime.sleep(60)\n", constants=constants)

    service.wait_for(r"✗ +does not load  function/app\.py:2\n")
    service.wait_for(r"  > 2 │ time\.sleep\(60\)\n")
