import json
import os
import signal
import subprocess
import termios
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from lambda_live.resources.emulator import Emulator
from support.checks import print_result
from support.project import write_project
from support.terminal import TerminalService
from support.waiting import wait_until

type Start = Callable[..., TerminalService]

ANSWERS = """
def handler(event, context):
    print(event)
    return {"statusCode": 500 if event == "this is first" else 200}
"""
EVENTS = {f"events/{name}.json": f'"this is {name}"' for name in ("first", "second")}


@pytest.fixture(scope="module")
def service(start_module: Start, tmp_path_factory: pytest.TempPathFactory) -> TerminalService:
    """A service for tests that leave it unchanged. Its browser writes the URL to a file."""
    opener = tmp_path_factory.mktemp("bin") / "wslview"
    opener.write_text("#!/bin/sh\necho $1 > opened.new; mv opened.new opened\n")
    opener.chmod(0o755)
    path = f"{opener.parent}{os.pathsep}{os.environ['PATH']}"
    service = start_module(ANSWERS, PATH=path)
    write_project(service.project, EVENTS)
    return service


def reads_keys(service: TerminalService) -> bool:
    return not service.modes_now()[3] & (termios.ICANON | termios.ECHO)


def test_help_key_prints_all_keys(service: TerminalService) -> None:
    assert "? help · i invoke · r replay · o dashboard · q quit" in service.rows

    service.press("?")
    service.wait_for("  q  quit\n")


def test_reset_key_deletes_the_data_at_the_second_press(start: Start, tmp_path: Path) -> None:
    template = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Orders: {Type: AWS::SQS::Queue}
  Work:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, CodeUri: function/, Handler: app.handler}
