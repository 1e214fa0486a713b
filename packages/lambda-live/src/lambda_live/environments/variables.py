"""
Environment variables of an execution environment. The reserved ones have AWS's values.

Variables that begin with `_LAMBDA_LIVE_` tell `runtime_process` what to do. It removes them before
the handler is loaded.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

import json
import os
import pwd
import secrets
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from lambda_live.environments.function_python import FunctionPython, site_dirs
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.reserved_variables import placeholder_credentials
from lambda_live.telemetry.levels import DEFAULT_LEVEL

SERVICE_ID = secrets.token_hex(8)
"""
Beginning of all log stream names of this service.

The reaper finds the service's processes by it: see `reaper.py`.
"""

RUNTIME_DIRECTORY = Path(__file__).with_name("runtime_process")

_INTERPRETER_VARIABLES = (
    *("LD_LIBRARY_PATH", "PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH"),
    *("PYTHONPYCACHEPREFIX", "SYSTEMROOT"),
)
"""An interpreter that needs these may not start without them."""

_AWS_FOLDERS = ("/opt/", "/var/task")


def per_environment(port: int) -> dict[str, str]:
    """Return the variables of one environment; `port` is that of its Runtime API."""
    return {
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream_name(secrets.token_hex(8)),
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
    }


def log_stream_name(name: str) -> str:
    """Return the full name of a log stream of this service."""
    day = time.strftime("%Y/%m/%d", time.gmtime())
    return f"{day}/[$LATEST]{SERVICE_ID}{name}"


def shared_variables(configuration: FunctionConfiguration) -> dict[str, str]:
    """Return the variables that all environments of a configuration share."""
    function = configuration.variables
    python = FunctionPython(configuration)
    python_path = filter(None, function.pop("PYTHONPATH", str(python.python_path)).split(":"))
    variables = {
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "LANG": "en_US.UTF-8",
        **_interpreter_variables(configuration),
        **_search_paths(configuration, python),
        **_home(),
        **{name: _map_paths(configuration, value) for name, value in function.items()},
    }
    return (
        placeholder_credentials(variables)
        | variables
        | _reserved(configuration)
        | {
            "PYTHONUNBUFFERED": "1",
            "_LAMBDA_LIVE_WATCHED_PATHS": _as_json(configuration.watched_paths),
            "_LAMBDA_LIVE_PACKAGE_DIRS": _as_json(configuration.package_dirs),
            "_LAMBDA_LIVE_SITE_DIRS": _as_json(site_dirs(configuration)),
            "_LAMBDA_LIVE_SOURCE_DIRS": _as_json(configuration.source_dirs),
            "_LAMBDA_LIVE_PYTHON": str(python.executable),
            "_LAMBDA_LIVE_RUNTIME_PACKAGES": _as_json([python.runtime_packages]),
            "_LAMBDA_LIVE_PYTHONPATH": ":".join(
                str(local)
                for path in python_path
                for local in _python_path_entries(configuration, path)
            ),
        }
    )


def _as_json(paths: Iterable[Path]) -> str:
    """Return paths as JSON, because a path may contain a colon."""
    return json.dumps(list(map(str, paths)))


def _interpreter_variables(configuration: FunctionConfiguration) -> dict[str, str]:
    variables = {name: os.environ[name] for name in _INTERPRETER_VARIABLES if name in os.environ}
    if configuration.runtime_packages is None:
        return variables
    # PYTHONHOME belongs to this service's Python version, not to the function's
    variables.pop("PYTHONHOME", None)
    return variables | {"PYTHONPATH": str(configuration.runtime_packages)}


def _search_paths(configuration: FunctionConfiguration, python: FunctionPython) -> dict[str, str]:
    """
    Return PATH and LD_LIBRARY_PATH: AWS's order, around what this machine has.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    layers = [folder.parent for folder in configuration.package_dirs]
    libraries = [configuration.task_root / "lib", *(layer / "lib" for layer in layers)]
    searched = {
        "PATH": [
            str(python.bin),
            os.environ.get("PATH", os.defpath),
            *(str(layer / "bin") for layer in layers if (layer / "bin").is_dir()),
        ],
        "LD_LIBRARY_PATH": [
            os.environ.get("LD_LIBRARY_PATH", ""),
            *(str(folder) for folder in libraries if folder.is_dir()),
        ],
    }
    joined = {name: os.pathsep.join(filter(None, parts)) for name, parts in searched.items()}
    return {name: text for name, text in joined.items() if text}


