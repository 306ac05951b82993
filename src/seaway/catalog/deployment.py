"""One deployment: the nodes, their addresses, what is switched on, and the firewalls between the zones.

`load_deployment(path)` reads one TOML file; every mistake in it is a `DeploymentError` that names the setting. The
settings themselves are in `settings.py`, checks across several of them in `checks.py`. Addresses are typed: IPv4 and
IPv6 are both accepted, and one rule never mixes the two families. `docs/deployment.md` describes the file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, ValidationError, model_validator

from seaway.catalog import checks
from seaway.catalog.mistakes import first_mistake
from seaway.catalog.ports import PortRange
from seaway.catalog.problems import DeploymentError, Refused
from seaway.catalog.settings import Choices, Frozen, Ports, RowSwitches, Sip

__all__ = ["Deployment", "DeploymentError", "Firewall", "Nic", "Node", "load_deployment", "parse_deployment"]

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
Network = IPv4Network | IPv6Network
Zone = Literal["internal", "dmz", "internet"]
NicName = Literal["inner", "outer"]

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}", re.ASCII)
_VERSION = re.compile(r"X[0-9]+(\.[0-9]+){1,2}", re.ASCII)
_FQDN = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")


def _interface(value: object) -> Interface:
    if isinstance(value, IPv4Interface | IPv6Interface):
        return value
    try:
        if not isinstance(value, str) or "/" not in value:
            raise ValueError
        return ip_interface(value)
    except ValueError:
        raise Refused("not an address with its prefix length", 'write for instance "10.0.2.20/24"') from None


def _interface6(value: object) -> IPv6Interface:
    found = _interface6_or_none(value)
    if found is None:
        raise Refused("not an IPv6 address with its prefix length", 'write for instance "2001:db8:2::20/64"')
    return found


def _interface6_or_none(value: object) -> IPv6Interface | None:
    try:
        found = _interface(value)
    except Refused:
        return None
    return found if isinstance(found, IPv6Interface) else None


def _address(value: object) -> Address:
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    try:
        return ip_address(value) if isinstance(value, str) else ip_address("")
    except ValueError:
        raise Refused("not an IP address", 'write for instance "203.0.113.20"') from None


def _network(value: object) -> Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        return ip_network(value) if isinstance(value, str) else ip_network("")
    except ValueError as problem:
        text = "has host bits set" if "host bits" in str(problem) else "is not an address or a network"
        raise Refused(text, 'write for instance "10.0.1.53" or "10.0.1.0/24"') from None


def _matching(pattern: re.Pattern[str], what: str, example: str) -> BeforeValidator:
    def check(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise Refused(f"not {what}", f"write for instance {example!r}")
        return value

    return BeforeValidator(check)


Name = Annotated[str, _matching(_NAME, "a name of lower-case letters, digits and hyphens", "edge1")]
Fqdn = Annotated[str, _matching(_FQDN, "a DNS name", "edge1.example.test")]
Networks = tuple[Annotated[Network, BeforeValidator(_network)], ...]


class Nic(Frozen):
    """`address` is the first address, of either family; `address6` is the IPv6 address beside an IPv4 one."""

    address: Annotated[Interface, BeforeValidator(_interface)]
    address6: Annotated[IPv6Interface, BeforeValidator(_interface6)] | None = None
    public: Annotated[Address, BeforeValidator(_address)] | None = None  # static NAT at a firewall maps it here

    @model_validator(mode="before")
    @classmethod
    def _alone(cls, given: object) -> object:
        """A NIC with `address6` only is an IPv6 NIC."""
        if isinstance(given, Mapping) and "address6" in given and "address" not in given:
            return {"address": _interface6(given["address6"]), **{k: v for k, v in given.items() if k != "address6"}}
        return given

    @property
    def addresses(self) -> tuple[Interface, ...]:
        """One or two, at most one of a family."""
        return (self.address,) if self.address6 is None else (self.address, self.address6)

    def of_family(self, version: int) -> Interface | None:
        """The address of IP `version` 4 or 6."""
        return next((each for each in self.addresses if each.version == version), None)

    def public_of(self, version: int) -> Address | None:
        """What others use instead of the address of IP `version`, when a firewall translates it."""
        return self.public if self.public is not None and self.public.version == version else None


class Nics(Frozen):
    inner: Nic
    outer: Nic | None = None


class Node(Frozen):
    """A node. With one NIC, `inner` carries both roles."""

    name: Name
    role: Literal["core", "edge", "gateway"]
    fqdn: Fqdn
    nic: Nics

    @property
    def single_nic(self) -> bool:
        return self.nic.outer is None

    @property
    def nics(self) -> tuple[tuple[NicName, Nic], ...]:
        outer: tuple[tuple[NicName, Nic], ...] = () if self.nic.outer is None else (("outer", self.nic.outer),)
        return (("inner", self.nic.inner), *outer)

    def facing(self, side: NicName) -> tuple[NicName, Nic]:
        """The NIC that serves `side`: with one NIC always `inner`."""
        return ("outer", self.nic.outer) if side == "outer" and self.nic.outer else ("inner", self.nic.inner)


class Firewall(Frozen):
    name: Name
    between: tuple[Zone, Zone]  # inside first
    nat: StrictBool = False  # this firewall maps the public addresses of the nodes (static NAT)


def _flatten(value: object) -> object:
    """TOML reads `sip_endpoint.remote = [...]` as a table in a table; entity names keep their dots."""
    if not isinstance(value, Mapping):
        return value
    flat: dict[str, object] = {}
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            for sub, networks in inner.items():
                flat[f"{key}.{sub}"] = networks
        else:
            flat[str(key)] = inner
    return flat


class Deployment(Frozen):
    name: Name
    size: Literal["small", "medium", "large"] = "small"
    version: Annotated[str, _matching(_VERSION, "a version", "X15.0")] = "X15.0"
    domain: Fqdn
    services: dict[str, StrictBool] = Field(default_factory=dict)
    nodes: Annotated[tuple[Node, ...], Field(alias="node")]
    firewalls: Annotated[tuple[Firewall, ...], Field(alias="firewall")] = ()
    ports: Ports = Ports()
    sip: Sip = Sip()
    choices: Choices = Choices()
    rows: RowSwitches = RowSwitches()
    hosts: Annotated[dict[str, Networks], BeforeValidator(_flatten)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        checks.check_deployment(self)
        return self

    def of_role(self, role: str) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.role == role)

    def node(self, name: str) -> Node:
        """Raises `KeyError` for an unknown name."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def firewall(self, name: str) -> Firewall:
        """Raises `KeyError` for an unknown name."""
        for firewall in self.firewalls:
            if firewall.name == name:
                return firewall
        raise KeyError(name)

    def service(self, name: str) -> bool:
        return self.services.get(name, False)

    @property
    def version_key(self) -> tuple[int, ...]:
        return version_key(self.version)

    @property
    def demux(self) -> PortRange:
        """The multiplexed media ports of the edge, RTP even and RTCP odd (R-14, R-17)."""
        if self.size == "large":
            return PortRange(self.ports.media.low, self.ports.media.low + 11)
        return self.ports.demux or PortRange(2776, 2777)

    @property
    def turn(self) -> PortRange:
        """Where the edge takes TURN requests (R-07, R-08)."""
        if self.ports.turn is not None:
            return self.ports.turn
        return (
            PortRange(3478, 3483) if self.size == "large" and not self.ports.turn_multiplexed else PortRange(3478, 3478)
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works but is advised against, one line each."""
        return checks.warnings_of(self)


def version_key(version: str) -> tuple[int, ...]:
    """ "X8.9.2" -> (8, 9, 2), for comparing."""
    return tuple(int(part) for part in version.removeprefix("X").split("."))


def parse_deployment(text: str, origin: str = "") -> Deployment:
    """A deployment from TOML text. Raises `DeploymentError`; `origin` is the file name it shows."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise DeploymentError(
            "file", None, f"not valid TOML: {problem}", "correct the syntax there", origin=origin
        ) from None
    try:
        return Deployment.model_validate(data)
    except ValidationError as problem:
        raise first_mistake(problem, Deployment, origin) from None
    except DeploymentError as problem:
        problem.origin = origin
        raise


def load_deployment(path: str | Path) -> Deployment:
    """Read and check one deployment file. Raises `DeploymentError`, also when the file cannot be read."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        raise DeploymentError("file", str(path), f"cannot be read ({reason})", "name a readable TOML file") from None
    return parse_deployment(text, str(path))
