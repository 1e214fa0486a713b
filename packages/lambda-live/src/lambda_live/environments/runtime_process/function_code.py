"""Which files and modules are the function's own code, and where in it an error was raised."""

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType

_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_HERE = os.path.dirname(__file__)
_IMPORT_FILES = (importlib.__file__, *(os.path.join(_HERE, name) for name in os.listdir(_HERE)))


def is_import_machinery(filename: str) -> bool:
    """Whether a stack frame of this file belongs to an import, not to who imports."""
    return filename.startswith("<frozen") or filename in _IMPORT_FILES


class FunctionCode:
    """Distinguishes the function's code from installed packages and the standard library."""

    def __init__(self, roots: Sequence[str], package_dirs: Sequence[str]) -> None:
        installed = (path for root in roots for path in _installed(root))
        excluded = [*package_dirs, os.path.dirname(os.__file__), *installed]
        self._names: frozenset[str] | None = None
        self._folders = tuple(roots)
        self._roots = tuple(root + os.sep for root in roots)
        self._excluded = tuple(folder + os.sep for folder in excluded)

    def contains(self, path: str) -> bool:
        """Whether a file or folder belongs to the function's code."""
        if not (folder := f"{path}{os.sep}").startswith(self._roots):
            return False
        # a virtual environment, or a package that pip installed beside the code, does not
        return not folder.startswith(self._excluded) and not any(p in path for p in _INSTALLED)

    def may_contain_module(self, name: str) -> bool:
        """Whether a root has a file or folder with the name of a module."""
        if self._names is None:
            entries = (name for folder in self._folders for name in _entries(folder))
            self._names = frozenset(name.partition(".")[0] for name in entries)
        return name in self._names

    def is_own_module(self, spec: ModuleSpec | None) -> bool:
        """Whether a module, or a part of a namespace package, belongs to the function's code."""
        if spec is None:
            return False
        paths = [spec.origin or "", *(spec.submodule_search_locations or ())]
        return any(self.contains(path) for path in paths)


def _installed(root: str) -> set[str]:
    """Return the files and folders of the packages that pip installed into a root."""
    found = set()
    for name in _entries(root):
        if name.endswith(".dist-info"):
            with (
                suppress(OSError, ValueError),
                open(f"{root}/{name}/RECORD", encoding="utf-8") as rows,
            ):
                found |= {row.partition(",")[0].partition("/")[0] for row in rows}
    return {os.path.join(root, name) for name in found if name != ".."}


def importing_file() -> str:
    """Return the file with the statement that runs the current import."""
    frame = sys._getframe(1)  # noqa: SLF001  # `inspect` takes far longer, and this runs per module
    while frame.f_back is not None:
        filename = frame.f_code.co_filename
        if not is_import_machinery(filename):
            return filename
        frame = frame.f_back
    return ""


def locate_error(error: BaseException, code: FunctionCode) -> str:
    """
    Return file, line and text of an error.

    The line is the deepest one in the function's own code. The one that raised the error follows
    in brackets if it is another.
    """
    text = "".join(traceback.format_exception_only(error)[-1:]).strip()
    lines = [
        (frame.filename, frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if not is_import_machinery(frame.filename) and "awslambdaric" not in frame.filename
    ]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((error.filename, error.lineno))
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType) and not lines:
        return _locate_missing_handler(error.obj, error.name or "")
    if not lines:
        return text
    raised = lines[-1]
    own = next((line for line in reversed(lines) if code.contains(line[0])), raised)
    suffix = "" if own == raised else f" (raised at {raised[0]}:{raised[1]})"
    return f"{own[0]}:{own[1]}: {text}{suffix}"


def _locate_missing_handler(module: ModuleType, name: str) -> str:
    """Return the text for a handler that its module lacks: at the most similar function."""
    import difflib  # noqa: PLC0415  # only for an error

    functions = {
        each: value.__code__.co_firstlineno
        for each, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == module.__name__
    }
    public = [each for each in functions if not each.startswith("_")]
    near = difflib.get_close_matches(name, public, 1, 0.5) or public[:1] * (len(public) == 1)
    line = functions[near[0]] if near else 1
    hint = (
        f"did you mean {module.__name__}.{near[0]}?" if near else f"add def {name}(event, context)"
    )
    return f"{module.__file__}:{line}: no function {name} in module {module.__name__}; {hint}"


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
