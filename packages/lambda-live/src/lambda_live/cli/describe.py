"""
`lambda-live describe [--folders]`: print the functions as JSON, for scripts and Tilt.

`files` are the other files that define them, such as nested templates and Dockerfiles. `aws` is
whether they need an emulator of AWS's other services in a cluster.
With `--folders` it prints only the folders of their code, one a line. With `--environment NAME` it
prints what a container of AWS's base image needs to run the function: memory and variables.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lambda_live.cli.parser import CommandParser, check_function, fail
from lambda_live.dependencies.pip_input import metadata_files
from lambda_live.dependencies.requirements import collect_requirements, requirement_files
from lambda_live.model.function import Account
from lambda_live.model.requirements import InstallError
from lambda_live.model.reserved_variables import placeholder_credentials
from lambda_live.model.template import FunctionSpec, Template
from lambda_live.project.cdk import cloud_assembly
from lambda_live.project.config import read_account, sam_variables
from lambda_live.project.dotenv import DotEnv
from lambda_live.project.notices import describe_invalid
from lambda_live.project.samconfig import read_samconfig
from lambda_live.project.template.discovery import default_template, find_template
from lambda_live.project.template.reader import read_template


def load_template(folder: Path) -> Template:
    """Return a folder's template, or the default one without a file. Raises TemplateError."""
    path = find_template(folder)
    if path is None:
        return default_template(folder)
    sam = read_samconfig(folder)
    template = read_template(path, sam.parameters, account_of(folder), deployed=sam.deployed)
    others = (*cloud_assembly.assembly_files(folder, path), *filter(Path.is_file, sam.files))
    return replace(template, files=(*template.files, *others))


def account_of(folder: Path) -> Account:
    """Return the account and region of a folder. Raises TemplateError."""
    dot_env = DotEnv(folder / ".env", (), os.environ)
    return read_account(dot_env, os.environ, read_samconfig(folder))


def _describe(function: FunctionSpec, project: Path) -> dict[str, Any]:
    folders = [function.code_uri, *(layer.content for layer in function.layers)]
    image = function.image.files if function.image else ()
    local, metadata = _local_packages(function, project)
    folders += [each for each in local if not any(map(each.is_relative_to, folders))]
    return {
        "name": function.name,
        "handler": function.handler,
        "folders": [os.path.relpath(folder, project) for folder in folders],
        "requirements": [
            os.path.relpath(file, project)
            for file in (*requirement_files(function.code_uri, project), *metadata, *image)
        ],
        "memory": function.memory,
        "timeout": function.timeout,
        "runtime": function.runtime,
        "dockerfile": os.path.relpath(image[0], project) if image else None,
    }


def _environment(function: FunctionSpec, project: Path) -> dict[str, str]:
    """
    Return the variables of a function in a container: its own, and those that AWS sets.

    AWS's emulator reads the name, the memory and the timeout from `AWS_LAMBDA_FUNCTION_*`
    (https://docs.aws.amazon.com/lambda/latest/dg/python-image.html). Raises TemplateError.
    """
    sam = read_samconfig(project)
    dot_env = DotEnv(project / ".env", (), os.environ)
    account = account_of(project)
    own = dict(function.environment or {})
    own |= sam_variables(function, sam) | dot_env.variables_for(function.name)
    return {
        **placeholder_credentials(own),
        **own,
        "AWS_DEFAULT_REGION": account.region,
        "AWS_REGION": account.region,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
    }


def _print_environment(template: Template, name: str, project: Path) -> None:
    """Print `NAME=VALUE` and a NUL for each variable: a value may have several lines."""
    found = [each for each in template.functions if each.name == name]
    if not found:
        for each in template.skipped:
            if name in (each.served_name, each.logical_id):
                fail(describe_invalid(each))
        check_function(name, [each.name for each in template.functions])
    pairs = _environment(found[0], project).items()
    sys.stdout.write("".join(f"{key}={value}\0" for key, value in pairs))


def _local_packages(function: FunctionSpec, project: Path) -> tuple[list[Path], list[Path]]:
    """Return the project's folders that a function requires as packages, and their metadata."""
    try:
        found = collect_requirements(function, project)
    except InstallError:
        return [], []  # the service reports it
    folders = [folder for each in found for folder in each.folders]
    metadata = [file for each in found for file in metadata_files(each)]
    return (
        [each for each in dict.fromkeys(folders) if each.is_relative_to(project)],
        [each for each in metadata if each.is_relative_to(project)],
    )


def main(arguments: Sequence[str]) -> None:
    """Run the command. Raises TemplateError."""
    parser = CommandParser("describe", "Print the functions of the current folder as JSON.")
    parser.add_argument("--folders", action="store_true", help="print only the folders of code")
    parser.add_argument(
        "--images", action="store_true", help="print lines of NAME, tab, DOCKERFILE if it has one"
    )
    parser.add_argument(
        "--environment", metavar="NAME", help="print NAME=VALUE and a NUL for each variable"
    )
    options = parser.parse(arguments)
    project = Path.cwd()
    template = load_template(project)
    if options.environment:
        _print_environment(template, options.environment, project)
        return
    functions = [_describe(each, project) for each in template.functions]
    if options.folders:
        folders = dict.fromkeys(folder for each in functions for folder in each["folders"])
        sys.stdout.write("".join(f"{each}\n" for each in folders))
        return
    if options.images:
        rows = (f"{each['name']}\t{each['dockerfile'] or ''}\n" for each in functions)
        sys.stdout.write("".join(rows))
        return
    files = list(dict.fromkeys(os.path.relpath(file, project) for file in template.files))
    described = {
        "functions": functions,
        "files": files,
        "aws": bool(template.resources or template.event_sources),
        "account": asdict(account_of(project)),
    }
    sys.stdout.write(f"{json.dumps(described, indent=2)}\n")
