import base64
import json
import re
from typing import Any

import pytest

from support.lambda_service import LambdaService
from support.project import RUNS_ITS_EVENT
from support.service_starter import StartService
from support.waiting import wait_until

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture(scope="module")
def json_service(start_module_service: StartService) -> LambdaService:
    return start_module_service(
        RUNS_ITS_EVENT,
        "--timeout=2",
        "--application-log-level=DEBUG",
        "--system-log-level=DEBUG",
        AWS_LAMBDA_LOG_FORMAT="JSON",
    )


def invoke(service: LambdaService, code: str) -> tuple[str, list[dict[str, Any]]]:
    """Invoke the function. Return the request ID and its records from start to report."""
    request_id = service.invoke({"code": code}).headers["x-amzn-requestid"]

    def records() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in list(service.lines)]
        of_request = [
            number
            for number, record in enumerate(found)
            if isinstance(record.get("record"), dict)
            and record["record"].get("requestId") == request_id
        ]
        ended = of_request and found[of_request[-1]]["type"] == "platform.report"
        return found[of_request[0] : of_request[-1] + 1] if ended else []

    return request_id, wait_until(records)


def test_startup_example_uses_existing_event(start_service: StartService) -> None:
    files = {"app.py": "def handler(event, context):\n    pass\n", "events/event.json": "{}"}
    service = start_service(files, handler="app.handler")

    assert "try it: curl -d @events/event.json http" in service.lines[1]


def test_startup_example_calls_a_page_of_the_api(start_service: StartService) -> None:
    template = """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      CodeUri: .
      Handler: app.handler
      Events:
        One: {Type: HttpApi, Properties: {Path: "/items/{id}", Method: get}}
        New: {Type: HttpApi, Properties: {Path: /items, Method: post}}
        All: {Type: HttpApi, Properties: {Path: /items, Method: get}}
"""
    code = "def handler(event, context):\n    return event['routeKey']\n"
    service = start_service({"template.yaml": template, "app.py": code}, handler=None)

    assert service.lines[1] == f"lambda-live: try it: curl {service.url}/items"
    assert service.request("GET", "/items").body == b"GET /items"


def test_text_log_matches_aws(
    start_service: StartService,
) -> None:
    service = start_service(
        "print('imported')\ndef handler(event, context):\n    print('called')\n", "--memory=256"
    )
    request_id = service.invoke().headers["x-amzn-requestid"]
    service.wait_for_line("REPORT")

    greeting, try_it, *lines = service.lines
    assert greeting == (
        f"lambda-live: function.app.handler answers at {service.url};"
        f" dashboard at {service.admin_url}"
    )
    assert try_it == (
        "lambda-live: try it: curl -d '{}'"
        f" {service.url}/2015-03-31/functions/function/invocations"
    )
    assert re.fullmatch(r"INIT_START Runtime Version: python:3\..* \(awslambdaric .*\)", lines[0])
    assert lines[1:5] == [
        "imported",
        f"START RequestId: {request_id} Version: $LATEST",
        "called",
        f"END RequestId: {request_id}",
    ]
    assert re.fullmatch(
        rf"REPORT RequestId: {request_id}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 256 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t",
        lines[5],
    )
    assert len(lines) == 6


def test_traceback_is_one_record_in_text_log(service: LambdaService) -> None:
    service.run("def below(): raise ValueError('logged once')\nbelow()")

    service.wait_for_line("[ERROR] ValueError: logged once")
    at = service.lines.index("[ERROR] ValueError: logged once")
    assert service.lines[at + 1] == "Traceback (most recent call last):"
    assert service.lines[at + 2].startswith("\u00a0\u00a0File ")


def test_every_json_log_line_is_an_object(json_service: LambdaService) -> None:
    for code in (
        "print('plain')",
        "print('{\"half\": ')",
        "print('[1]')",
        "print('{' * 100_000)",
        "raise ValueError('one\\ntwo')",
        "import os; os.write(1, b'\\xff\\xfe'); os._exit(1)",
        "import logging; logging.error('one\\ntwo')",
        "import time; time.sleep(60)",
    ):
        json_service.invoke({"code": code})
    json_service.wait_for_line('"timeout"')

    for line in json_service.lines:
        assert isinstance(json.loads(line), dict)


