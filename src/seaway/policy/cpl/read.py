"""XML of a script -> its nodes. Everything is checked here: a script that was read can be run (RFC 3880 §3, §11)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from seaway.policy.cpl.conditions import PRIORITIES, AddressTest, LanguageTest, NotPresent, PriorityTest, StringTest
from seaway.policy.cpl.errors import CplError
from seaway.policy.cpl.nodes import (
    Case,
    Condition,
    Location,
    Lookup,
    Node,
    Note,
    Ordering,
    Proxy,
    Redirect,
    Reject,
    Remove,
    Script,
    Switch,
)  # fmt: skip
from seaway.policy.cpl.times import read_time, zone_of

__all__ = ["MAX_OCTETS", "read_script"]

MAX_OCTETS = 1_000_000
_MAX_ELEMENTS = 20_000
_MAX_DEPTH = 200
_NAMESPACE = "{urn:ietf:params:xml:ns:cpl}"
_LINE = "\0line"  # no XML attribute can have this name
_STATUS = {"busy": 486, "notfound": 404, "reject": 603, "error": 500}
_PROXY_OUTPUTS = ("busy", "noanswer", "failure", "redirection", "default")
_LOOKUP_OUTPUTS = ("success", "notfound", "failure")
_SUBFIELDS = ("address-type", "user", "host", "port", "tel", "display")
_ORDERINGS: tuple[Ordering, ...] = ("parallel", "sequential", "first-only")
_ReadTest = Callable[[Element], Condition]  # reads the condition of one case


class _Builder(TreeBuilder):
    """Notes the line of each element, and refuses what is too large or too deep."""

    parser: DefusedXMLParser

    def __init__(self) -> None:
        super().__init__()
        self._depth = self._count = 0

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        line = int(self.parser.parser.CurrentLineNumber)
        self._depth += 1
        self._count += 1
        if self._depth > _MAX_DEPTH or self._count > _MAX_ELEMENTS:
            raise CplError(line, f"the script has more than {_MAX_ELEMENTS} elements or {_MAX_DEPTH} levels")
        return super().start(tag, {**attrs, _LINE: str(line)})

    def end(self, tag: str) -> Element:
        self._depth -= 1
        return super().end(tag)


def read_script(text: bytes) -> Script:
    """A script from its XML. Raises `CplError`: not XML, a DTD or entities, an unknown element or attribute, a missing
    or impossible value."""
    if len(text) > MAX_OCTETS:
        raise CplError(0, f"the script is longer than {MAX_OCTETS} octets")
    builder = _Builder()
    parser = DefusedXMLParser(target=builder, forbid_dtd=True)
    builder.parser = parser
    try:
        parser.feed(text)
        root = parser.close()
    except DefusedXmlException:
        raise CplError(0, "the script has a DTD or entities") from None
    except ParseError as error:
        raise CplError(error.position[0], f"the script is no XML: {error}") from None
    except (LookupError, ValueError) as error:
        if isinstance(error, CplError):
            raise
        raise CplError(0, f"the script is no XML: {error}") from None
    return _Reader().script(root)


def _line(element: Element) -> int:
    return int(element.get(_LINE, "0"))


def _name(element: Element) -> str:
    """The name without the namespace of CPL; names of other namespaces keep theirs."""
    return element.tag.removeprefix(_NAMESPACE)


def _attributes(element: Element, *known: str) -> dict[str, str]:
    """All attributes, which must be among `known`."""
    found = {name: value for name, value in element.attrib.items() if name != _LINE}
    for name in found:
        if name not in known:
            raise CplError(_line(element), f"{_name(element)} has the unknown attribute {name!r}")
    return found


def _needed(element: Element, given: Mapping[str, str], name: str) -> str:
    if not given.get(name):
        raise CplError(_line(element), f"{_name(element)} needs {name}")
    return given[name]


def _choice(element: Element, name: str, value: str, *among: str) -> str:
    if value.lower() not in among:
        raise CplError(_line(element), f"{name} {value!r} is none of {', '.join(among)}")
    return value.lower()


def _yes(element: Element, name: str, value: str) -> bool:
    return _choice(element, name, value, "yes", "no") == "yes"


class _Reader:
    """One script being read."""

    def __init__(self) -> None:
        self._actions: dict[str, Node | None] = {}  # sub-actions, by id

    def script(self, root: Element) -> Script:
        if _name(root) != "cpl":
            raise CplError(_line(root), f"the script begins with {_name(root)}, not with cpl")
        top: dict[str, Node | None] = {}
        for child in root:
            name = _name(child)
            if name == "subaction":
                number = _needed(child, _attributes(child, "id"), "id")
                if number in self._actions:
                    raise CplError(_line(child), f"there are two subactions {number!r}")
                # Only known once it has been read: a sub-action refers to earlier ones, so none refers to itself.
                self._actions[number] = self._only(child)
            elif name in ("incoming", "outgoing"):
                if name in top:
                    raise CplError(_line(child), f"there are two {name} actions")
                _attributes(child)
                top[name] = self._only(child)
            elif name != "ancillary":
                raise CplError(_line(child), f"cpl has the unknown element {name!r}")
        return Script(top.get("incoming"), top.get("outgoing"), "outgoing" in top)

    def _only(self, element: Element) -> Node | None:
        """The one node in an output or action; none ends the script there."""
        children = list(element)
        if len(children) > 1:
            raise CplError(_line(children[1]), f"{_name(element)} has more than one node")
        return self._node(children[0]) if children else None

    def _node(self, element: Element) -> Node | None:
        name = _name(element)
        if name == "sub":
            number = _needed(element, _attributes(element, "ref"), "ref")
            if number not in self._actions:
                raise CplError(_line(element), f"sub refers to {number!r}, and no subaction before it has this id")
            return self._actions[number]
        if name.endswith("-switch"):
            return self._switch(element, name)
        if name == "location":
            return self._location(element)
        if name == "lookup":
            return self._lookup(element)
        if name == "remove-location":
            given = _attributes(element, "location")
            return Remove(given.get("location", ""), self._only(element))
        if name == "proxy":
            return self._proxy(element)
        if name == "redirect":
            given = _attributes(element, "permanent")
            _empty(element)
            return Redirect(_yes(element, "permanent", given.get("permanent", "no")))
        if name == "reject":
            return _reject(element)
        if name == "mail":
            given = _attributes(element, "url")
            return Note("mail", _needed(element, given, "url"), "", self._only(element))
        if name == "log":
            given = _attributes(element, "name", "comment")
            return Note("log", given.get("comment", ""), given.get("name", ""), self._only(element))
        raise CplError(_line(element), f"{name!r} is no node of CPL")

    # -- switches

    def _switch(self, element: Element, name: str) -> Switch:
        cases: list[Case] = []
        otherwise: Node | None = None
        ended = False
        read = self._tests(element, name)
        for child in element:
            if ended:
                raise CplError(_line(child), f"{name} goes on after otherwise")
            if _name(child) == "otherwise":
                _attributes(child)
                otherwise, ended = self._only(child), True
                continue
            cases.append(Case(read(child), self._only(child)))
        return Switch(tuple(cases), otherwise)

    def _tests(self, element: Element, name: str) -> _ReadTest:
        if name == "address-switch":
            return _address_tests(element)
        if name == "string-switch":
            return _string_tests(element)
        if name == "language-switch":
            _attributes(element)
            return _language_test
        if name == "time-switch":
            given = _attributes(element, "tzid", "tzurl")
            zone = zone_of(given["tzid"], _line(element)) if "tzid" in given else None

            def read(child: Element) -> Condition:
                _expect(child, "time")
                attributes = {key: value for key, value in child.attrib.items() if key != _LINE}
                return read_time(attributes, zone, _line(child))

            return read
        if name == "priority-switch":
            _attributes(element)
            return _priority_test
        raise CplError(_line(element), f"{name!r} is no switch of CPL")

    # -- locations and signalling

    def _location(self, element: Element) -> Location:
        given = _attributes(element, "url", "priority", "clear")
        url = _needed(element, given, "url")
        if not re.fullmatch(r"(?i:sips?|tel|h323):[!-~]{1,500}", url):
            raise CplError(_line(element), f"url {url!r} is no sip, sips, tel or h323 URI")
        priority = given.get("priority", "1.0")
        if not re.fullmatch(r"0(\.[0-9]{1,3})?|1(\.0{1,3})?", priority):
            raise CplError(_line(element), f"priority {priority!r} is no number of 0.0 to 1.0")
        return Location(url, float(priority), _yes(element, "clear", given.get("clear", "no")), self._only(element))

    def _lookup(self, element: Element) -> Lookup:
        given = _attributes(element, "source", "timeout", "clear")
        source = _choice(element, "source", _needed(element, given, "source"), "registration")
        clear = _yes(element, "clear", given.get("clear", "no"))
        return Lookup(source, _timeout(element, given) or 30.0, clear, self._outputs(element, _LOOKUP_OUTPUTS))

    def _proxy(self, element: Element) -> Proxy:
        given = _attributes(element, "timeout", "recurse", "ordering")
        ordering = _choice(element, "ordering", given.get("ordering", "parallel"), *_ORDERINGS)
        return Proxy(
            _timeout(element, given), _yes(element, "recurse", given.get("recurse", "yes")),
            next(each for each in _ORDERINGS if each == ordering), self._outputs(element, _PROXY_OUTPUTS),
        )  # fmt: skip

    def _outputs(self, element: Element, known: tuple[str, ...]) -> dict[str, Node | None]:
        found: dict[str, Node | None] = {}
        for child in element:
            name = _name(child)
            if name not in known or name in found:
                raise CplError(_line(child), f"{_name(element)} has no output {name!r}, or has it twice")
            _attributes(child)
            found[name] = self._only(child)
        return found


def _empty(element: Element) -> None:
    for child in element:
        raise CplError(_line(child), f"nothing can follow {_name(element)}")


def _expect(child: Element, *names: str) -> str:
    name = _name(child)
    if name not in names:
        raise CplError(_line(child), f"{name!r} stands where {' or '.join(names)} is expected")
    return name


def _one(child: Element, *names: str) -> tuple[str, str]:
    """The only attribute of a case, which must be one of `names`, and its value."""
    given = _attributes(child, *names)
    if len(given) != 1:
        raise CplError(_line(child), f"{_name(child)} needs exactly one of {', '.join(names)}")
    return next(iter(given.items()))


def _address_tests(element: Element) -> _ReadTest:
    given = _attributes(element, "field", "subfield")
    fields = ("origin", "destination", "original-destination")
    field = _choice(element, "field", _needed(element, given, "field"), *fields)
    subfield = _choice(element, "subfield", given["subfield"], *_SUBFIELDS) if "subfield" in given else ""

    def read(child: Element) -> Condition:
        if _expect(child, "address", "not-present") == "not-present":
            return NotPresent.of_address(field, subfield)
        how, value = _one(child, "is", "contains", "subdomain-of")
        if how == "contains" and subfield != "display":
            raise CplError(_line(child), "contains is for subfield display only (RFC 3880 §4.1)")
        if how == "subdomain-of" and subfield not in ("host", "tel"):
            raise CplError(_line(child), "subdomain-of is for subfields host and tel only (RFC 3880 §4.1)")
        if how == "is":
            return AddressTest(field, subfield, "is", value)
        return AddressTest(field, subfield, "contains" if how == "contains" else "subdomain-of", value)

    return read


def _string_tests(element: Element) -> _ReadTest:
    given = _attributes(element, "field")
    field = _choice(element, "field", _needed(element, given, "field"), "subject", "organization", "user-agent")

    def read(child: Element) -> Condition:
        if _expect(child, "string", "not-present") == "not-present":
            return NotPresent.of_string(field)
        how, value = _one(child, "is", "contains")
        return StringTest(field, "is" if how == "is" else "contains", value)

    return read


def _language_test(child: Element) -> Condition:
    if _expect(child, "language", "not-present") == "not-present":
        return NotPresent(lambda facts: ",".join(facts.languages))
    return LanguageTest(_one(child, "matches")[1])


def _priority_test(child: Element) -> Condition:
    _expect(child, "priority")
    how, value = _one(child, "less", "greater", "equal")
    if how == "equal":
        return PriorityTest("equal", value)
    return PriorityTest("less" if how == "less" else "greater", _choice(child, how, value, *PRIORITIES))


def _timeout(element: Element, given: Mapping[str, str]) -> float | None:
    text = given.get("timeout")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) <= 86_400:
        raise CplError(_line(element), f"timeout {text!r} is no number of seconds, 1 to 86400")
    return float(text)


def _reject(element: Element) -> Reject:
    given = _attributes(element, "status", "reason")
    _empty(element)
    status = _needed(element, given, "status")
    number = _STATUS.get(status.lower())
    if number is None:
        if not re.fullmatch(r"[4-6][0-9][0-9]", status):
            raise CplError(_line(element), f"status {status!r} is none of {', '.join(_STATUS)}, nor 400 to 699")
        number = int(status)
    reason = given.get("reason", "")
    if not reason.isprintable() or len(reason) > 200:
        raise CplError(_line(element), "reason has control characters, or more than 200")
    return Reject(number, reason)
