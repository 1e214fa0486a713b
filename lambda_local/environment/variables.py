"""
The environment variables of an execution environment, the reserved ones as AWS sets them.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

import os
import platform
import secrets
import time
from pathlib import Path

from lambda_local.settings.function import FunctionConfiguration

RUNTIME_DIRECTORY = Path(__file__).with_name("inside")


def variables(configuration: FunctionConfiguration, port: int, *, debug: bool) -> dict[str, str]:
    """Return those of an environment whose Runtime API is on that port."""
    own = ("LAMBDA_LOCAL_", "PYTHONSAFEPATH")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    major_minor = ".".join(platform.python_version_tuple()[:2])
    day = time.strftime("%Y/%m/%d", time.gmtime())
    region, name = configuration.account.region, configuration.name
    return {
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "LANG": "en_US.UTF-8",
        "LAMBDA_RUNTIME_DIR": str(RUNTIME_DIRECTORY),
        **inherited,
        **configuration.local_environment,
        **configuration.environment,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{major_minor}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": f"{configuration.timeout:g}",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{day}/[$LATEST]{secrets.token_hex(16)}",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_REGION": region,
        "LAMBDA_TASK_ROOT": str(configuration.task_root),
        "PYTHONUNBUFFERED": "1",
        "TZ": ":UTC",
        "_HANDLER": configuration.handler,
        "_LAMBDA_LOCAL_WATCHED": os.pathsep.join(map(str, configuration.watch)),
        "_LAMBDA_LOCAL_PACKAGES": os.pathsep.join(map(str, configuration.packages)),
        "_LAMBDA_LOCAL_ISOLATED": "1" if configuration.isolated else "",
        "_LAMBDA_LOCAL_DEBUG": "1" if debug else "",
    }
