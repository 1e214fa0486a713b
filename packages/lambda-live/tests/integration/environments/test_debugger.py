import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest

from support.debugger import Debugger, message
from support.lambda_service import INVOKE, LambdaService
from support.service_starter import StartService

SOURCE = """
import time

def handler(event, context):
    message = event["message"]
    time.sleep(0.2)
    return message
"""


@pytest.fixture(scope="module")
def shared(start_module_service: StartService) -> LambdaService:
    options = ("--debug", "--debug-port=0", "--timeout=0.1", "--concurrency=5")
    return start_module_service(SOURCE, *options)


@pytest.fixture
def service(shared: LambdaService) -> LambdaService:
    """The shared service, with its original code."""
    (shared.project / "function/app.py").write_text(SOURCE)
    assert shared.invoke({"message": "ready"}).json() == "ready"
    return shared


def connect(service: LambdaService) -> Debugger:
    """Connect to the debugger port that the service logs."""
    return Debugger(int(service.wait_for_line("Debugger listening on").rpartition(":")[2]))


def test_breakpoint_stops_handler_without_timeout(service: LambdaService) -> None:
    with closing(connect(service)) as debugger, ThreadPoolExecutor(1) as threads:
        debugger.attach(service.project / "function/app.py", 6)
        response = threads.submit(service.invoke, {"message": "seen"})
        thread, frame = debugger.stopped()
        value = debugger.request("evaluate", expression="message", frameId=frame["id"])
        debugger.request("continue", threadId=thread)

        assert (frame["name"], frame["line"]) == ("handler", 6)
        assert value["result"] == "'seen'"
        assert response.result().json() == "seen"


def test_attached_debugger_stays_attached_after_saves(service: LambdaService) -> None:
    app = service.project / "function/app.py"
    with closing(connect(service)) as debugger, ThreadPoolExecutor(1) as threads:
        debugger.attach(app, 6)
        for number in range(3):
            app.write_text(SOURCE.replace("return message", f"return message + {number}"))
            response = threads.submit(service.invoke, {"message": 100})
            thread, frame = debugger.stopped()
            value = debugger.request("evaluate", expression="message", frameId=frame["id"])
            debugger.request("continue", threadId=thread)

            assert (frame["line"], value["result"]) == (6, "100")
            assert response.result().json() == 100 + number

        app.write_text("def handler(event, context)")
        assert "SyntaxError" in service.invoke().json()["errorType"]
        app.write_text(SOURCE)
        response = threads.submit(service.invoke, {"message": "fixed"})
        thread, _ = debugger.stopped()
        debugger.request("setBreakpoints", source={"path": str(app)}, breakpoints=[])
        debugger.request("continue", threadId=thread)
        assert response.result().json() == "fixed"
        app.write_text(SOURCE + "# another save")
        assert service.invoke({"message": "no breakpoint"}).json() == "no breakpoint"
        debugger.request("disconnect", restart=False)

    assert service.invoke({"message": "alone"}).json() == "alone"


def test_debugger_that_disconnects_at_breakpoint_lets_handler_finish(
    service: LambdaService,
) -> None:
    app = service.project / "function/app.py"
    with ThreadPoolExecutor(1) as threads:
        with closing(connect(service)) as debugger:
            debugger.attach(app, 6)
            response = threads.submit(service.invoke, {"message": "goes on"})
            debugger.stopped()

        assert response.result(60).json() == "goes on"
    app.write_text(SOURCE + "# saved")
    assert service.invoke({"message": "alone"}).json() == "alone"


def test_second_debugger_replaces_the_first(service: LambdaService) -> None:
    app = service.project / "function/app.py"
    with (
        closing(connect(service)) as first,
        closing(connect(service)) as second,
        ThreadPoolExecutor(1) as threads,
    ):
        first.attach(app, 6)
        second.attach(app, 6)
        response = threads.submit(service.invoke, {"message": 1})
        thread, _ = second.stopped()
        second.request("continue", threadId=thread)
        assert response.result().json() == 1


def test_debugging_runs_a_single_environment(service: LambdaService) -> None:
    inits = service.metric("lambda_init_duration_seconds_count")
    with ThreadPoolExecutor(3) as threads:
        events = [{"message": number} for number in range(3)]
        responses = list(threads.map(service.invoke, events))

    assert [response.json() for response in responses] == [0, 1, 2]
    assert service.metric("lambda_init_duration_seconds_count") == inits


def test_debugger_attaches_again_after_reload(service: LambdaService) -> None:
    app = service.project / "function/app.py"
    for number in range(2):
        app.write_text(f"def handler(event, context): return {number}\n", encoding="utf-8")
        assert service.invoke().json() == number
        with closing(connect(service)) as debugger:
            debugger.request("initialize", adapterID="test")


