"""Modules that were imported before the function asks for them."""

import contextlib
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from lambda_live.environments.runtime_process.function_code import Own
from lambda_live.environments.runtime_process.output_capture import Capture

TICK = 0.05
"""Seconds by which a file system's clock may be late."""


class _Guard:
    """A finder that lets nothing import the function's own modules."""

    def __init__(self, own: Own, refuse: Callable[[], None]) -> None:
        self._own = own
        self._refuse = refuse

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Part of the import protocol."""
        if path is not None or fullname in sys.builtin_module_names:
            return None
        spec = PathFinder.find_spec(fullname, None, target)
        if self._own.module(spec):
            self._refuse()
        return spec


class _Imported:
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


class _Lot:
    """What one import brought."""

    def __init__(self, name: str, state: str) -> None:
        self.name = name
        self.state = state
        self.modules: dict[str, ModuleType] = {}
        self.milliseconds = 0.0
        self.written = b""

    def fetch(self) -> None:
        """Import it."""
        before = set(sys.modules)
        begin = time.perf_counter()
        importlib.import_module(self.name)
        self.milliseconds = (time.perf_counter() - begin) * 1000
        self.modules = {name: sys.modules[name] for name in sys.modules if name not in before}


class Stock:
    """
    A finder of what it has imported itself.

    Until the function asks, `sys.modules` knows nothing of it. What the function has after asking
    is what it would have had by its own import, or `again` starts the process anew, without.
    """

    def __init__(self, own: Own, state: Callable[[], str], again: Callable[[str], None]) -> None:
        self._own = own
        self._state = state
        self._again = again
        self._lots: list[_Lot] = []
        self._places: dict[str, int] = {}
        self._given = 0
        self._began = 0.0
        self._end = ""
        self.strict = True
        self.milliseconds = 0.0
        """What the function would have spent on what it asked for."""

    def fill(self, wanted: Iterable[tuple[str, str]], capture: Capture) -> None:
        """Import each, as long as the process is as it was when the function did."""
        self._began = time.time()
        guard = _Guard(self._own, lambda: self._again(self.fetching))
        sys.meta_path.insert(0, guard)
        for name, state in wanted:
            # this finder is not there yet, the guard is: as many as when the function asked
            if self._state() != state:
                break
            self._lots.append(_Lot(name, state))
            try:
                self._lots[-1].fetch()
            except BaseException:  # noqa: BLE001  # the function shall meet it, if it still asks
                self._again(name)
            self._lots[-1].written = capture.taken()
        sys.meta_path.remove(guard)
        self._put_away()

    @property
    def fetching(self) -> str:
        """The module that is imported now, or was last."""
        return self._lots[-1].name if self._lots else ""

    @property
    def given(self) -> list[tuple[str, str]]:
        """Each import that the function has what it brought of, and in which state it was made."""
        return [(lot.name, lot.state) for lot in self._lots[: self._given]]

    def _put_away(self) -> None:
        for index, lot in enumerate(self._lots):
            for name in lot.modules:
                self._places[name] = index
                sys.modules.pop(name, None)

    def open(self) -> None:
        """Take it that the function loads now."""
        importlib.invalidate_caches()
        if self._lots and self._stale():
            self._again("")
        self._end = self._state()

    def _stale(self) -> bool:
        """Whether a module's file has changed since, or another module's has come before it."""
        specs = {name: getattr(self._module(name), "__spec__", None) for name in self._places}
        files = {spec.origin for spec in specs.values() if spec is not None and spec.has_location}
        if any(self._is_newer(file) for file in files):
            return True
        folders = [folder for folder in sys.path if os.path.isdir(folder)]
        if not any(map(self._is_newer, folders)):
            return False
        return any(self._is_hidden(name, spec) for name, spec in specs.items())

    def _module(self, name: str) -> ModuleType:
        return self._lots[self._places[name]].modules[name]

    def _is_newer(self, path: str) -> bool:
        try:
            return os.stat(path).st_ctime > self._began - TICK
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
        place = self._places.get(fullname)
        if place is None:
            return None
        if self.strict and self._state() != self._end:
            self._again("")
        module = self._module(fullname)
        self._give(place)
        sys.modules.pop(fullname, None)
        return _Imported(module).spec(fullname)

    def _give(self, place: int) -> None:
        """Have all up to there: what comes later was imported on what came before."""
        for lot in self._lots[self._given : place + 1]:
            for name, module in lot.modules.items():
                sys.modules.setdefault(name, module)
                del self._places[name]
            self.milliseconds += lot.milliseconds
            if lot.written:
                os.write(1, lot.written)
        self._given = max(self._given, place + 1)

    def natural_state(self) -> str:
        """Return what `state` would be, had nothing been imported ahead."""
        state = self._state()
        if self._given < len(self._lots) and state == self._end:
            return self._lots[self._given].state
        return state
