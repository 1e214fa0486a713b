"""
The environment variables of an execution environment, the reserved ones as AWS sets them.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

import os
import pwd
import secrets
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from lambda_live.environments.service_id import SERVICE_ID
from lambda_live.model.function import FunctionConfiguration
from lambda_live.telemetry.levels import DEFAULT_LEVEL

RUNTIME_DIRECTORY = Path(__file__).with_name("runtime_process")


_INTERPRETER_VARIABLES = (
    *("LD_LIBRARY_PATH", "PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH"),
    *("PYTHONPYCACHEPREFIX", "SYSTEMROOT"),
)
"""Without these, an interpreter that was started with them might not start."""

_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_CREDENTIAL_SOURCES = (
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def per_environment(port: int) -> dict[str, str]:
    """Return those that one environment alone has, whose Runtime API is on that port."""
    return {
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream_name(secrets.token_hex(8)),
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
    }


def log_stream_name(name: str) -> str:
    """Return the whole name of a log stream of this service's."""
    day = time.strftime("%Y/%m/%d", time.gmtime())
    return f"{day}/[$LATEST]{SERVICE_ID}{name}"


def variables(configuration: FunctionConfiguration) -> dict[str, str]:
    """Return those that all environments of a configuration have."""
    own = _function_variables(configuration)
    path = own.pop("PYTHONPATH", "").split(":")
    given = {
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "LANG": "en_US.UTF-8",
        **_interpreter_variables(configuration),
        **_home(),
        **own,
    }
    return (
        _placeholder_credentials(given)
        | given
        | _reserved(configuration)
        | {
            "PYTHONUNBUFFERED": "1",
            "_LAMBDA_LIVE_WATCHED": os.pathsep.join(map(str, configuration.watched_paths)),
            "_LAMBDA_LIVE_PACKAGES": os.pathsep.join(map(str, configuration.package_dirs)),
            "_LAMBDA_LIVE_PATH": ":".join(
                str(_local_path(configuration, each)) for each in path if each
            ),
        }
    )


def _interpreter_variables(configuration: FunctionConfiguration) -> dict[str, str]:
    own = {name: os.environ[name] for name in _INTERPRETER_VARIABLES if name in os.environ}
    if configuration.runtime_packages is None:
        return own
    # what this service's Python was started with is not for another version
    own.pop("PYTHONHOME", None)
    return own | {"PYTHONPATH": str(configuration.runtime_packages)}


def _reserved(configuration: FunctionConfiguration) -> dict[str, str]:
    region, name = configuration.account.region, configuration.name
    bare = configuration.image and configuration.image.starts_runtime_client
    runtime = "Image" if bare else configuration.interpreter.runtime  # as AWS's bootstrap has it
    level = configuration.application_log_level or (
        DEFAULT_LEVEL if configuration.json_logs else None
    )
    return {
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": "JSON" if configuration.json_logs else "Text",
        **({"AWS_LAMBDA_LOG_LEVEL": level} if level else {}),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_REGION": region,
        "LAMBDA_RUNTIME_DIR": str(RUNTIME_DIRECTORY),
        "LAMBDA_TASK_ROOT": str(configuration.task_root),
        "TZ": ":UTC",
        "_HANDLER": configuration.handler,
    }


def _placeholder_credentials(given: Mapping[str, str]) -> dict[str, str]:
    """Return credentials, without which no SDK begins; who names real ones gets those alone."""
    named = any(name in given for name in (*_CREDENTIALS, *_CREDENTIAL_SOURCES))
    return {} if named else dict.fromkeys(_CREDENTIALS, "placeholder")


def _home() -> dict[str, str]:
    """A user whom nobody knows, as in a container, has none, and libraries look for it."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return {"HOME": tempfile.gettempdir()}
    return {}


def exec_wrapper(configuration: FunctionConfiguration) -> list[str]:
    """
    Return the script that starts the runtime, if there is to be one.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html
    """
    path = _function_variables(configuration).get("AWS_LAMBDA_EXEC_WRAPPER")
    return [str(_local_path(configuration, path))] if path else []


def _function_variables(configuration: FunctionConfiguration) -> dict[str, str]:
    """Return what the function is given by its template, and by this machine."""
    image = configuration.image.variables if configuration.image else {}
    return {**image, **configuration.environment, **configuration.local_environment}


def _local_path(configuration: FunctionConfiguration, written: str) -> Path:
    """Return where a path of AWS's is: `/var/task` is the code's, `/opt` that of the layers."""
    path = configuration.task_root / written
    if path.is_relative_to("/var/task"):
        return configuration.task_root / path.relative_to("/var/task")
    if not path.is_relative_to("/opt"):
        return path
    below = [folder.parent / path.relative_to("/opt") for folder in configuration.package_dirs]
    return next((each for each in below if each.exists()), path)
