"""
`python -m lambda_live.cli.describe [--folders]`: the functions here as JSON, for scripts and Tilt.

Beside them are the other files that say what they are, as nested templates and Dockerfiles.
With `--folders` only the folders of their code, one a line.
"""

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from lambda_live.dependencies.requirements import requirement_files
from lambda_live.model.template import FunctionSpec, Template
from lambda_live.model.template_error import TemplateError
from lambda_live.project import samconfig
from lambda_live.project.cdk import cloud_assembly
from lambda_live.project.template.discovery import default_template, find_template
from lambda_live.project.template.reader import DEFAULT_REGION, read_template


def load_template(folder: Path) -> Template:
    """Return a folder's template, or what stands for one. Raises TemplateError."""
    path = find_template(folder)
    if path is None:
        return default_template(folder)
    sam = samconfig.read_samconfig(folder)
    template = read_template(
        path, sam.parameters, sam.region or DEFAULT_REGION, deployed=sam.deployed
    )
    others = (*cloud_assembly.assembly_files(folder, path), *filter(Path.is_file, sam.files))
    return replace(template, files=(*template.files, *others))


def _described(function: FunctionSpec, project: Path) -> dict[str, Any]:
    folders = [function.code_uri, *(layer.content for layer in function.layers)]
    image = function.image.files if function.image else ()
    return {
        "name": function.name,
        "handler": function.handler,
        "folders": [os.path.relpath(folder, project) for folder in folders],
        "requirements": [
            os.path.relpath(file, project)
            for file in (*requirement_files(function.code_uri, project), *image)
        ],
        "memory": function.memory,
        "timeout": function.timeout,
        "runtime": function.runtime,
        "dockerfile": os.path.relpath(image[0], project) if image else None,
    }


def main() -> None:
    """Print them; exit with 2 and one line if the template is wrong."""
    parser = argparse.ArgumentParser(prog="python -m lambda_live.cli.describe")
    parser.add_argument("--folders", action="store_true", help="only the folders of their code")
    given = parser.parse_args()
    project = Path.cwd()
    try:
        template = load_template(project)
        functions = [_described(each, project) for each in template.functions]
    except TemplateError as error:
        sys.stderr.write(f"lambda_live: {error}\n")
        sys.exit(2)
    folders = dict.fromkeys(folder for each in functions for folder in each["folders"])
    files = list(dict.fromkeys(os.path.relpath(file, project) for file in template.files))
    described = json.dumps({"functions": functions, "files": files}, indent=2)
    sys.stdout.write(
        "".join(f"{each}\n" for each in folders) if given.folders else f"{described}\n"
    )


if __name__ == "__main__":
    main()
