"""The configuration: from the command line, environment variables, the template and `.env`."""

import argparse
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from lambda_live.dependencies.cache import cache_dir
from lambda_live.model.function import DEFAULT_CONCURRENCY, Account, FunctionConfiguration
from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.model.resources import EventSource, ResourceSpec, StoredValues
from lambda_live.model.service import ServiceSettings, UnverifiedCaller
from lambda_live.model.template import (
    FunctionSettings,
    FunctionSpec,
    SkippedResource,
    Template,
    Trigger,
)
from lambda_live.model.template_error import TemplateError
from lambda_live.project.cdk import cloud_assembly
from lambda_live.project.dotenv import DotEnv
from lambda_live.project.notices import collect_notices, describe_invalid
from lambda_live.project.samconfig import SamConfig, read_samconfig
from lambda_live.project.template import discovery
from lambda_live.telemetry import levels

_DEFAULT_ACCOUNT = Account()
_MAX_CONCURRENCY = 1000


@dataclass(frozen=True, slots=True)
class Config:
    """
    The functions, at least one, and the settings of the service.

    `files` are those that define the functions, existing or not; `template` is one of them.
    `notices` are warnings for the startup output. `invalid` are parts of the template with an
    error, which are not among the functions. `aws_endpoint_url` is an emulator of the user's.
    `persists` is whether the data of the service's own outlives it. `always_emulates` is whether
    it starts without resources, too. `stored` are the values that the template has from it.
    """

    functions: tuple[FunctionConfiguration, ...]
    service: ServiceSettings
    notices: tuple[str, ...] = ()
    invalid: tuple[SkippedResource, ...] = ()
    files: tuple[Path, ...] = ()
    template: Path | None = None
    resources: tuple[ResourceSpec, ...] = ()
    event_sources: tuple[EventSource, ...] = ()
    aws_endpoint_url: str = ""
    persists: bool = False
    always_emulates: bool = False
    stored: StoredValues = field(default_factory=StoredValues, compare=False)
    reader: Callable[[], "Config"] | None = field(default=None, compare=False)

    @property
    def startup_notices(self) -> tuple[str, ...]:
        """All warnings, with those about invalid parts."""
        return (*map(describe_invalid, self.invalid), *self.notices)

    def reload(self) -> "Config":
        """Read the files again. Raises TemplateError."""
        return self.reader() if self.reader else self


def load_config(
    options: argparse.Namespace,
    environ: Mapping[str, str],
    root: Path,
    stored: StoredValues | None = None,
) -> Config:
    """
    Read the files that define the functions.

    `options` are from the command line and environment variables. `options.cli_only` are from the
    command line alone. `stored` are the values of AWS's services that are known.

    Raises:
        TemplateError: A file is invalid.
    """
    dot_env = DotEnv(root / options.env_file, options.env, environ)
    path = _template_path(options, root)
    project = root if path is None else cloud_assembly.app_folder(path) or path.parent
    sam = read_samconfig(project) if path else SamConfig()
    account = read_account(dot_env, environ, sam)
    stored = stored or StoredValues()
    template = _read_template(path, options, account, root, sam, dot_env, stored)
    has_several = len(template.functions) > 1
    if options.name and has_several:
        problem = "--name is for a single function; the template has several"
        raise TemplateError(template.path or root, None, problem, "remove --name")
    # a setting for all functions would replace their own values, if it is not on the command line
    limits = options.cli_only if has_several else options
    functions = tuple(
        replace(
            _configuration(each, options, limits, environ, template),
            account=account,
            project=project,
            local_environment=sam_variables(each, sam) | dot_env.variables_for(each.name),
        )
        for each in template.functions
    )
    files = (
        *_template_candidates(options, root, template.path),
        *template.files,
        *sam.files,
        *dot_env.files(*(each.name for each in functions)),
    )
    notices = (*collect_notices(template), *sam.notices)
    invalid = tuple(each for each in template.skipped if each.error)
    return Config(
        functions,
        _service(options),
        notices,
        invalid,
        files,
        template.path,
        template.resources if options.resources is not False else (),
        template.event_sources if options.resources is not False else (),
        dot_env.variables_for().get("AWS_ENDPOINT_URL", ""),
        options.persist,
        options.resources is True,
        stored,
    )


def _template_path(options: argparse.Namespace, root: Path) -> Path | None:
    """Return the path of the template if there is one. Raises TemplateError."""
    if options.handler:
        return None
    return root / options.template if options.template else discovery.find_template(root)


def _template_candidates(
    options: argparse.Namespace, root: Path, found: Path | None
) -> tuple[Path, ...]:
    """Return the files that can be the template, existing or not."""
    if options.handler:
        return ()
    if options.template:
        return (root / options.template,)
    return discovery.candidate_files(root, found)