"""
    write_project(tmp_path, {"template.yaml": template})
    Emulator.install(lambda _: None)
    service = start(ANSWERS, handler=None)
    service.wait_for("1 queue .MiniStack")
    service.press("x")
    service.wait_for("Press x again to delete all data")
    service.press("x")
    service.wait_for("deleted all data, and created the resources again")


@pytest.mark.parametrize("keys", ["quit? that was copied from elsewhere", "\x1b?q"])
def test_pasted_text_and_escape_sequences_are_ignored(service: TerminalService, keys: str) -> None:
    before = len(service.rows) - 1

    service.press(keys)

    assert service.invoke(b'{"is": "there"}').status == 200
    service.wait_for("✓ ", before)
    assert service.process.poll() is None
    assert reads_keys(service)
    assert "  q  quit" not in service.rows[before:]


def test_letter_invokes_event_and_enter_repeats_it(service: TerminalService) -> None:
    before = len(service.rows) - 1
    service.press("i")
    service.wait_for("  a first.json +b second.json\n", before)
    service.press("b")
    rows = '  this is second\n  {\n    "statusCode": 200\n  }\n'
    service.wait_for(rf"✓ second\.json  200  .*\n{rows}", before)
    service.press("\n")
    service.wait_for(r"(?s)(✓ second\.json  200  .*){2}", before)

    service.press("i")
    service.press("?")  # closes the list and does not show the help
    service.press("i")
    service.press("a")
    rows = '  this is first\n  {\n    "statusCode": 500\n  }\n'
    service.wait_for(rf"✗ first\.json  500  .*\n{rows}", before)
    assert "  q  quit" not in service.rows[before:]


def test_invalid_event_is_reported(start: Start) -> None:
    service = start(ANSWERS)
    events = {"nan": "NaN", "large": '"' + "x" * 7 * 2**20 + '"'}
    files = {f"events/{name}.json": text for name, text in events.items()}
    write_project(service.project, EVENTS | files)
    for letter in "bc":  # first, large, nan, second
        service.press("i")
        service.press(letter)

    service.wait_for("cannot invoke large.json: it has 7340034 bytes; the limit is 6291456\n")
    service.wait_for("cannot invoke nan.json: NaN is not JSON\n")


def test_keys_run_checks_and_accept_responses(start: Start) -> None:
    failed = print_result(1, ["a", "b"])
    check = f"echo ran >> ran; test -e accepted || {{ {failed}; }}; {print_result()}"
    accept = "touch accepted; echo 'a: old -> new'; echo 3 responses accepted"
    options = (f"--after-reload={check}", f"--accept={accept}")
    service = start(ANSWERS, "--watch=function", *options)  # the commands write files outside
    rows = "  a.json: a: 1 → 2\n  b.json: b: 1 → 2\n  Press a to accept these as expected\n"
    service.wait_for(rf"1 of 3 events.*\n{rows}")

    service.press("c")
    service.wait_for("checks · 1 of 3 events")
    service.press("a")
    service.wait_for("· 3 responses accepted\n  a: old -> new\n.*checks · 3 of 3 events")
    assert (service.project / "ran").read_text() == 3 * "ran\n"


def test_keys_typed_before_start_are_discarded(start: Start) -> None:
    service = start(ANSWERS, typed="q\nq?")

    assert service.invoke(b'{"is": "there"}').status == 200
    assert service.process.poll() is None
    assert "  q  quit" not in service.rows


def test_accept_key_refuses_what_no_check_has_shown(start: Start) -> None:
    checks = f"test ! -e hold || sleep 60; {print_result(1, (), ['ValueError'])}"
    service = start(ANSWERS, "--watch=function", f"--after-reload={checks}", "--accept=touch ran")
    service.wait_for(r"1 of 2 events.*\n  ValueError.json: ValueError: failed\n")
    assert not [row for row in service.rows if "Press a" in row]

    service.press("a")
    service.wait_for("Nothing to accept: 1 error. Fix the code first")
    (service.project / "hold").touch()
    before = service.save(ANSWERS + "# saved\n")
    service.wait_for("reloaded in", before)
    service.press("a")
    service.wait_for("Nothing to accept: no result of the checks is shown", before)
    assert not (service.project / "ran").exists()


def test_accept_key_accepts_responses_beside_errors(start: Start) -> None:
    checks = f"test -e ran && {print_result()} || {{ {print_result(1, ['a'], ['KeyError'])}; }}"
    service = start(ANSWERS, "--watch=function", f"--after-reload={checks}", "--accept=touch ran")
    service.wait_for("Press a to accept 1 response as expected; errors are not accepted\n")

    service.press("a")
    service.wait_for("3 of 3 events as expected")


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        (
            "list(range(40))",
            r"  \[\n    0,\n(.*\n){17}    18,\n  … 22 more lines; o opens the dash",
        ),
        ("{'body': 'x' * 200}", r'  {\n    "body": "x{60,}…\n  }\n'),
        ("None", r"  null\n"),
    ],
)
def test_invoked_event_shows_response(service: TerminalService, value: str, rows: str) -> None:
    before = service.save(f"def handler(event, context): return {value}\n")
    service.wait_for("reloaded in", before)

    service.press("i")
    service.press("a")
    service.wait_for(rf"✓ first\.json .*\n{rows}", before)
    before = service.save(ANSWERS)
    service.wait_for("reloaded in", before)


HOLDS = """
import pathlib, time

def handler(event, context):
    if event == "hold":
        pathlib.Path("began").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.005)