def _map_paths(configuration: FunctionConfiguration, value: str) -> str:
    """Replace `/opt/...` and `/var/task/...` in a value or list of paths by what exists here."""
    if not any(root in value for root in _AWS_FOLDERS):
        return value
    return ":".join(
        str(local)
        if part.startswith(_AWS_FOLDERS) and (local := _local_path(configuration, part)).exists()
        else part
        for part in value.split(":")
    )


def missing_paths(configuration: FunctionConfiguration) -> list[tuple[str, str]]:
    """Return variables and their paths below `/opt` and `/var/task` that do not exist here."""
    return [
        (name, part)
        for name, value in {**configuration.environment, **configuration.local_environment}.items()
        for part in _map_paths(configuration, value).split(":")
        if part.startswith(_AWS_FOLDERS) and not Path(part).exists()
    ]


def _reserved(configuration: FunctionConfiguration) -> dict[str, str]:
    region, name = configuration.account.region, configuration.name
    # AWS's bootstrap sets the runtime's name, unless the image starts the runtime client itself
    has_own_entrypoint = configuration.image and configuration.image.starts_runtime_client
    runtime = "Image" if has_own_entrypoint else configuration.interpreter.runtime
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
        "AWS_LAMBDA_LOG_GROUP_NAME": configuration.log_group_name,
        "AWS_REGION": region,
        "LAMBDA_RUNTIME_DIR": str(RUNTIME_DIRECTORY),
        "LAMBDA_TASK_ROOT": str(configuration.task_root),
        "TZ": ":UTC",
        "_HANDLER": configuration.handler,
    }


def _home() -> dict[str, str]:
    """Return HOME if the user has no passwd entry, as in some containers: libraries need it."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return {"HOME": tempfile.gettempdir()}
    return {}


def exec_wrapper(configuration: FunctionConfiguration) -> list[str]:
    """
    Return the wrapper script that starts the runtime, as a list of one or no item.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html
    """
    path = configuration.variables.get("AWS_LAMBDA_EXEC_WRAPPER")
    return [str(_local_path(configuration, path))] if path else []


def _python_path_entries(configuration: FunctionConfiguration, aws_path: str) -> list[Path]:
    """Return the folders of an entry of PYTHONPATH; `/opt/python` has one in each layer."""
    path = Path(aws_path)
    if not path.is_relative_to("/opt"):
        return [_local_path(configuration, aws_path)]
    return [each for each in _layer_paths(configuration, path) if each.exists()] or [path]


def _layer_paths(configuration: FunctionConfiguration, path: Path) -> list[Path]:
    """Return where a path below `/opt` may be, in the order of the layers."""
    below = path.relative_to("/opt")
    return [
        folder / below.relative_to("python")
        if folder in configuration.layer_sources and below.is_relative_to("python")
        else folder.parent / below
        for folder in configuration.package_dirs
    ]


def _local_path(configuration: FunctionConfiguration, aws_path: str) -> Path:
    """Map `/var/task` to the function's code and `/opt` to its layers."""
    path = configuration.task_root / aws_path
    if path.is_relative_to("/var/task"):
        return configuration.task_root / path.relative_to("/var/task")
    if not path.is_relative_to("/opt"):
        return path
    candidates = _layer_paths(configuration, path)
    return next((candidate for candidate in candidates if candidate.exists()), path)
