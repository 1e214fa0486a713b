"""The functions of one service."""

from collections.abc import Iterator, Sequence

from lambda_local.function.function import Function


class Functions:
    """Knows each by its name; the first is the one that is meant where none is named."""

    def __init__(self, functions: Sequence[Function]) -> None:
        self._functions = {function.configuration.name: function for function in functions}
        self.default = functions[0]

    def __iter__(self) -> Iterator[Function]:
        return iter(list(self._functions.values()))

    def get(self, name: str) -> Function | None:
        """Return the function of that name, if there is one."""
        return self._functions.get(name)

    @property
    def loaded(self) -> bool:
        """Whether the code of each has been loaded, well or badly."""
        return all(function.loaded for function in self)
