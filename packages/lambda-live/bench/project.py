"""The project that is measured: a function whose response shows the saved version."""

import shutil
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
REPOSITORY = PACKAGE.parents[1]
_SUBJECT = Path(__file__).parent / "subject"
_REPLACED_TEXT = "The received message is: "
_SMYTH = """\
[tool.smyth]
host = "127.0.0.1"

[tool.smyth.handlers.function]
handler_path = "subject.app.lambda_handler"
url_path = "/{path:path}"
log_level = "ERROR"
"""


class VersionedHandler:
    """A handler's file. Each response shows its version: `v7: 'message'`."""

    def __init__(self, app: Path, version: int = 0) -> None:
        self._app = app
        self._template = (_SUBJECT / "app.py").read_text()
        if self._template.count(_REPLACED_TEXT) != 1:
            message = f"{app} has no single {_REPLACED_TEXT!r} to edit"
            raise ValueError(message)
        self.version = version

    def save(self) -> None:
        """Save the next version, in turns in place and by a rename, like editors."""
        self.version += 1
        text = self._template.replace(_REPLACED_TEXT, f"v{self.version}: ")
        if self.version % 2:
            self._app.write_text(text)
        else:
            new = self._app.with_name(f".{self._app.name}.new")
            new.write_text(text)
            new.rename(self._app)


def create_project(directory: Path) -> Path:
    """Write the project into a directory; return the directory."""
    copy = directory / "subject"
    shutil.copytree(_SUBJECT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (directory / "pyproject.toml").write_text(_SMYTH)
    VersionedHandler(copy / "app.py", -1).save()
    return directory


def handler_file(project: Path) -> Path:
    """Return the handler's file."""
    return project / "subject" / "app.py"
