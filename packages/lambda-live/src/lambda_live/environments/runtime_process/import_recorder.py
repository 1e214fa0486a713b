"""What the function's own code imports from elsewhere while it is loaded."""

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from lambda_live.environments.runtime_process.function_code import FunctionCode

type Import = tuple[str, str]
"""A module's name, and the state in which it was imported."""


class ImportRecorder:
    """A finder that finds nothing, but sees who asks."""

    def __init__(self, own: FunctionCode, state: Callable[[], str]) -> None:
        self._own = own
        self._state = state
        self._seen: dict[str, str] = {}
        self._is_recording = True

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Part of the import protocol."""
        if self._is_recording:
            importer = self._own.importing_file()
            if self._own.contains(importer):
                self._seen.setdefault(fullname, self._state())
            elif path is None and "awslambdaric" not in importer:
                self._stop_at_own_import(fullname, target)
        return None

    def _stop_at_own_import(self, fullname: str, target: ModuleType | None) -> None:
        """Note no more if it is the function's: what imports that can't be imported without."""
        if self._own.may_contain_module(fullname) and self._own.is_own_module(
            PathFinder.find_spec(fullname, None, target)
        ):
            self._is_recording = False
            if self._seen:
                self._seen.popitem()

    def close(self) -> list[Import]:
        """Note no more; return what was really imported, in its order."""
        self._is_recording = False
        return [item for item in self._seen.items() if self._is_elsewhere(item[0])]

    def _is_elsewhere(self, name: str) -> bool:
        spec = getattr(sys.modules.get(name), "__spec__", None)
        return spec is not None and not self._own.is_own_module(spec)
