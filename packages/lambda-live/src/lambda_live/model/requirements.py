"""The Python packages that a function needs, as pip reads them."""

from dataclasses import dataclass, field
from pathlib import Path

from lambda_live.model.interpreter import SERVICE_INTERPRETER, Interpreter
from lambda_live.model.template_error import short_path


class InstallError(Exception):
    """
    Requirements cannot be read or installed; the text says why.

    `source` is the file that a person edits to fix them, if it is known.
    """

    def __init__(self, text: str, source: Path | None = None) -> None:
        super().__init__(text)
        self.source = source


@dataclass(frozen=True, slots=True)
class PackageState:
    """Whether a function has the packages that it requires now. If not, it has older ones."""

    is_installing: bool = False
    error: InstallError | None = None

    @property
    def label(self) -> str:
        """`installing`, `failed`, or empty if the function has its packages."""
        return "installing" if self.is_installing else "failed" if self.error else ""


@dataclass(frozen=True, slots=True)
class Requirements:
    """
    What pip installs.

    `source` is the file that a person edits to change them. `text` is a requirements file, and
    `files` are the local files that it needs. Relative names in `text` start at `directory`.
    `python` is the interpreter that pip installs for. `name` is shown in place of `source`.

    `folders` are packages of the repository that functions import from their source. `text` names
    them relative to `directory` or `project`, unless it comes from a lock file. `direct` are
    requirements of a lock file that are not from an index, such as a Git repository. They become
    requirements of their own with `is_direct`, which pip installs without hashes and without
    dependencies: the lock file has these as well.
    """

    source: Path
    text: str
    files: tuple[Path, ...] = ()
    directory: Path = field(default_factory=Path)
    python: Interpreter = SERVICE_INTERPRETER
    name: str = ""
    folders: tuple[Path, ...] = ()
    project: Path = field(default_factory=Path)
    direct: tuple[str, ...] = ()
    is_direct: bool = False

    @property
    def label(self) -> str:
        """The name that messages show."""
        return self.name or short_path(self.source)

    @property
    def is_lock(self) -> bool:
        """Whether the text lists what the folders require, but not the folders."""
        return self.source.name != "requirements.txt"