def test_debug_port_rejects_http_request(service: LambdaService) -> None:
    evaluate = {"expression": "open('evil', 'w')", "context": "repl"}
    commands = [("initialize", {"adapterID": "x"}), ("attach", {}), ("evaluate", evaluate)]
    body = b"".join(message(command, arguments) for command, arguments in commands)
    with closing(connect(service)) as debugger:
        debugger.request("initialize", adapterID="test")
        debugger.send("attach", justMyCode=True)
        debugger.wait_for("event", "initialized")

        with socket.create_connection(debugger.address) as page, suppress(ConnectionError):
            page.sendall(b"POST / HTTP/1.1\r\nContent-Type: text/plain\r\n\r\n\r\n" + body)
            assert not page.recv(1)

        debugger.request("configurationDone")
        value = debugger.request("evaluate", expression="1 + 1", context="repl")
    assert value["result"] == "2"
    assert not (service.project / "evil").exists()


TWO_FUNCTIONS = """
Globals: {Function: {Runtime: python3.12, Handler: app.handler}}
Resources:
  One: {Type: AWS::Serverless::Function, Properties: {CodeUri: one/}}
  Two: {Type: AWS::Serverless::Function, Properties: {CodeUri: two/}}
"""


def ports(service: LambdaService) -> list[int]:
    return [
        int(each)
        for each in re.findall(
            r":(\d+) \((?:One|Two)", service.wait_for_line("Debuggers listening on")
        )
    ]


def message_at_breakpoint(debugger: Debugger, service: LambdaService, function: str) -> str:
    """Return the value of `message` at the breakpoint, and continue."""
    with ThreadPoolExecutor(1) as threads:
        path = INVOKE.replace("/function/", f"/{function}/")
        event = b'{"message": "of %s"}' % function.encode()
        response = threads.submit(service.request, "POST", path, event)
        thread, frame = debugger.stopped()
        value: str = debugger.request("evaluate", expression="message", frameId=frame["id"])[
            "result"
        ]
        debugger.request("continue", threadId=thread)
        assert response.result().json() == f"of {function}"
    return value


def test_each_function_has_its_own_debug_port(start_service: StartService) -> None:
    code = {"one/app.py": SOURCE, "two/app.py": SOURCE, "template.yaml": TWO_FUNCTIONS}
    service = start_service(code, "--debug", "--debug-port=0", handler=None)
    first, second = ports(service)
    with closing(Debugger(first)) as one, closing(Debugger(second)) as two:
        one.attach(service.project / "one/app.py", 6)
        two.attach(service.project / "two/app.py", 6)
        assert message_at_breakpoint(two, service, "Two") == "'of Two'"
        assert message_at_breakpoint(one, service, "One") == "'of One'"
        (service.project / "two/app.py").write_text(f"{SOURCE}# saved")
        assert message_at_breakpoint(two, service, "Two") == "'of Two'"

        (service.project / "template.yaml").write_text(TWO_FUNCTIONS.replace("Two: {", "Three: {"))
        line = service.wait_for_line("Debugger for Three listening on")
    with closing(Debugger(int(line.rpartition(":")[2]))) as three:
        three.attach(service.project / "two/app.py", 6)
        assert message_at_breakpoint(three, service, "Three") == "'of Three'"


CRASHES = """
import os

def handler(event, context):
    return os._exit(1) if event == "crash" else event
"""


def test_attached_debugger_stays_attached_after_crashes(
    start_service: StartService,
) -> None:
    service = start_service(CRASHES, "--debug", "--debug-port=0", measured=True)
    with closing(connect(service)) as debugger, ThreadPoolExecutor(1) as threads:
        debugger.attach(service.project / "function/app.py", 5)
        crashes = threads.submit(service.invoke, "crash")
        thread, _ = debugger.stopped()
        debugger.send("continue", threadId=thread)
        assert crashes.result().json()["errorType"] == "Runtime.ExitError"
        while debugger.wait_for("event", "thread")["body"] != {
            "threadId": thread,
            "reason": "exited",
        }:
            pass

        well = threads.submit(service.invoke, "well")
        thread, _ = debugger.stopped()
        debugger.request("continue", threadId=thread)
        assert well.result().json() == "well"

        ends = threads.submit(service.invoke, "ended")
        _, frame = debugger.stopped()
        debugger.send("evaluate", expression="os._exit(1)", frameId=frame["id"])
        response = debugger.wait_for("response", "evaluate")
        assert (response["success"], response["message"]) == (False, "The code was reloaded.")
        assert ends.result().json()["errorType"] == "Runtime.ExitError"

        debugger.send("threads")
        late = threads.submit(service.invoke, "late")
        assert debugger.wait_for("response", "threads")["body"]["threads"]
        thread, _ = debugger.stopped()
        debugger.request("continue", threadId=thread)
        assert late.result().json() == "late"
    assert service.invoke("crash").json()["errorType"] == "Runtime.ExitError"

    assert service.invoke("well").json() == "well"
    with closing(connect(service)) as debugger:
        debugger.request("initialize", adapterID="test")
