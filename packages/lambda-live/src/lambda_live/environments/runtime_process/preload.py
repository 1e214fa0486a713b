"""
Preloading: importing a function's third-party modules before a request needs them.

Problem: most of a cold start is the import of packages such as boto3 or pandas. After a save, each
of them would be imported again, and the developer waits.

How it works:
1. While the function's code is loaded, `import_recorder.py` records what it imports from elsewhere.
   The list goes to the service, and from there to the next process, the warm standby.
2. `PreloadedModules.preload` imports the modules on that list, in order. Each of them must find the
   process in the recorded state (`import_fingerprint`); otherwise preloading stops. The function's
   own code is never imported here, because it may change until the request arrives.
3. The modules are then removed from `sys.modules`: the function must see a fresh interpreter.
4. When the handler is loaded, `PreloadedModules` is the first finder on `sys.meta_path`. If the
   function imports a preloaded module, it publishes that module, and those preloaded before it, to
   `sys.modules`, writes their captured output, and adds their import time to Init Duration.

The rule is that the function cannot tell the difference. If that is in doubt (a file has changed, a
module raises, hangs or imports the function's code, the state differs), `restart` replaces this
process by a new one that does not preload the module in question.

Without it, everything works as before, but cold starts take as long as their imports.
"""

import contextlib
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from lambda_live.environments.runtime_process.function_code import FunctionCode
from lambda_live.environments.runtime_process.import_recorder import Import
from lambda_live.environments.runtime_process.import_timer import ImportTimer, Timing
from lambda_live.environments.runtime_process.output_capture import OutputCapture

MAX_CLOCK_SKEW_SECONDS = 0.05
"""A file system's clock may be behind the system's by this much."""


class _OwnCodeGuard:
    """A finder that calls `on_own_import` if a module imports the function's code."""

    def __init__(self, code: FunctionCode, on_own_import: Callable[[], None]) -> None:
        self._code = code
        self._on_own_import = on_own_import

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a top-level module."""
        if path is not None or fullname in sys.builtin_module_names:
            return None
        spec = PathFinder.find_spec(fullname, None, target)
        if self._code.is_own_module(spec):
            self._on_own_import()
        return spec


class _PreloadedLoader:
    """A loader that returns a module that exists already."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = getattr(module, "__spec__", None)

    def spec(self, name: str) -> ModuleSpec:
        """Return a spec with this loader and the locations of the module's own spec."""
        origin = getattr(self._spec, "origin", None)
        spec = ModuleSpec(name, self, origin=origin)  # type: ignore[arg-type]  # typeshed requires a subclass of importlib.abc's
        spec.submodule_search_locations = getattr(self._spec, "submodule_search_locations", None)
        spec.has_location = getattr(self._spec, "has_location", False)
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002  # importlib's signature
        """Return the module."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Restore the module's own spec, which importlib has replaced by the loader's."""
        with contextlib.suppress(AttributeError):  # a module may be any object
            module.__spec__ = self._spec


class PreloadedImport:
    """One import, and all modules that it loaded."""

    def __init__(self, name: str, fingerprint: str) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.modules: dict[str, ModuleType] = {}
        self.duration_ms = 0.0
        self.timings: list[Timing] = []
        self.output = b""

    def run(self) -> None:
        """Import the module."""
        before = set(sys.modules)
        start = time.perf_counter()
        with ImportTimer() as timer:
            importlib.import_module(self.name)
        self.timings = timer.timings
        self.duration_ms = (time.perf_counter() - start) * 1000
        self.modules = {name: sys.modules[name] for name in sys.modules if name not in before}


