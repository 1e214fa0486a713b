"""
`python -m lambda_local.required`: what the functions here require, for who runs their tests.

It is installed if it is not there yet; printed are its folders, as PYTHONPATH has them.
"""

import os
import sys
from pathlib import Path

from lambda_local.code.packages import install
from lambda_local.code.requirements import InstallError
from lambda_local.template.__main__ import template_of
from lambda_local.template.error import TemplateError


def folders_of(project: Path) -> list[Path]:
    """
    Return the folders, after they were filled; a Poetry project's own environment has its packages.

    Raises:
        TemplateError, InstallError: As they say.
    """
    wanted = {
        each.key(): each
        for function in template_of(project).functions
        for each in function.required(project)
        if each.source != project / "poetry.lock"
    }
    return [install(each, _say) for each in wanted.values()]


def _say(text: str) -> None:
    sys.stderr.write(f"lambda_local: {text}\n")


def main() -> None:
    """Print them; exit with 2 and the reason if that can't be."""
    try:
        sys.stdout.write(os.pathsep.join(map(str, folders_of(Path.cwd()))))
    except (TemplateError, InstallError) as error:
        _say(str(error))
        sys.exit(2)


if __name__ == "__main__":
    main()