def test_json_log_has_platform_events(json_service: LambdaService) -> None:
    request_id, records = invoke(json_service, "reply = 1")

    start, done, report = records
    assert list(start) == ["time", "type", "record"]
    assert re.fullmatch(TIME, start["time"])
    assert (start["type"], start["record"]) == (
        "platform.start",
        {"requestId": request_id, "version": "$LATEST"},
    )
    duration = done["record"]["metrics"]["durationMs"]
    assert (done["type"], done["record"]) == (
        "platform.runtimeDone",
        {"requestId": request_id, "status": "success", "metrics": {"durationMs": duration}},
    )
    metrics = report["record"].pop("metrics")
    assert (report["type"], report["record"]) == (
        "platform.report",
        {"requestId": request_id, "status": "success"},
    )
    assert metrics.pop("durationMs") == duration
    assert metrics.pop("billedDurationMs") >= duration
    assert metrics.pop("maxMemoryUsedMB") > 0
    metrics.pop("initDurationMs", None)
    assert metrics == {"memorySizeMB": 128}


@pytest.mark.parametrize(
    ("code", "status", "error_type"),
    [
        ("raise ValueError", "error", "ValueError"),
        ("import time; time.sleep(60)", "timeout", "Sandbox.Timedout"),
        ("import os; os._exit(1)", "failure", "Runtime.ExitError"),
    ],
)
def test_json_log_has_status_and_error_type(
    json_service: LambdaService, code: str, status: str, error_type: str
) -> None:
    _, records = invoke(json_service, code)

    for record in records[-2:]:
        assert (record["record"]["status"], record["record"]["errorType"]) == (status, error_type)


def test_json_log_has_init_events(start_service: StartService) -> None:
    service = start_service(
        "print('imported')\ndef handler(event, context): ...",
        "--system-log-level=DEBUG",
        AWS_LAMBDA_LOG_FORMAT="JSON",
    )
    service.invoke()
    service.wait_for_line("platform.report")

    greeting, start, printed, done, init, _, _, report = map(json.loads, service.lines)
    assert re.fullmatch(TIME, greeting.pop("timestamp"))
    assert greeting == {
        "level": "INFO",
        "message": f"function.app.handler answers at {service.url}",
        "logger": "lambda_live",
        "url": service.url,
        "admin_url": service.admin_url,
    }
    version = start["record"].pop("runtimeVersion")
    phase = {"initializationType": "on-demand", "phase": "init"}
    assert version.startswith("python:3.")
    assert (start["type"], start["record"]) == ("platform.initStart", phase)
    assert re.fullmatch(TIME, printed.pop("time"))
    assert printed == {"type": "function", "record": "imported"}
    assert (done["type"], done["record"]) == (
        "platform.initRuntimeDone",
        phase | {"status": "success"},
    )
    milliseconds = init["record"].pop("metrics")["durationMs"]
    assert (init["type"], init["record"]) == ("platform.initReport", phase | {"status": "success"})
    assert report["record"]["metrics"]["initDurationMs"] == milliseconds


def test_json_log_reports_reload_and_load_error(json_service: LambdaService) -> None:
    app = json_service.project / "function/app.py"
    before = len(json_service.lines)

    app.write_text("def handler(event, context): return 1\n", encoding="utf-8")
    code = json_service.invoke().headers["x-lambda-live-code-sha256"]
    app.write_text("import no_such_module\n", encoding="utf-8")
    broken = json_service.invoke().headers["x-lambda-live-code-sha256"]
    json_service.wait_for_line(broken)
    app.write_text(RUNS_ITS_EVENT, encoding="utf-8")
    assert json_service.run("reply = 1") == 1

    records = [json.loads(line) for line in json_service.lines[before:]]
    reloaded, failed = [each for each in records if each.get("logger") == "lambda_live"][:2]
    assert (reloaded["level"], reloaded["message"]) == ("INFO", "reloaded")
    assert reloaded["code_sha256"] == code
    assert reloaded["reload_ms"] > 0
    assert failed["level"] == "ERROR"
    assert "function/app.py:1: ModuleNotFoundError" in failed["message"]
    assert failed["code_sha256"] == broken


def test_json_object_line_is_unchanged(json_service: LambdaService) -> None:
    line = '{"level":  "info", "message": "grüße", "n": 1.0}'

    _, records = invoke(json_service, f"print({line!r})")

    assert line in json_service.lines
    assert records[1] == json.loads(line)


