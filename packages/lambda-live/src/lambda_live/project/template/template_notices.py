"""The notices about one template, each with its line, and each once."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from lambda_live.model.template_error import place_of
from lambda_live.project.template.values import Unresolved

_is_muted: ContextVar[bool] = ContextVar("_is_muted", default=False)


@contextmanager
def muted() -> Iterator[None]:
    """Record no notice: the value is only compared, and need not be known."""
    token = _is_muted.set(True)
    try:
        yield
    finally:
        _is_muted.reset(token)


class TemplateNotices:
    """
    Collects the notices about one template.

    `line` is the line of the value that is read now. `variable` is the environment variable that
    the value is for: `.env` can set it.
    """

    def __init__(self, template: Path) -> None:
        self.line: int | None = None
        self.variable = ""
        self._template = template
        self._notices: dict[str, tuple[int | None, str]] = {}

    @contextmanager
    def at_line(self, line: int) -> Iterator[None]:
        """Attribute the notices to this line, unless an inner call has a line of its own."""
        before, self.line = self.line, line
        try:
            yield
        finally:
            self.line = before

    @contextmanager
    def in_variable(self, name: str) -> Iterator[None]:
        """Attribute the notices to an environment variable."""
        self.variable = name
        try:
            yield
        finally:
            self.variable = ""

    def add(self, line: int | None, notice: str, subject: str | None = None) -> None:
        """Add a notice, `PROBLEM; HINT`, once for each line, or for each subject."""
        if not _is_muted.get():
            self._notices.setdefault(subject or f"{line}: {notice}", (line, notice))

    def __iter__(self) -> Iterator[str]:
        """Yield the notices as `PATH:LINE: PROBLEM; HINT`."""
        for line, notice in self._notices.values():
            yield f"{place_of(self._template, line)}: {notice}"

    def why(self, value: Unresolved) -> str:
        """Return the notice about a value without its place."""
        _, notice = self._notices.get(value) or (None, "")
        parts = (each for subject, (_, each) in self._notices.items() if subject in value)
        return notice or next(parts, "it is only known after deployment")
