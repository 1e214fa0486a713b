"""The functions of one service."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from lambda_live.functions.function import Function


class FunctionRegistry:
    """Knows each by its name; there is always one."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}
        self._by_host: dict[str, Function] = {}

    def add(self, function: Function) -> None:
        """Know one more."""
        name = function.configuration.name
        self._functions[name] = self._by_host[name.lower()] = function

    def remove(self, name: str) -> Function:
        """Know it no more."""
        del self._by_host[name.lower()]
        return self._functions.pop(name)

    @property
    def default(self) -> Function:
        """The one that is meant where none is named."""
        return next(iter(self._functions.values()))

    def __len__(self) -> int:
        return len(self._functions)

    def __iter__(self) -> Iterator[Function]:
        return iter(list(self._functions.values()))

    def get(self, name: str) -> Function | None:
        """Return the function of that name, if there is one."""
        return self._functions.get(name)

    def by_host(self, host: str) -> Function | None:
        """Return the function that a Host header names: `NAME.localhost`."""
        name, dot, _ = host.lower().partition(".")
        return self._by_host.get(name) if dot else None

    def by_host_or_only(self, host: str) -> Function | None:
        """Return the function whose URL a Host header means: the one it names, or the only one."""
        return self.by_host(host) or (self.default if len(self._functions) == 1 else None)

    def host_headers(self, name: str, url: str) -> dict[str, str]:
        """Return what a request to this service's URL says in order to reach the function's URL."""
        if len(self._functions) == 1:
            return {}
        return {"Host": f"{name.lower()}.localhost:{urlsplit(url).port}"}

    @property
    def is_loaded(self) -> bool:
        """Whether the code of each has been loaded, well or badly."""
        return all(function.is_loaded for function in self)
