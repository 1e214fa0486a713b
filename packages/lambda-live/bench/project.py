"""A copy of the function in a directory of its own; which save answers can be told."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
_SUBJECT = Path(__file__).parent / "subject"
_ORIGINAL = "The received message is: "
_SMYTH = """\
[tool.smyth]
host = "127.0.0.1"

[tool.smyth.handlers.function]
handler_path = "subject.app.lambda_handler"
url_path = "/{path:path}"
log_level = "ERROR"
"""


class Edited:
    """A file whose saved version number shows in each answer: `v7: 'message'`."""

    def __init__(self, app: Path, version: int = 0) -> None:
        self._app = app
        self._template = (_SUBJECT / "app.py").read_text()
        if self._template.count(_ORIGINAL) != 1:
            message = f"{app} has no single {_ORIGINAL!r} to edit"
            raise ValueError(message)
        self.version = version

    def save(self) -> None:
        """Save the next version, by turns in place and by a rename, as editors do."""
        self.version += 1
        text = self._template.replace(_ORIGINAL, f"v{self.version}: ")
        if self.version % 2:
            self._app.write_text(text)
        else:
            new = self._app.with_name(f".{self._app.name}.new")
            new.write_text(text)
            new.rename(self._app)


def make(directory: Path) -> Path:
    """Fill the directory; return it."""
    copy = directory / "subject"
    shutil.copytree(_SUBJECT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (directory / "pyproject.toml").write_text(_SMYTH)
    Edited(copy / "app.py", -1).save()
    return directory


def app(project: Path) -> Path:
    """Return the file that is edited."""
    return project / "subject" / "app.py"
