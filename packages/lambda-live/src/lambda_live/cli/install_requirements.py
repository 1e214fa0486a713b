"""
Install what the functions require, for their own tests.

`python -m lambda_live.cli.install_requirements` prints the folders as PYTHONPATH lists them.
"""

import os
import sys
from pathlib import Path

from lambda_live.cli.describe import load_template
from lambda_live.dependencies.packages import install
from lambda_live.dependencies.requirements import cache_key, spec_requirements
from lambda_live.model.requirements import InstallError
from lambda_live.model.template_error import TemplateError


def install_all(project: Path) -> list[Path]:
    """
    Return the folders, after they were filled; a Poetry project's own environment has its packages.

    Raises:
        TemplateError, InstallError: As they say.
    """
    wanted = {
        cache_key(each): each
        for function in load_template(project).functions
        for each in spec_requirements(function, project)
        if each.source != project / "poetry.lock"
    }
    return [install(each, _say) for each in wanted.values()]


def _say(text: str) -> None:
    sys.stderr.write(f"lambda_live: {text}\n")


def main() -> None:
    """Print them; exit with 2 and the reason if that can't be."""
    try:
        sys.stdout.write(os.pathsep.join(map(str, install_all(Path.cwd()))))
    except (TemplateError, InstallError) as error:
        _say(str(error))
        sys.exit(2)


if __name__ == "__main__":
    main()