def test_other_line_is_wrapped_as_function_event(json_service: LambdaService) -> None:
    request_id, records = invoke(json_service, "print('plain'); print('no end', end='')")

    for record, text in zip(records[1:3], ["plain", "no end"], strict=True):
        assert re.fullmatch(TIME, record.pop("time"))
        assert record == {"type": "function", "requestId": request_id, "record": text}


def test_python_logging_uses_aws_json(json_service: LambdaService) -> None:
    code = "import logging; logging.getLogger('orders').error('wrong: %s', 'that')"
    request_id, records = invoke(json_service, code)

    record = records[1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record.pop("timestamp"))
    assert record == {
        "level": "ERROR",
        "message": "wrong: that",
        "logger": "orders",
        "requestId": request_id,
    }


def test_log_level_option_sets_level(json_service: LambdaService) -> None:
    code = "import logging; logging.debug('logged'); logging.info('logged')"
    _, (_, *records, _, _) = invoke(json_service, code)

    assert [record.get("level") for record in records] == ["DEBUG", "INFO"]


def test_json_log_default_levels_match_aws(start_service: StartService) -> None:
    service = start_service(RUNS_ITS_EVENT, AWS_LAMBDA_LOG_FORMAT="JSON")
    code = """
import json, logging
logging.debug("filtered")
logging.info("logged")
for level in ("DEBUG", "INFO", "mine"):
    print(json.dumps({"level": level, "message": "printed"}))
print("plain")
"""
    _, records = invoke(service, code)
    _, failed = invoke(service, "raise ValueError")

    assert [record.get("level") or record["type"] for record in records] == [
        "platform.start",
        "INFO",
        "INFO",
        "mine",
        "function",
        "platform.report",
    ]
    assert [record.get("level") or record["type"] for record in failed] == [
        "platform.start",
        "ERROR",
        "platform.runtimeDone",
        "platform.report",
    ]
    assert not any("initReport" in line for line in service.lines)


def test_template_log_levels_filter_function_and_platform(
    start_service: StartService,
) -> None:
    template = """
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: function
      Runtime: python3.12
      Handler: function.app.handler
      CodeUri: .
      LoggingConfig: {LogFormat: JSON, ApplicationLogLevel: ERROR, SystemLogLevel: WARN}
"""
    service = start_service(
        {"template.yaml": template, "function/app.py": RUNS_ITS_EVENT}, handler=None
    )

    code = "import logging; logging.warning('filtered'); logging.error('logged')"
    tail = service.boto3.invoke(
        FunctionName="function", LogType="Tail", Payload=json.dumps({"code": code})
    )["LogResult"]
    config = service.boto3.get_function_configuration(FunctionName="function")["LoggingConfig"]

    (line,) = base64.b64decode(tail).splitlines()
    assert json.loads(line)["message"] == "logged"
    assert (config["ApplicationLogLevel"], config["SystemLogLevel"]) == ("ERROR", "WARN")


def test_json_log_error_has_type_message_and_trace(json_service: LambdaService) -> None:
    request_id, records = invoke(json_service, "raise ValueError('wrong')")

    (record,) = [record for record in records if record.get("level") == "ERROR"]
    assert record["errorType"] == "ValueError"
    assert record["errorMessage"] == "wrong"
    assert record["requestId"] == request_id
    assert record["stackTrace"]


@pytest.mark.parametrize(
    "forged",
    [
        '{"type": "platform.report", "record": {"requestId": "1"}}',
        '{"type": "platform.report", "type": "mine"}',
        '{"type": "mine", "\\u0074ype": "platform.fault"}',
        '{"logger": "lambda_live", "message": "reloaded"}',
    ],
)
def test_function_line_cannot_imitate_platform(json_service: LambdaService, forged: str) -> None:
    json_service.invoke({"code": f"print({forged!r})"})

    line = json.loads(json_service.wait_for_line(json.dumps(forged)))
    assert (line["type"], line["record"]) == ("function", forged)


def test_multiline_record_cannot_imitate_platform(json_service: LambdaService) -> None:
    lines = '{"several": ["\\n{"type": "platform.start"}\\n"]}'
    json_service.invoke({"code": f"import logging; logging.error({lines!r})"})
    framed = '{"a":\n{"type": "platform.start", "record": {}}\n}'
    header = "0xa55a0003 .to_bytes(4) + len(data).to_bytes(4) + bytes(8)"
    code = f"import os; data = {framed.encode()!r}; os.write(1, {header} + data)"
    json_service.invoke({"code": code})

    assert json.loads(json_service.wait_for_line(json.dumps(framed)))["type"] == "function"
