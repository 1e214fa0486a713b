"""
`lambda-live install`: install what the functions require, for their own tests.

It prints the folders with the packages, separated as in PYTHONPATH.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lambda_live.cli.describe import load_template
from lambda_live.cli.parser import CommandParser, log
from lambda_live.dependencies.installation import install
from lambda_live.dependencies.local_packages import import_roots
from lambda_live.dependencies.pip_input import cache_key
from lambda_live.dependencies.requirements import collect_requirements


def install_all(project: Path) -> list[Path]:
    """
    Install the requirements of all functions; return the folders with the packages.

    The project's own poetry.lock is left out: its packages are in the project's environment.

    Raises:
        TemplateError: The template is invalid.
        InstallError: Requirements cannot be read or installed.
    """
    unique = {
        cache_key(each): each
        for function in load_template(project).functions
        for each in collect_requirements(function, project)
        if each.source != project / "poetry.lock"
    }
    folders = [folder for each in unique.values() for folder in each.folders]
    roots = [root for folder in dict.fromkeys(folders) for root in import_roots(folder)]
    return [*roots, *(install(each, log) for each in unique.values() if each.text)]


def main(arguments: Sequence[str]) -> None:
    """Run the command. Raises TemplateError, InstallError."""
    CommandParser("install", "Install the functions' requirements and print the folders.").parse(
        arguments
    )
    sys.stdout.write(os.pathsep.join(map(str, install_all(Path.cwd()))))
