"""
Variables that a function has on this machine only: from `.env` and from `--env`.

A line `NAME` without a value passes the variable of the shell that started the service, as in
Docker's `--env-file`. The only other variables of the shell that functions get are AWS's endpoints.
"""

from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path

from lambda_live.model.template_error import TemplateError, read_text
from lambda_live.model.text_files import is_given

_ENDPOINT_PREFIX = "AWS_ENDPOINT_URL"


class DotEnv:
    """
    Reads FILE for all functions, and FILE.NAME for the function NAME, which comes first.

    `assignments` from the command line, as NAME or NAME=VALUE, come before both.
    """

    def __init__(self, file: Path, assignments: Sequence[str], environ: Mapping[str, str]) -> None:
        self._file = file
        self._assignments = tuple(assignments)
        self._environ = environ

    def files(self, *functions: str) -> Iterator[Path]:
        """Return the files for these functions, existing or not."""
        yield self._file
        for name in functions:
            yield self._file.with_name(f"{self._file.name}.{name}")

    def variables_for(self, *functions: str) -> dict[str, str]:
        """Return the variables of a function, or those of all functions. Raises TemplateError."""
        environ = self._environ
        found = {
            name: value for name, value in environ.items() if name.startswith(_ENDPOINT_PREFIX)
        }
        for file in self.files(*functions):
            if is_given(file):
                found |= self._resolve(_read(file))
        pairs = (text.partition("=") for text in self._assignments)
        assigned = {name: value if equals else None for name, equals, value in pairs}
        return found | self._resolve(assigned)

    def _resolve(self, variables: Mapping[str, str | None]) -> dict[str, str]:
        resolved = {
            name: self._environ.get(name) if value is None else value
            for name, value in variables.items()
        }
        return {name: value for name, value in resolved.items() if value is not None}


def _read(file: Path) -> dict[str, str | None]:
    from dotenv import dotenv_values  # noqa: PLC0415  # needed only if there is such a file
    from dotenv.parser import parse_stream  # noqa: PLC0415

    text = read_text(file, "make it readable")
    for binding in parse_stream(StringIO(text)):
        if binding.error or "\0" in binding.original.string:
            problem, hint = "invalid line", "write NAME=VALUE"
            raise TemplateError(file, binding.original.line, problem, hint)
    # Docker's --env-file has no interpolation either: a password may contain ${
    return dotenv_values(stream=StringIO(text), interpolate=False)
