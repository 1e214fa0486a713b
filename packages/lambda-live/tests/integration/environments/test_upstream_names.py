"""Private names of awslambdaric and debugpy that `runtime_process` replaces or relies on."""

import subprocess
import sys

import pytest

CAPPED = "pyproject.toml caps the version: adapt environments/runtime_process before raising it"
LOADS_DEBUGPY = "import debugpy.server.api; "  # puts debugpy's own pydevd on sys.path

NAMES = {
    "bootstrap.run": (
        "from awslambdaric.bootstrap import run as it",
        "list(signature(it).parameters) == ['handler', 'lambda_runtime_client']",
    ),
    "bootstrap._get_handler": (
        "from awslambdaric import bootstrap; it = bootstrap._get_handler",
        (
            "list(signature(it).parameters) == ['handler'] and"
            " '_get_handler' in bootstrap.run.__code__.co_names"
        ),
    ),
    "extract_traceback": (
        "from awslambdaric import bootstrap; it = bootstrap.extract_traceback",
        (
            "list(signature(it).parameters) == ['tb'] and"
            " 'extract_traceback' in bootstrap.build_fault_result.__code__.co_names"
        ),
    ),
    "call_rapid": (
        "from awslambdaric.lambda_runtime_client import LambdaRuntimeClient as it",
        (
            "list(signature(it.call_rapid).parameters)[-1] == 'headers' and"
            " 'call_rapid' in it.post_init_error.__code__.co_names"
        ),
    ),
    "FaultException": (
        "from awslambdaric.bootstrap import FaultException as it",
        "it.__name__ == 'FaultException'",
    ),
    "lambda_runtime_client.runtime_client": (
        "from awslambdaric import lambda_runtime_client as it",
        "'runtime_client' in it.LambdaRuntimeClient.wait_next_invocation.__code__.co_names",
    ),
    "LambdaRuntimeClient": (
        "from awslambdaric.lambda_runtime_client import LambdaRuntimeClient as it",
        "'use_thread_for_polling_next' in signature(it).parameters",
    ),
    "_LAMBDA_TELEMETRY_LOG_FD": (
        (
            "import os; os.environ['_LAMBDA_TELEMETRY_LOG_FD'] = '1';"
            "from awslambdaric.bootstrap import create_log_sink; it = create_log_sink()"
        ),
        "type(it).__name__ == 'FramedTelemetryLogSink'",
    ),
    "frame header": (
        "from awslambdaric.bootstrap import _DEFAULT_FRAME_TYPE as it",
        r"it.startswith(b'\xa5\x5a\x00') and len(it) == 4",
    ),
    "pydevd.create_server_socket": (
        f"{LOADS_DEBUGPY} import pydevd; it = pydevd.create_server_socket",
        (
            "list(signature(it).parameters) == ['host', 'port'] and"
            " 'create_server_socket' in pydevd.PyDB._WaitForConnectionThread.run.__code__.co_names"
        ),
    ),
    "debugpy.listen": (
        f"{LOADS_DEBUGPY} it = debugpy.listen",
        "'in_process_debug_adapter' in signature(it).parameters",
    ),
}


@pytest.mark.parametrize(("statement", "expectation"), NAMES.values(), ids=NAMES)
def test_private_upstream_name_is_unchanged(statement: str, expectation: str) -> None:
    code = f"from inspect import signature; {statement}; print({expectation})"

    # a process of its own: debugpy changes the interpreter that imports it
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "True", f"{CAPPED}\n{statement}\n{expectation}\n{done.stderr}"
