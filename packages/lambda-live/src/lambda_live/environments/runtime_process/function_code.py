"""Which modules are the function's own, and which come from elsewhere."""

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec

_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_HERE = os.path.dirname(__file__)
_MACHINERY = (importlib.__file__, *(os.path.join(_HERE, name) for name in os.listdir(_HERE)))


def is_import_machinery(name: str) -> bool:
    """Whether a frame of that file is but a step of an import."""
    return name.startswith("<frozen") or name in _MACHINERY


class FunctionCode:
    """Tells the function's code, below its roots, from packages and the standard library."""

    def __init__(self, roots: Sequence[str], packages: Sequence[str]) -> None:
        elsewhere = [*packages, os.path.dirname(os.__file__)]
        self._names: frozenset[str] | None = None
        self._folders = tuple(roots)
        self._roots = tuple(root + os.sep for root in roots)
        self._elsewhere = tuple(directory + os.sep for directory in elsewhere)

    def contains(self, path: str) -> bool:
        """Whether a file, or a folder, is of the function's code."""
        if not f"{path}{os.sep}".startswith(self._roots):
            return False
        # a virtual environment in the project's folder is none of its code
        return not path.startswith(self._elsewhere) and not any(part in path for part in _INSTALLED)

    def may_contain_module(self, name: str) -> bool:
        """Whether a root has a file or folder for a module of that name."""
        if self._names is None:
            entries = (name for folder in self._folders for name in _entries(folder))
            self._names = frozenset(name.partition(".")[0] for name in entries)
        return name in self._names

    def is_own_module(self, spec: ModuleSpec | None) -> bool:
        """Whether a module is the function's own; of a namespace package, any part of it."""
        if spec is None:
            return False
        places = [spec.origin or "", *(spec.submodule_search_locations or ())]
        return any(self.contains(place) for place in places)

    def importing_file(self) -> str:
        """Return the file that has the statement by which something is being imported."""
        frame = sys._getframe(1)  # noqa: SLF001  # inspect takes far longer, for each module
        while frame.f_back is not None:
            name = frame.f_code.co_filename
            if not is_import_machinery(name):
                return name
            frame = frame.f_back
        return ""


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
