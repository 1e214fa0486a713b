"""
Recording of what the function's own code imports from elsewhere while it is loaded.

The next process imports the same modules before a request arrives: see `preload.py`. Each import
is recorded with a fingerprint of the process's state, because code may set a variable, extend
`sys.path` or patch the standard library, and only then import a module that depends on it.
"""

import binascii
import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from lambda_live.environments.runtime_process.function_code import FunctionCode, importing_file

type Import = tuple[str, str]
"""A module's name, and the fingerprint of the process at its import."""

_PROCESS_VARIABLES = (
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "_LAMBDA_TELEMETRY_LOG_FD",
)
_PATCHABLE = (
    ("socket", "socket"),
    ("threading", "Thread"),
    ("time", "sleep"),
    ("builtins", "open"),
    ("builtins", "__import__"),
)


def import_fingerprint() -> str:
    """Return a checksum of the state that a module may depend on when it is imported."""
    state = repr((_variables(), _import_state(), _patched(), os.getcwd()))
    return f"{binascii.crc32(state.encode('utf-8', 'replace')):08x}{len(state):x}"


def _variables() -> list[tuple[str, str]]:
    return sorted(item for item in os.environ.items() if item[0] not in _PROCESS_VARIABLES)


def _import_state() -> tuple[object, ...]:
    warnings = sys.modules.get("warnings")
    filters = len(getattr(warnings, "filters", ()))
    return list(sys.path), len(sys.meta_path), len(sys.path_hooks), filters


def _patched() -> list[str]:
    found = (getattr(sys.modules.get(module), name, None) for module, name in _PATCHABLE)
    return [f"{getattr(one, '__module__', '')}.{getattr(one, '__qualname__', '')}" for one in found]


class ImportRecorder:
    """A finder on `sys.meta_path` that records each import, and finds nothing."""

    def __init__(self, code: FunctionCode, fingerprint: Callable[[], str]) -> None:
        self._code = code
        self._fingerprint = fingerprint
        self._recorded: dict[str, str] = {}
        self._is_recording = True

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Record an import by the function's code; return None."""
        if self._is_recording:
            importer = importing_file()
            if self._code.contains(importer):
                self._recorded.setdefault(fullname, self._fingerprint())
            elif path is None and "awslambdaric" not in importer:
                self._stop_at_own_import(fullname, target)
        return None

    def _stop_at_own_import(self, fullname: str, target: ModuleType | None) -> None:
        """Stop if a package imports the function's code: it cannot be preloaded without that."""
        if self._code.may_contain_module(fullname) and self._code.is_own_module(
            PathFinder.find_spec(fullname, None, target)
        ):
            self._is_recording = False
            if self._recorded:
                self._recorded.popitem()

    def close(self) -> list[Import]:
        """Stop recording; return the successful imports from elsewhere, in order."""
        self._is_recording = False
        return [item for item in self._recorded.items() if self._is_from_elsewhere(item[0])]

    def _is_from_elsewhere(self, name: str) -> bool:
        spec = getattr(sys.modules.get(name), "__spec__", None)
        return spec is not None and not self._code.is_own_module(spec)
