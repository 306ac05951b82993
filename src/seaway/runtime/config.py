"""The configuration file of one node: typed settings, read and checked as a whole.

`load_node_config(path)` reads one TOML file and the deployment it names. Every mistake is a `ConfigError`: one line
with setting, value, what is wrong and what to do. What call control gets of it is made in `control_config.py`.
`docs/configuration.md` describes the file.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, StrictInt, ValidationError, model_validator

from seaway.catalog.deployment import Deployment, load_deployment
from seaway.catalog.problems import DeploymentError, Refused, did_you_mean
from seaway.core.sip.routing import is_loose
from seaway.policy.patterns import Matcher, PatternError
from seaway.runtime.bandwidth_config import (
    BandwidthTable,
    LinkTable,
    MembershipTable,
    PipeTable,
    SubzoneTable,
    bandwidth_policy,
    memberships,
)  # fmt: skip
from seaway.runtime.policy_config import CallRuleTable, PolicyTable
from seaway.runtime.protection_settings import ProtectionTable
from seaway.runtime.registration_config import DomainTable, IdentityTable, check_domains
from seaway.runtime.search_config import SearchRuleTable, TransformTable, check_rules
from seaway.runtime.settings import Domain, Host, Password, Port, Seconds, Settings
from seaway.runtime.tls_settings import Tls
from seaway.runtime.turn_settings import Turn
from seaway.runtime.zone_config import DefaultZoneTable, DnsZoneTable, EnumZoneTable, LocalZoneTable, Name, ZoneTable
from seaway.wire.sip.errors import SipError
from seaway.wire.sip.uri import parse_request_uri

__all__ = ["ConfigError", "EngineName", "Neighbour", "NodeConfig", "Traversal", "load_node_config", "parse_node_config"]

_HEX = {64: re.compile(r"[0-9a-f]{64}"), 32: re.compile(r"[0-9a-f]{32}")}
_ORIGIN = re.compile(r"https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?", re.ASCII)
_SECRETS = ("password", "ha1_sha256", "ha1_md5", "key_sha256", "key_md5", "secrets")


class ConfigError(DeploymentError):
    """A node configuration is wrong. `str()` is one line: file, setting, value (never a secret), reason, remedy."""


def _regular_expression(value: object) -> str:
    if not isinstance(value, str) or len(value) > 256:
        raise Refused("is no regular expression of at most 256 characters", r'write for instance ".*@example\.test"')
    try:
        Matcher("regex", value, variables={"localdomains": "x", "ip": "x"})
    except PatternError as error:
        raise Refused(f"is {error}", r'write for instance ".*@example\.test"') from None
    return value


def _loose_route(value: object) -> str:
    try:
        if not isinstance(value, str) or not is_loose(parse_request_uri(value.encode()).serialise()):
            raise Refused("is no SIP URI with lr", "write for instance sip:core1.example.test;lr")
    except SipError as error:
        raise Refused(f"is no SIP URI ({error.what})", "write for instance sip:core1.example.test;lr") from None
    return value


def _origin(value: object) -> str:
    if not isinstance(value, str) or not _ORIGIN.fullmatch(value):
        raise Refused("is no web origin in lower case", "write for instance https://app.example.test")
    return value


ServiceRoute = Annotated[str, BeforeValidator(_loose_route)]


class Log(Settings):
    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"
    file: Path | None = None


class Dns(Settings):
    servers: tuple[Host, ...] = ()  # IP literals; default: internal_dns (or external_dns) of the deployment
    check: tuple[Host, ...] = ()  # names looked up each `interval`, state in `seaway status dns`
    interval: Seconds = 30.0
    timeout: Seconds = 2.0  # for one server


class Sip(Settings):
    domains: tuple[Domain, ...] = ()  # default: the deployment's domain
    realm: Annotated[str, Field(min_length=1, max_length=128)] | None = None  # default: the first domain
    media_idle: Seconds = 1800.0
    refer: Literal["handle", "pass", "refuse"] = "handle"  # REFER and Replaces in calls through the B2BUA
    b2bua_calls: Annotated[StrictInt, Field(ge=1, le=100_000)] = 10_000  # at a time; beyond: 503
    websocket_origins: tuple[Annotated[str, BeforeValidator(_origin)], ...] = ()  # default: the node's name, domains
    digest_algorithms: tuple[Literal["SHA-256", "MD5"], ...] = ()  # default: those that some user has a form for


EngineName = Literal["auto", "xdp-native", "xdp-generic", "tc", "userspace", "python"]
"""What carries established media; "auto": the first that this machine allows, "python": no fast path."""


class Media(Settings):
    engine: EngineName = "auto"
    closed_rows: tuple[
        Annotated[str, Field(max_length=16)], ...
    ] = ()  # never on the fast path: the host's filter decides


class Registrar(Settings):
    minimum: Annotated[StrictInt, Field(ge=1, le=86400)] = 60
    maximum: Annotated[StrictInt, Field(ge=1, le=86400 * 7)] = 3600
    default: Annotated[StrictInt, Field(ge=1, le=86400 * 7)] = 600
    contacts_per_user: Annotated[StrictInt, Field(ge=1, le=100)] = 10
    bindings: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = 20_000
    flow_timer: Annotated[StrictInt, Field(ge=30, le=3600)] = 120
    strict_path: bool = False
    watchers: tuple[Annotated[str, Field(min_length=1, max_length=128)], ...] = ()
    service_route: Annotated[tuple[ServiceRoute, ...], Field(max_length=8)] = ()


class Limits(Settings):
    connections: Annotated[StrictInt, Field(ge=1, le=100_000)] = 10_000
    connections_per_source: Annotated[StrictInt, Field(ge=1, le=100_000)] = 200
    first_request: Seconds = 30.0  # a connection that has not sent a whole request by then is closed


class User(Settings):
    name: Annotated[str, Field(min_length=1, max_length=128)]
    password: Annotated[Password | None, Field(repr=False)] = None
    ha1_sha256: Annotated[str | None, Field(repr=False)] = None
    ha1_md5: Annotated[str | None, Field(repr=False)] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        stored = [
            (name, length) for name, length in (("ha1_sha256", 64), ("ha1_md5", 32)) if getattr(self, name) is not None
        ]
        if (self.password is None) == (not stored):
            raise Refused(f"user {self.name}: give either password or ha1_sha256/ha1_md5", "keep one of them")
        for name, length in stored:
            if not _HEX[length].fullmatch(getattr(self, name)):
                raise Refused(
                    f"user {self.name}: {name} is not {length} lower-case hex digits", "make it with `seaway node ha1`"
                )
        return self


class Traversal(ZoneTable):
    """One traversal zone. The core is its client, the edge its server."""

    name: Name
    user: Annotated[str, Field(min_length=1, max_length=128)]
    password: Annotated[Password, Field(repr=False)]
    verify_name: Host | None = None  # default: the FQDN of the other node when there is just one
    host: Host | None = None  # client only; default: the edge's address in the deployment
    zone: Annotated[StrictInt, Field(ge=1, le=1000)] = 1  # n-th zone: listener 7001 + n - 1
    keep_alive: Seconds = 30.0
    ping: Seconds = 15.0


class Neighbour(ZoneTable):
    name: Name
    addresses: Annotated[tuple[Host, ...], Field(min_length=1)]
    port: Port = 5060
    transport: Literal["udp", "tcp", "tls"] = "tcp"
    nic: Literal["inner", "outer"] = "inner"
    monitor: Annotated[float, Field(ge=0, le=86400)] = 60.0  # seconds between OPTIONS to each peer; 0: never
    verify_name: Host | None = None


class Rule(Settings):
    priority: Annotated[StrictInt, Field(ge=1, le=65534)]
    match: Annotated[str, BeforeValidator(_regular_expression)]
    target: Annotated[str, Field(min_length=1, max_length=64)]


class NodeConfig(Settings):
    node: Annotated[str, Field(min_length=1, max_length=64)]
    deployment_path: Annotated[Path, Field(alias="deployment")]
    run_dir: Path
    state_dir_path: Annotated[Path | None, Field(alias="state_dir")] = None  # default: run_dir
    run_as: Annotated[str, Field(min_length=1, max_length=64)] = "nobody"
    log: Log = Log()
    tls: Tls | None = None
    dns: Dns = Dns()
    sip: Sip = Sip()
    media: Media = Media()
    registrar: Registrar = Registrar()
    domain_tables: Annotated[tuple[DomainTable, ...], Field(alias="domain")] = ()
    identities: Annotated[tuple[IdentityTable, ...], Field(alias="identity")] = ()
    limits: Limits = Limits()
    users: Annotated[tuple[User, ...], Field(alias="user")] = ()
    traversal: tuple[Traversal, ...] = ()
    neighbours: Annotated[tuple[Neighbour, ...], Field(alias="neighbour")] = ()
    dns_zones: Annotated[tuple[DnsZoneTable, ...], Field(alias="dns_zone")] = ()
    enum_zones: Annotated[tuple[EnumZoneTable, ...], Field(alias="enum_zone")] = ()
    default_zone: DefaultZoneTable = DefaultZoneTable()
    local_zone: LocalZoneTable = LocalZoneTable()
    transforms: Annotated[tuple[TransformTable, ...], Field(alias="transform", max_length=1000)] = ()
    rules: Annotated[tuple[Rule, ...], Field(alias="rule")] = ()
    search_rules: Annotated[tuple[SearchRuleTable, ...], Field(alias="search_rule", max_length=2000)] = ()
    turn: Turn | None = None
    protection: ProtectionTable = ProtectionTable()
    policy: PolicyTable = PolicyTable()
    call_rules: Annotated[tuple[CallRuleTable, ...], Field(alias="call_rule", max_length=2000)] = ()
    bandwidth: BandwidthTable | None = None
    subzones: Annotated[tuple[SubzoneTable, ...], Field(alias="subzone", max_length=1000)] = ()
    memberships: Annotated[tuple[MembershipTable, ...], Field(alias="membership", max_length=3000)] = ()
    pipes: Annotated[tuple[PipeTable, ...], Field(alias="pipe", max_length=1000)] = ()
    links: Annotated[tuple[LinkTable, ...], Field(alias="link", max_length=3000)] = ()

    def zone_names(self) -> list[str]:
        """Of every kind; one may occur twice before the file is checked."""
        kinds = (self.traversal, self.neighbours, self.dns_zones, self.enum_zones)
        return [each.name for kind in kinds for each in kind]

    @property
    def state_dir(self) -> Path:
        """Where is kept what outlives the node's processes: registrations."""
        return self.state_dir_path or self.run_dir

    @model_validator(mode="after")
    def _check(self) -> Self:
        zones = self.zone_names()
        for what, names in (
            ("user", [each.name for each in self.users]),
            ("zone", [*zones]),
            ("identity of user", [each.user for each in self.identities]),
            ("rule priority", [str(each.priority) for each in self.rules]),
            ("transform priority", [str(each.priority) for each in self.transforms]),
            ("call rule priority", [str(each.priority) for each in self.call_rules]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise Refused(f"{what} {twice[0]} occurs twice", "give each its own")
        targets = {"registrations", *zones}
        for rule in self.rules:
            if rule.target not in targets:
                remedy = did_you_mean(rule.target, targets, plural="targets")
                raise Refused(f'rule {rule.priority}: there is no zone "{rule.target}"', remedy)
        service = self.policy.service
        check_rules(self.search_rules, zones, service=service is not None and service.when == "search-rule")
        bandwidth_policy(self.bandwidth, self.subzones, self.pipes, self.links, zones)
        memberships(self.memberships, self.subzones)
        for each in self.neighbours:
            if each.transport == "tls" and each.verify_name is None:
                raise Refused(f"neighbour {each.name}: TLS needs verify_name", "give the DNS name in its certificate")
        check_domains(self.domain_tables, [each.name for each in self.traversal])
        if self.registrar.minimum > self.registrar.maximum:
            raise Refused("registrar.minimum is above registrar.maximum", "lower minimum")
        return self


def parse_node_config(text: str, path: Path) -> NodeConfig:
    """A configuration from TOML text; relative paths in it start at the folder of `path`. Raises `ConfigError`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            "file", None, f"not valid TOML: {error}", "correct the syntax there", origin=str(path)
        ) from None
    try:
        config = NodeConfig.model_validate(data)
    except ValidationError as error:
        raise _first_error(error, data, str(path)) from None
    base = path.parent
    tls = config.tls
    return config.model_copy(
        update={
            "deployment_path": base / config.deployment_path,
            "run_dir": base / config.run_dir,
            "state_dir_path": config.state_dir_path and base / config.state_dir_path,
            "tls": tls and tls.under(base),
            "policy": config.policy.under(base),
            "log": config.log.model_copy(update={"file": config.log.file and base / config.log.file}),
        }
    )


def load_node_config(path: str | Path) -> tuple[NodeConfig, Deployment]:
    """The configuration and its deployment. Raises `ConfigError` or `DeploymentError`."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(
            "file", None, f"cannot be read ({reason})", "name a readable TOML file", origin=str(path)
        ) from None
    config = parse_node_config(text, path)
    if not config.deployment_path.is_file():
        reason = f"there is no file {config.deployment_path}"
        raise ConfigError(
            "deployment", None, reason, "name the deployment file, from the folder of this one", origin=str(path)
        )
    deployment = load_deployment(config.deployment_path)
    names = [each.name for each in deployment.nodes]
    if config.node not in names:
        remedy = did_you_mean(config.node, names, plural="nodes")
        raise ConfigError("node", config.node, f"{config.deployment_path} has no such node", remedy, origin=str(path))
    return config, deployment


def _first_error(error: ValidationError, data: dict[str, Any], origin: str) -> ConfigError:
    first = error.errors(include_url=False)[0]
    location = [part for part in first["loc"] if not (isinstance(part, str) and part.startswith("function-"))]
    setting = ".".join(str(part + 1) if isinstance(part, int) else part for part in location) or "file"
    last = location[-1] if location else ""
    value: Any = data
    for part in location:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            value = None
            break
    if isinstance(value, dict | list) or last in _SECRETS:
        value = None
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, Refused):
        return ConfigError(setting, value, cause.reason, cause.remedy, origin=origin)
    if first["type"] == "extra_forbidden":
        remedy = did_you_mean(str(last), _known(location[:-1]), plural="settings")
        return ConfigError(setting, value, "unknown setting", remedy, origin=origin)
    if first["type"] == "missing":
        return ConfigError(setting, None, "is missing", f"add {last} there", origin=origin)
    reason = first["msg"][0].lower() + first["msg"][1:]
    return ConfigError(setting, value, reason, "see docs/configuration.md for what may stand there", origin=origin)


def _known(path: list[int | str]) -> list[str]:
    """The settings that may stand under `path`."""
    model: type[BaseModel] = NodeConfig
    for part in path:
        if isinstance(part, int):
            continue
        field = next((f for key, f in model.model_fields.items() if part in (key, f.alias)), None)
        inner = _model_in(field.annotation) if field is not None else None
        if inner is None:
            return []
        model = inner
    return [field.alias or key for key, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in getattr(annotation, "__args__", ()) if (found := _model_in(each))), None)
