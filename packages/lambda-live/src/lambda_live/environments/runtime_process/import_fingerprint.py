"""
What a module may find different when it is imported at another time in the same process.

Code may set a variable, put a folder on the path or replace the standard library's functions, and
only then import what looks at it.
"""

import binascii
import os
import sys

_OF_THE_PROCESS = (
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "_LAMBDA_TELEMETRY_LOG_FD",
)
_REPLACEABLE = (
    ("socket", "socket"),
    ("threading", "Thread"),
    ("time", "sleep"),
    ("builtins", "open"),
    ("builtins", "__import__"),
)


def import_fingerprint() -> str:
    """Return what is the same in two processes as long as all of that is."""
    seen = repr((_variables(), _importing(), _replaced(), os.getcwd()))
    return f"{binascii.crc32(seen.encode('utf-8', 'replace')):08x}{len(seen):x}"


def _variables() -> list[tuple[str, str]]:
    return sorted(item for item in os.environ.items() if item[0] not in _OF_THE_PROCESS)


def _importing() -> tuple[object, ...]:
    warnings = sys.modules.get("warnings")
    filters = len(getattr(warnings, "filters", ()))
    return list(sys.path), len(sys.meta_path), len(sys.path_hooks), filters


def _replaced() -> list[str]:
    found = (getattr(sys.modules.get(module), name, None) for module, name in _REPLACEABLE)
    return [f"{getattr(one, '__module__', '')}.{getattr(one, '__qualname__', '')}" for one in found]
