"""What was given: the functions, and how to serve them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.service import ServiceSettings


@dataclass(frozen=True, slots=True)
class Config:
    """What was given: the functions, one at least, and how to serve them."""

    functions: tuple[FunctionConfiguration, ...]
    service: ServiceSettings
    notices: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    """Those that say what the functions are, or would if they were there."""

    template: Path | None = None
    """The one of them that is the template."""

    reader: Callable[[], "Config"] | None = field(default=None, compare=False)

    def reload(self) -> "Config":
        """
        Return what the files say now.

        Raises:
            TemplateError: One of them is wrong.
        """
        return self.reader() if self.reader else self
