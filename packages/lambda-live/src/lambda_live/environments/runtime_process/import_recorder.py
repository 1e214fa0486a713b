"""What the function's own code imports from elsewhere while it is loaded."""

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from lambda_live.environments.runtime_process.function_code import Own

type Import = tuple[str, str]
"""A module's name, and the state in which it was imported."""


class Record:
    """A finder that finds nothing, but sees who asks."""

    def __init__(self, own: Own, state: Callable[[], str]) -> None:
        self._own = own
        self._state = state
        self._seen: dict[str, str] = {}
        self._open = True

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Part of the import protocol."""
        if self._open:
            importer = self._own.importer()
            if self._own.has(importer):
                self._seen.setdefault(fullname, self._state())
            elif path is None and "awslambdaric" not in importer:
                self._look_back(fullname, target)
        return None

    def _look_back(self, fullname: str, target: ModuleType | None) -> None:
        """Note no more if it is the function's: what imports that can't be imported without."""
        if self._own.may_be_named(fullname) and self._own.module(
            PathFinder.find_spec(fullname, None, target)
        ):
            self._open = False
            if self._seen:
                self._seen.popitem()

    def close(self) -> list[Import]:
        """Note no more; return what was really imported, in its order."""
        self._open = False
        return [item for item in self._seen.items() if self._is_elsewhere(item[0])]

    def _is_elsewhere(self, name: str) -> bool:
        spec = getattr(sys.modules.get(name), "__spec__", None)
        return spec is not None and not self._own.module(spec)
