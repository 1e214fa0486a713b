"""The functions of one service."""

from collections.abc import Iterator, Sequence

from lambda_local.function.function import Function


class Functions:
    """Knows each by its name; the first is the one that is meant where none is named."""

    def __init__(self, functions: Sequence[Function]) -> None:
        self._functions = {function.configuration.name: function for function in functions}
        self._by_host = {name.lower(): function for name, function in self._functions.items()}
        self.default = functions[0]

    def __len__(self) -> int:
        return len(self._functions)

    def __iter__(self) -> Iterator[Function]:
        return iter(list(self._functions.values()))

    def get(self, name: str) -> Function | None:
        """Return the function of that name, if there is one."""
        return self._functions.get(name)

    def of_host(self, host: str) -> Function | None:
        """Return the function whose URL a Host header names: `NAME.localhost`, or the only one."""
        name, dot, _ = host.lower().partition(".")
        if dot and name in self._by_host:
            return self._by_host[name]
        return self.default if len(self._functions) == 1 else None

    @property
    def loaded(self) -> bool:
        """Whether the code of each has been loaded, well or badly."""
        return all(function.loaded for function in self)