def _read_template(  # noqa: PLR0913, PLR0917  # called once, with all sources of values
    path: Path | None,
    options: argparse.Namespace,
    account: Account,
    root: Path,
    sam: SamConfig,
    dot_env: DotEnv,
    stored: StoredValues,
) -> Template:
    """Return the template, or the default one without a file. Raises TemplateError."""
    if path is None:
        return discovery.default_template(root, options.handler, build_dir=cache_dir(""))
    from lambda_live.project.template.reader import read_template  # noqa: PLC0415  # a start without a template needs no YAML

    overrides = {**sam.parameters, **dict(text.split("=", 1) for text in options.parameter)}
    return read_template(
        path,
        overrides,
        account,
        build_dir=cache_dir(""),
        deployed=sam.deployed,
        local_variables=dot_env.variables_for,
        stored=stored.get,
    )


def sam_variables(function: FunctionSpec, sam: SamConfig) -> dict[str, str]:
    """Return the variables that samconfig.toml's `env_vars` file sets for a function."""
    names = (function.logical_id.rpartition("/")[2], function.logical_id, function.name)
    return sam.variables_for(*names, declared=function.environment or {})


def _configuration(
    function: FunctionSpec,
    options: argparse.Namespace,
    limits: argparse.Namespace,
    environ: Mapping[str, str],
    template: Template,
) -> FunctionConfiguration:
    logging, watch, reserved = function.logging, options.watch, _reserved(function, options)
    concurrency = DEFAULT_CONCURRENCY if reserved is None else min(reserved, _MAX_CONCURRENCY)
    log_format = environ.get("AWS_LAMBDA_LOG_FORMAT") or logging.format
    layers = tuple(layer.content for layer in function.layers)
    bundle = (function.cdk_bundle,) if function.cdk_bundle else ()
    has_runtime = template.path or function.image
    system_log_level = limits.system_log_level or logging.system_level or levels.DEFAULT_LEVEL
    return FunctionConfiguration(
        name=options.name or function.name,
        handler=function.handler,
        task_root=function.code_uri,
        watched_paths=(function.code_uri, *layers) if watch is None else watch,
        account=_DEFAULT_ACCOUNT,
        timeout=limits.timeout or float(function.timeout),
        memory=limits.memory or function.memory,
        concurrency=min(concurrency, 1) if options.debug else concurrency,
        json_logs=log_format.lower() == "json",
        application_log_level=limits.application_log_level or logging.application_level,
        system_log_level=system_log_level,
        environment=dict(function.environment or {}),
        package_dirs=(*(layer.modules for layer in function.layers), *bundle),
        layer_sources=function.layer_sources,
        has_reserved_concurrency=reserved is not None,
        url=function.url,
        triggers=tuple(_triggers(function, template)),
        runtime=function.runtime if has_runtime else SERVICE_INTERPRETER.runtime,
        architecture=function.architecture if template.path else _host_architecture(),
        log_group=logging.group,
        **{each.name: getattr(function, each.name) for each in fields(FunctionSettings)},
    )


def _triggers(function: FunctionSpec, template: Template) -> Iterator[Trigger]:
    """Yield what invokes a function without an HTTP request."""
    for source in template.event_sources:
        if source.target == function.name:
            yield Trigger(source.name, source.kind, source.source)
    for event in function.unsupported_events:
        yield Trigger(event.name, event.type)


def _reserved(function: FunctionSpec, options: argparse.Namespace) -> int | None:
    sources = (options.cli_only.concurrency, function.reserved_concurrency, options.concurrency)
    return next((each for each in sources if each is not None), None)


def _host_architecture() -> str:
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def read_account(dot_env: DotEnv, environ: Mapping[str, str], sam: SamConfig) -> Account:
    """
    Return the account and region of all functions and ARNs.

    They are from `.env`, then from the shell, then from samconfig.toml. Raises TemplateError.
    """
    variables = {**environ, **dot_env.variables_for()}
    region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or sam.region
    account_id = variables.get("AWS_ACCOUNT_ID")
    return Account(region or _DEFAULT_ACCOUNT.region, account_id or _DEFAULT_ACCOUNT.account_id)


def _service(options: argparse.Namespace) -> ServiceSettings:
    same = {
        each.name: getattr(options, each.name)
        for each in fields(ServiceSettings)
        if each.name in options
    }
    renamed = {
        "accept_command": options.accept,
        "caller": UnverifiedCaller(options.claims, options.user_arn),
        "debug_port": options.debug_port if options.debug else None,
        "is_interactive": options.terminal,
        "max_queued_requests": options.queue,
        "reload_command": options.after_reload,
    }
    return ServiceSettings(**(same | renamed))
