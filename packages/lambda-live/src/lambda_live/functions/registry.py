"""The functions of a service, by name and by Host header."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from lambda_live.functions.function import Function


def is_function_host(host: str) -> bool:
    """Return whether a Host header has the form of a function's: `NAME.localhost`."""
    return host.lower().partition(":")[0].removesuffix(".").endswith(".localhost")


class FunctionRegistry:
    """There is always at least one function."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}
        self._by_host: dict[str, Function] = {}

    def add(self, function: Function) -> None:
        """Add a function."""
        name = function.configuration.name
        self._functions[name] = self._by_host[name.lower()] = function

    def remove(self, name: str) -> Function:
        """Remove and return a function."""
        removed = self._functions.pop(name)
        # the name may be the same as another one except for case: a function was renamed
        self._by_host = {each.lower(): function for each, function in self._functions.items()}
        return removed

    @property
    def default(self) -> Function:
        """The first function, for requests that name none."""
        return next(iter(self._functions.values()))

    def __len__(self) -> int:
        return len(self._functions)

    def __iter__(self) -> Iterator[Function]:
        return iter(list(self._functions.values()))

    def get(self, name: str) -> Function | None:
        """Return the function of that name, or None."""
        return self._functions.get(name)

    def by_host(self, host: str) -> Function | None:
        """Return the function that a Host header such as `NAME.localhost` names, or None."""
        name, dot, _ = host.lower().partition(".")
        return self._by_host.get(name) if dot else None

    def by_host_or_only(self, host: str) -> Function | None:
        """
        Return the function that a Host header names, or the only function.

        `NAME.localhost` stands for the function with that name only.
        """
        is_only = self.has_root_url and not is_function_host(host)
        return self.by_host(host) or (self.default if is_only else None)

    @property
    def has_root_url(self) -> bool:
        """Whether the service's own URL is that of a function: of the only one, without an API."""
        return len(self._functions) == 1 and self.default.desired_configuration.url.is_at_root

    def host_headers(self, name: str, url: str) -> dict[str, str]:
        """Return the headers that lead a request for the service's `url` to this function."""
        if len(self._functions) == 1:
            return {}
        return {"Host": f"{name.lower()}.localhost:{urlsplit(url).port}"}

    @property
    def is_loaded(self) -> bool:
        """Whether every function answers requests."""
        return all(function.is_loaded for function in self)
