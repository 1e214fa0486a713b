"""The Python packages that a function needs, as pip reads them."""

from dataclasses import dataclass, field
from pathlib import Path

from lambda_live.model.interpreter import SERVICE_INTERPRETER, Interpreter


class InstallError(Exception):
    """Requirements cannot be read or installed; the text says why."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """
    What pip installs.

    `source` is the file that a person edits to change them. `text` is a requirements file, and
    `files` are the local files that it needs. Relative names in `text` start at `directory`.
    `python` is the interpreter that pip installs for. `name` is shown in place of `source`.
    """

    source: Path
    text: str
    files: tuple[Path, ...] = ()
    directory: Path = field(default_factory=Path)
    python: Interpreter = SERVICE_INTERPRETER
    name: str = ""

    @property
    def label(self) -> str:
        """The name that messages show."""
        return self.name or str(self.source)
