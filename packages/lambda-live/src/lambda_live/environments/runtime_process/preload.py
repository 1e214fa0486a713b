"""Modules that were imported before the function asks for them."""

import contextlib
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from lambda_live.environments.runtime_process.function_code import FunctionCode
from lambda_live.environments.runtime_process.output_capture import OutputCapture

MAX_CLOCK_SKEW_SECONDS = 0.05
"""Seconds by which a file system's clock may be late."""


class _OwnCodeGuard:
    """A finder that lets nothing import the function's own modules."""

    def __init__(self, own: FunctionCode, refuse: Callable[[], None]) -> None:
        self._own = own
        self._refuse = refuse

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Part of the import protocol."""
        if path is not None or fullname in sys.builtin_module_names:
            return None
        spec = PathFinder.find_spec(fullname, None, target)
        if self._own.is_own_module(spec):
            self._refuse()
        return spec


class _PreloadedLoader:
    """A loader of what is there already."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = getattr(module, "__spec__", None)

    def spec(self, name: str) -> ModuleSpec:
        """Return what finders return, with the places of the module's own."""
        origin = getattr(self._spec, "origin", None)
        spec = ModuleSpec(name, self, origin=origin)  # type: ignore[arg-type]  # typeshed asks for importlib.abc's
        spec.submodule_search_locations = getattr(self._spec, "submodule_search_locations", None)
        spec.has_location = getattr(self._spec, "has_location", False)
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002  # the protocol's
        """Part of the import protocol."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Part of the import protocol, which has given the module a spec for this once."""
        with contextlib.suppress(AttributeError):  # a module may be any object
            module.__spec__ = self._spec


class PreloadedImport:
    """What one import brought."""

    def __init__(self, name: str, state: str) -> None:
        self.name = name
        self.fingerprint = state
        self.modules: dict[str, ModuleType] = {}
        self.duration_ms = 0.0
        self.output = b""

    def run(self) -> None:
        """Import it."""
        before = set(sys.modules)
        begin = time.perf_counter()
        importlib.import_module(self.name)
        self.duration_ms = (time.perf_counter() - begin) * 1000
        self.modules = {name: sys.modules[name] for name in sys.modules if name not in before}


class PreloadedModules:
    """
    A finder of what it has imported itself.

    Until the function asks, `sys.modules` knows nothing of it. What the function has after asking
    is what it would have had by its own import, or `again` starts the process anew, without.
    """

    def __init__(
        self, own: FunctionCode, state: Callable[[], str], restart: Callable[[str], None]
    ) -> None:
        self._own = own
        self._fingerprint = state
        self._restart = restart
        self._imports: list[PreloadedImport] = []
        self._index_by_module: dict[str, int] = {}
        self._published_count = 0
        self._started_at = 0.0
        self._fingerprint_after = ""
        self.is_strict = True
        self.published_ms = 0.0
        """What the function would have spent on what it asked for."""

    def preload(self, wanted: Iterable[tuple[str, str]], capture: OutputCapture) -> None:
        """Import each, as long as the process is as it was when the function did."""
        self._started_at = time.time()
        guard = _OwnCodeGuard(self._own, lambda: self._restart(self.current))
        sys.meta_path.insert(0, guard)
        for name, state in wanted:
            # this finder is not there yet, the guard is: as many as when the function asked
            if self._fingerprint() != state:
                break
            self._imports.append(PreloadedImport(name, state))
            try:
                self._imports[-1].run()
            except BaseException:  # noqa: BLE001  # the function shall meet it, if it still asks
                self._restart(name)
            self._imports[-1].output = capture.read_new()
        sys.meta_path.remove(guard)
        self._hide()

    @property
    def current(self) -> str:
        """The module that is imported now, or was last."""
        return self._imports[-1].name if self._imports else ""

    @property
    def published(self) -> list[tuple[str, str]]:
        """Each import that the function has what it brought of, and in which state it was made."""
        return [(lot.name, lot.fingerprint) for lot in self._imports[: self._published_count]]

    def _hide(self) -> None:
        for index, lot in enumerate(self._imports):
            for name in lot.modules:
                self._index_by_module[name] = index
                sys.modules.pop(name, None)

    def start_handler_load(self) -> None:
        """Take it that the function loads now."""
        importlib.invalidate_caches()
        if self._imports and self._is_stale():
            self._restart("")
        self._fingerprint_after = self._fingerprint()

    def _is_stale(self) -> bool:
        """Whether a module's file has changed since, or another module's has come before it."""
        specs = {
            name: getattr(self._module(name), "__spec__", None) for name in self._index_by_module
        }
        files = {spec.origin for spec in specs.values() if spec is not None and spec.has_location}
        if any(self._is_newer(file) for file in files):
            return True
        folders = [folder for folder in sys.path if os.path.isdir(folder)]
        if not any(map(self._is_newer, folders)):
            return False
        return any(self._is_hidden(name, spec) for name, spec in specs.items())

    def _module(self, name: str) -> ModuleType:
        return self._imports[self._index_by_module[name]].modules[name]

    def _is_newer(self, path: str) -> bool:
        try:
            return os.stat(path).st_ctime > self._started_at - MAX_CLOCK_SKEW_SECONDS
        except OSError:
            return True

    def _is_hidden(self, name: str, spec: ModuleSpec | None) -> bool:
        if spec is None or not spec.has_location or "." in name:
            return False
        found = PathFinder.find_spec(name)
        return found is not None and found.origin != spec.origin

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002  # the protocol's
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Part of the import protocol."""
        place = self._index_by_module.get(fullname)
        if place is None:
            return None
        if self.is_strict and self._fingerprint() != self._fingerprint_after:
            self._restart("")
        module = self._module(fullname)
        self._publish(place)
        sys.modules.pop(fullname, None)
        return _PreloadedLoader(module).spec(fullname)

    def _publish(self, place: int) -> None:
        """Have all up to there: what comes later was imported on what came before."""
        for lot in self._imports[self._published_count : place + 1]:
            for name, module in lot.modules.items():
                sys.modules.setdefault(name, module)
                del self._index_by_module[name]
            self.published_ms += lot.duration_ms
            if lot.output:
                os.write(1, lot.output)
        self._published_count = max(self._published_count, place + 1)

    def fingerprint_without_preload(self) -> str:
        """Return what `state` would be, had nothing been imported ahead."""
        state = self._fingerprint()
        if self._published_count < len(self._imports) and state == self._fingerprint_after:
            return self._imports[self._published_count].fingerprint
        return state
