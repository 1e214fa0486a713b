"""Which file of the Docker context is where in an image."""

import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

ROOT = PurePosixPath("/")


def place_of(workdir: PurePosixPath, written: str) -> PurePosixPath:
    """Return what a path means in a folder of an image; nothing is above its root."""
    return PurePosixPath(posixpath.normpath(workdir / written))


def in_context(context: Path, written: str) -> Path:
    """Return the same of the Docker context."""
    return context / place_of(ROOT, written).relative_to(ROOT)


class Tree:
    """The files and folders that were copied, the later ones over the earlier."""

    def __init__(self, copied: Sequence[tuple[PurePosixPath, Path]] = ()) -> None:
        self._copied = list(copied)

    def __iter__(self) -> Iterator[tuple[PurePosixPath, Path]]:
        return iter(self._copied)

    def find(self, path: PurePosixPath) -> Path | None:
        """Return what is at that place of the image, None if that did not come by a copy."""
        for at, source in reversed(self._copied):
            if path.is_relative_to(at):
                found = source / path.relative_to(at)
                if found.exists():
                    return found
        return None

    def put(self, sources: Sequence[Path], written: str, workdir: PurePosixPath) -> None:
        """Copy files, and what is in folders, as COPY does to what is written."""
        at = place_of(workdir, written)
        below = len(sources) > 1 or written.endswith(("/", "/.")) or written == "."
        for source in sources:
            into = below or self._is_folder(at, source)
            self._copied.append((at / source.name if source.is_file() and into else at, source))

    def put_of(self, other: "Tree", path: str, written: str, workdir: PurePosixPath) -> bool:
        """Copy what is at a place of another image; return whether anything of it is known."""
        place = place_of(ROOT, path)
        below = [each for each in other if each[0].is_relative_to(place) and each[0] != place]
        whole = other.find(place)
        if whole is not None:
            self.put([whole], written, workdir)
        for at, source in below:
            into = place_of(workdir, written)
            self._copied.append((into / at.relative_to(place), source))
        return whole is not None or bool(below)

    def below(self, folder: PurePosixPath) -> list[tuple[PurePosixPath, Path]]:
        """Return what is in a folder of the image, by its place in that."""
        found = []
        for at, source in self._copied:
            if at.is_relative_to(folder):
                found.append((at.relative_to(folder), source))
            elif folder.is_relative_to(at) and (source / folder.relative_to(at)).is_dir():
                found.append((PurePosixPath(), source / folder.relative_to(at)))
        return found

    def _is_folder(self, at: PurePosixPath, source: Path) -> bool:
        # which folders a base image has, or a RUN made, is not known
        named = bool(source.suffix) and not at.suffix
        return named or any(each.is_relative_to(at) and each != at for each, _ in self._copied)