"""


def test_throttling_and_failed_command_are_reported(start: Start) -> None:
    command = f"echo {'a long row ' * 9}that says what to do; exit 3"
    options = ("--concurrency=1", "--no-queue", "--accept=true", f"--after-reload={command}")
    service = start(HOLDS, *options)
    write_project(service.project, {"events/well.json": "1", "events/bad.json": "{"})
    service.wait_for(r"loaded in .* · command failed \(exit status 3\)\n  a long row ")
    service.wait_for(r"\n    .*that says what to do\n")

    service.press("i")
    service.wait_for("  a bad.json")
    service.press("a")
    service.wait_for(r"cannot invoke bad\.json: ")
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(service.invoke, b'"hold"')
        wait_until((service.project / "began").exists)
        assert service.invoke(b"1").status == 429
        service.wait_for(r"✗ \d+ requests? throttled \(429\)")
        service.press("i")
        service.press("b")
        service.wait_for(r"well\.json was throttled \(429\)")
        (service.project / "go").touch()
        assert held.result().status == 200
    assert not [row for row in service.rows if "Press a to accept these as expected" in row]


def test_replay_key_reruns_requests_after_save(start: Start) -> None:
    service = start(ANSWERS)
    for name in ("one", "two"):
        service.invoke(json.dumps(name).encode(), **{"X-Lambda-Live-Event": f"{name}.json"})
    service.press("r")
    service.wait_for("Replay on: the last 50 requests rerun after each save")

    before = service.save(
        "def handler(event, context): return {'statusCode': 200 + len(event) * (event == 'two')}"
    )
    service.wait_for(r"↻ 1 of 2 replayed responses changed: two\.json\n", before)
    assert not [row for row in service.rows[before:] if "✓ one.json" in row]
    service.press("r")
    service.wait_for("Replay off", before)


def test_dashboard_key_opens_browser(service: TerminalService) -> None:
    opened = service.project / "opened"

    service.press("o")
    page = service.wait_for(r"Dashboard  (\S+)")[1]
    wait_until(opened.exists)
    assert opened.read_text() == f"{page}\n"


def test_missing_browser_and_events_are_reported(start: Start, tmp_path: Path) -> None:
    service = start(ANSWERS, PATH=str(tmp_path))

    service.press("o")
    service.wait_for(r"No browser found. Open http://\S+")
    service.press("i")
    service.wait_for(r"No events yet. Add a .json or .http file to events/")


@pytest.mark.parametrize("how", ["q", "SIGINT", "SIGHUP"])
def test_exit_restores_terminal_modes(start: Start, how: str) -> None:
    service = start(ANSWERS)
    wait_until(lambda: reads_keys(service))
    if how == "q":
        service.press(how)
    else:
        service.process.send_signal(signal.Signals[how])

    assert service.process.wait(30) == 0
    assert service.modes_now() == service.modes


def test_suspended_service_restores_terminal_modes(
    service: TerminalService,
) -> None:
    process = psutil.Process(service.process.pid)
    wait_until(lambda: reads_keys(service))

    service.process.send_signal(signal.SIGTSTP)
    wait_until(lambda: process.status() == psutil.STATUS_STOPPED)
    assert service.modes_now() == service.modes
    service.process.send_signal(signal.SIGCONT)
    wait_until(lambda: reads_keys(service))


def test_stdin_without_terminal_disables_keys(start: Start) -> None:
    service = start(ANSWERS, stdin=subprocess.DEVNULL)

    assert not [row for row in service.rows if "quit" in row]
    assert service.modes_now() == service.modes


SAMPLED = """
Resources:
  Orders: {Type: AWS::SQS::Queue}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: work
      Handler: app.handler
      CodeUri: function
      Runtime: python3.12
      TenancyConfig: {TenantIsolationMode: PER_TENANT}
      Events:
        Nightly: {Type: Schedule, Properties: {Schedule: rate(1 day)}}
"""


def test_sample_for_a_trigger_has_the_tenant_of_the_checks(tmp_path: Path) -> None:
    files = {"function/app.py": "def handler(event, context): return context.tenant_id\n"}
    write_project(tmp_path, {**files, "template.yaml": SAMPLED})
    with closing(TerminalService(tmp_path, "--no-resources", handler=None)) as service:
        service.wait_for("loaded in")
        service.press("i")
        service.wait_for("  a Schedule FunctionNightly\n")
        service.press("a")
        service.wait_for(r'(?s)✓ Schedule FunctionNightly .*"tenant"')
