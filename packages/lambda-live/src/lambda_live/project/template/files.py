"""The template files of one application."""

from pathlib import Path

from lambda_live.project.cdk.application import application_of
from lambda_live.project.cdk.cloud_assembly import is_manifest
from lambda_live.project.template.document import Document, Object, load

_MOST = 500
_PARTS = (".json", ".yaml", ".yml")


class Files:
    """Parses each file once, however many stacks are made of it, and knows all that count."""

    def __init__(self) -> None:
        self._documents: dict[Path, Document] = {}
        self._named: dict[Path, None] = {}
        self._stacks = 0

    def name(self, path: Path) -> None:
        """Keep in mind that it counts, whether it is there or not."""
        self._named[path] = None

    def named(self) -> tuple[Path, ...]:
        """Return all that count."""
        return tuple(self._named)

    def included(self, template: Path, location: str) -> Object | None:
        """Return what a file has that is a part of a template; None if it is not here."""
        path = template.parent / location
        if path.suffix.lower() not in _PARTS or "://" in location:
            return None
        self.name(path)
        if path not in self._documents and path.is_file():
            self._documents[path] = load(path)
        found = self._documents.get(path)
        return found.root if found else None

    def load(self, path: Path) -> Document:
        """Return a template, for one more stack. Raises TemplateError."""
        self.name(path)
        self._stacks += 1
        if path not in self._documents:
            document = load(path)
            self._documents[path] = application_of(document) if is_manifest(path) else document
        document = self._documents[path]
        if "Resources" not in document.root:
            document.wrong(1, "it has no Resources", "write the functions below Resources:")
        if self._stacks > _MOST:
            document.wrong(1, f"there are more than {_MOST} nested stacks", "serve one's template")
        return document
