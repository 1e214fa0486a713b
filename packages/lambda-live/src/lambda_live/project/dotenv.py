"""
What a function's variables are on this machine alone: those of `.env`, and those that are named.

A line `NAME` passes the variable of the shell that the service was started from, as in Docker's
`--env-file`; nothing else of that shell reaches a function, but where AWS's endpoints are.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lambda_live.model.template_error import TemplateError

_ENDPOINTS = "AWS_ENDPOINT_URL"


class DotEnv:
    """
    Reads the file, and the `FILE.NAME` of a function called so, which comes first.

    What is `named` on the command line, as `NAME` or `NAME=VALUE`, comes before both.
    """

    def __init__(self, file: Path, named: Sequence[str], environ: Mapping[str, str]) -> None:
        self._file = file
        self._named = tuple(named)
        self._environ = environ

    def files(self, *functions: str) -> Iterator[Path]:
        """Return the files that are read if they are there."""
        yield self._file
        for name in functions:
            yield self._file.with_name(f"{self._file.name}.{name}")

    def variables_for(self, *functions: str) -> dict[str, str]:
        """
        Return the variables of a function, or of no function in particular.

        Raises:
            TemplateError: A line of a file is wrong.
        """
        environ = self._environ
        found = {name: value for name, value in environ.items() if name.startswith(_ENDPOINTS)}
        for file in self.files(*functions):
            found |= self._resolve(_read(file)) if file.is_file() else {}
        named = (text.partition("=") for text in self._named)
        return found | self._resolve({name: value if is_ else None for name, is_, value in named})

    def _resolve(self, variables: Mapping[str, str | None]) -> dict[str, str]:
        known = {
            name: self._environ.get(name) if value is None else value
            for name, value in variables.items()
        }
        return {name: value for name, value in known.items() if value is not None}


def _read(file: Path) -> dict[str, str | None]:
    from dotenv import dotenv_values  # noqa: PLC0415  # few starts need it
    from dotenv.parser import parse_stream  # noqa: PLC0415

    with file.open(encoding="utf-8") as stream:
        for binding in parse_stream(stream):
            if binding.error:
                wrong, instead = "this is no variable", "write NAME=VALUE"
                raise TemplateError(file, binding.original.line, wrong, instead)
    return dotenv_values(file, encoding="utf-8")
