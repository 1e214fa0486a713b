"""What is given, put together from the command line, the environment, the template and `.env`."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lambda_live.dependencies.cache import cache_dir
from lambda_live.model.function import DEFAULT_CONCURRENCY, Account, FunctionConfiguration
from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.model.service import ServiceSettings
from lambda_live.model.template import FunctionSpec, FunctionUrlConfig, Template
from lambda_live.model.template_error import TemplateError
from lambda_live.project import samconfig
from lambda_live.project.cdk import cloud_assembly
from lambda_live.project.config import Config
from lambda_live.project.dotenv import DotEnv
from lambda_live.project.notices import collect_notices
from lambda_live.project.samconfig import SamConfig
from lambda_live.project.template import discovery
from lambda_live.telemetry import levels

_DEFAULT_ACCOUNT = Account()
_ACCOUNT_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCOUNT_ID")
_MAX_CONCURRENCY = 1000


def load_config(given: argparse.Namespace, environ: Mapping[str, str], root: Path) -> Config:
    """
    Return what is given, by the files as they are now.

    `given.cli_only` is what the command line alone says.

    Raises:
        TemplateError: One of the files is wrong.
    """
    local = DotEnv(root / given.env_file, given.env, environ)
    environ = {
        **environ,
        **{
            name: value
            for name, value in local.variables_for().items()
            if name in _ACCOUNT_VARIABLES
        },
    }
    path = _path(given, root)
    project = root if path is None else cloud_assembly.app_folder(path) or path.parent
    sam = samconfig.read_samconfig(project) if path else SamConfig()
    if sam.region and not (environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")):
        environ["AWS_REGION"] = sam.region
    template = _template(path, given, environ, root, sam)
    path, account = template.path, _account(environ)
    if given.name and len(template.functions) > 1:
        wrong = "--name is for one function; the template names several"
        raise TemplateError(path or root, None, wrong, "leave --name out")
    given.limits = given.cli_only if len(template.functions) > 1 else given
    functions = tuple(
        replace(
            _configuration(each, given, environ, account, template=path),
            project=project,
            local_environment=_sam_variables(each, sam) | local.variables_for(each.name),
        )
        for each in template.functions
    )
    templates = (*_templates(given, root, path), *template.files)
    files = (*templates, *sam.files, *local.files(*(each.name for each in functions)))
    return Config(functions, _service(given), tuple(collect_notices(template)), files, path)


def _path(given: argparse.Namespace, root: Path) -> Path | None:
    """Return where the template is, if there is one. Raises TemplateError."""
    if given.handler:
        return None
    return root / given.template if given.template else discovery.find_template(root)


def _template(
    path: Path | None,
    given: argparse.Namespace,
    environ: Mapping[str, str],
    root: Path,
    sam: SamConfig,
) -> Template:
    """Return the template, or what stands for one. Raises TemplateError."""
    if path is None:
        return discovery.default_template(root, given.handler, build_dir=cache_dir(""))
    from lambda_live.project.template.reader import read_template  # noqa: PLC0415  # YAML, which few starts need

    overrides = {**sam.parameters, **dict(text.split("=", 1) for text in given.parameter)}
    region = _account(environ).region
    return read_template(path, overrides, region, build_dir=cache_dir(""), deployed=sam.deployed)


def _sam_variables(function: FunctionSpec, sam: SamConfig) -> dict[str, str]:
    names = (function.logical_id.rpartition("/")[2], function.logical_id, function.name)
    return sam.variables_for(*names, declared=function.environment or {})


def _templates(given: argparse.Namespace, root: Path, found: Path | None) -> tuple[Path, ...]:
    """Return the files that would be the template if they were there."""
    if given.handler:
        return ()
    return (root / given.template,) if given.template else discovery.candidate_files(root, found)


def _configuration(
    function: FunctionSpec,
    given: argparse.Namespace,
    environ: Mapping[str, str],
    account: Account,
    *,
    template: Path | None,
) -> FunctionConfiguration:
    limits, watch, reserved = given.limits, given.watch, _reserved(function, given)
    concurrency = DEFAULT_CONCURRENCY if reserved is None else min(reserved, _MAX_CONCURRENCY)
    log_format = environ.get("AWS_LAMBDA_LOG_FORMAT") or function.logging.format
    layers = tuple(layer.content for layer in function.layers)
    bundle = (function.cdk_bundle,) if function.cdk_bundle else ()
    return FunctionConfiguration(
        name=given.name or function.name,
        handler=function.handler,
        task_root=function.code_uri,
        watched_paths=(function.code_uri, *layers) if watch is None else watch,
        account=account,
        timeout=limits.timeout or float(function.timeout),
        memory=limits.memory or function.memory,
        concurrency=min(concurrency, 1) if given.debug else concurrency,
        json_logs=log_format.lower() == "json",
        application_log_level=limits.application_log_level or function.logging.application_level,
        system_log_level=limits.system_log_level
        or function.logging.system_level
        or levels.DEFAULT_LEVEL,
        environment=dict(function.environment or {}),
        image=function.image,
        public_layer_requirements=function.public_layer_requirements,
        package_dirs=(*(layer.modules for layer in function.layers), *bundle),
        layer_sources=function.layer_sources,
        has_reserved_concurrency=reserved is not None,
        url=function.url or FunctionUrlConfig(),
        event_invoke_config=function.event_invoke_config,
        routes=function.routes,
        runtime=function.runtime if template or function.image else SERVICE_INTERPRETER.runtime,
    )


def _reserved(function: FunctionSpec, given: argparse.Namespace) -> int | None:
    sources = (given.cli_only.concurrency, function.reserved_concurrency, given.concurrency)
    return next((each for each in sources if each is not None), None)


def _account(environ: Mapping[str, str]) -> Account:
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    return Account(
        region or _DEFAULT_ACCOUNT.region,
        environ.get("AWS_ACCOUNT_ID") or _DEFAULT_ACCOUNT.account_id,
    )


def _service(given: argparse.Namespace) -> ServiceSettings:
    return ServiceSettings(
        host=given.host,
        port=given.port,
        admin_host=given.admin_host,
        admin_port=given.admin_port,
        allowed_hosts=given.allowed_hosts,
        max_queued_requests=given.queue,
        queue_timeout=given.queue_timeout,
        shutdown_timeout=given.shutdown_timeout,
        reload_command=given.after_reload,
        debug_port=given.debug_port if given.debug else None,
        replay=given.replay,
        public_url=given.public_url,
        editor_root=given.editor_root,
        pods=given.pods,
        is_interactive=given.terminal,
        accept_command=given.accept,
        preload=given.preload,
    )
