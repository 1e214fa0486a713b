"""
Environment variables that only Lambda may set, its credentials, and the size of all others.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
"""

import json
from collections.abc import Mapping

MAX_VARIABLES_BYTES = 4096
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

RESERVED_VARIABLES = (
    *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
    *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_RUNTIME_API"),
    *("AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "LAMBDA_TASK_ROOT"),
    *("AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "LAMBDA_RUNTIME_DIR"),
    *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
)

_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_CREDENTIAL_SOURCES = (
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def placeholder_credentials(variables: Mapping[str, str]) -> dict[str, str]:
    """Return fake credentials if others are missing: an SDK does not start without any."""
    has_credentials = any(name in variables for name in (*_CREDENTIALS, *_CREDENTIAL_SOURCES))
    return {} if has_credentials else dict.fromkeys(_CREDENTIALS, "placeholder")


def size_of_variables(variables: Mapping[str, str]) -> int:
    """Return the size of a function's variables, as AWS measures it: as JSON, in bytes."""
    return len(json.dumps(dict(variables), separators=(",", ":"), ensure_ascii=False).encode())