class PreloadedModules:
    """Imports modules in advance, and is the finder that publishes them to the function."""

    def __init__(
        self, code: FunctionCode, fingerprint: Callable[[], str], restart: Callable[[str], None]
    ) -> None:
        """`restart` replaces this process; its argument is the import to exclude, or empty."""
        self.is_strict = True
        self.published_ms = 0.0
        """Import time of the published modules."""
        self._code = code
        self._fingerprint = fingerprint
        self._restart = restart
        self._imports: list[PreloadedImport] = []
        self._index_by_module: dict[str, int] = {}
        self._published_count = 0
        self._started_at = 0.0
        self._fingerprint_after = ""

    def preload(self, imports: Iterable[Import], capture: OutputCapture) -> None:
        """Import each module, as long as the process is in the recorded state."""
        self._started_at = time.time()
        guard = _OwnCodeGuard(self._code, lambda: self._restart(self.current))
        # the guard stands in for the recorder, so `sys.meta_path` has the recorded length
        sys.meta_path.insert(0, guard)
        for name, fingerprint in imports:
            if self._fingerprint() != fingerprint:
                break
            self._imports.append(PreloadedImport(name, fingerprint))
            try:
                self._imports[-1].run()
            except BaseException:  # noqa: BLE001  # the function gets the error, if it imports this
                self._restart(name)
            self._imports[-1].output = capture.read_new()
        sys.meta_path.remove(guard)
        self._hide()

    @property
    def current(self) -> str:
        """The module that is being preloaded, or was last."""
        return self._imports[-1].name if self._imports else ""

    @property
    def published(self) -> list[Import]:
        """The imports whose modules the function has received."""
        return [(one.name, one.fingerprint) for one in self._imports[: self._published_count]]

    @property
    def published_timings(self) -> list[Timing]:
        """The import times of the modules that the function has received."""
        published = self._imports[: self._published_count]
        return [timing for one in published for timing in one.timings]

    def _hide(self) -> None:
        for index, one in enumerate(self._imports):
            for name in one.modules:
                self._index_by_module[name] = index
                sys.modules.pop(name, None)

    def start_handler_load(self) -> None:
        """Prepare for the load of the handler; restart if a preloaded module is outdated."""
        importlib.invalidate_caches()
        if self._imports and self._is_stale():
            self._restart("")
        self._fingerprint_after = self._fingerprint()

    def _is_stale(self) -> bool:
        """Whether a module's file has changed, or a new file now takes precedence over it."""
        names = self._index_by_module
        specs = {name: getattr(self._module(name), "__spec__", None) for name in names}
        files = {spec.origin for spec in specs.values() if spec is not None and spec.has_location}
        if any(self._is_newer(file) for file in files):
            return True
        folders = [folder for folder in sys.path if os.path.isdir(folder)]
        if not any(map(self._is_newer, folders)):
            return False
        return any(self._is_shadowed(name, spec) for name, spec in specs.items())

    def _module(self, name: str) -> ModuleType:
        return self._imports[self._index_by_module[name]].modules[name]

    def _is_newer(self, path: str) -> bool:
        try:
            return os.stat(path).st_ctime > self._started_at - MAX_CLOCK_SKEW_SECONDS
        except OSError:
            return True

    def _is_shadowed(self, name: str, spec: ModuleSpec | None) -> bool:
        if spec is None or not spec.has_location or "." in name:
            return False
        found = PathFinder.find_spec(name)
        return found is not None and found.origin != spec.origin

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002  # importlib's signature
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Publish a preloaded module, and return a spec that loads it."""
        index = self._index_by_module.get(fullname)
        if index is None:
            return None
        if self.is_strict and self._fingerprint() != self._fingerprint_after:
            self._restart("")
        module = self._module(fullname)
        self._publish(index)
        sys.modules.pop(fullname, None)
        return _PreloadedLoader(module).spec(fullname)

    def _publish(self, index: int) -> None:
        """Publish all imports up to `index`: later ones were made on top of earlier ones."""
        for one in self._imports[self._published_count : index + 1]:
            for name, module in one.modules.items():
                sys.modules.setdefault(name, module)
                del self._index_by_module[name]
            self.published_ms += one.duration_ms
            if one.output:
                os.write(1, one.output)
        self._published_count = max(self._published_count, index + 1)

    def fingerprint_without_preload(self) -> str:
        """Return the fingerprint that the process would have if it had not preloaded."""
        fingerprint = self._fingerprint()
        if self._published_count < len(self._imports) and fingerprint == self._fingerprint_after:
            return self._imports[self._published_count].fingerprint
        return fingerprint
