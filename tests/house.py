"""The rules of the house as functions over source text, so that each can be shown to fail on a bad sample."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PURE", "ROOMS", "ROOT", "Module", "header", "imports", "length", "loose_reading", "purity", "sockets"]

ROOT = Path(__file__).resolve().parent.parent
ROOMS = (
    "catalog",
    "wire",
    "core",
    "identity",
    "policy",
    "media",
    "call",
    "store",
    "observe",
    "runtime",
    "admin",
    "lab",
)
PURE = frozenset({"catalog", "wire", "core", "policy", "call"})
MAX_LINES = 400

_IMPURE = frozenset(
    [
        "asyncio",
        "uvloop",
        "socket",
        "ssl",
        "select",
        "selectors",
        "time",
        "random",
        "secrets",
        "os",
        "subprocess",
        "threading",
        "multiprocessing",
        "logging",
        "structlog",
        "signal",
        "shutil",
        "tempfile",
        "concurrent",
        "sched",
        "urllib",
        "http",
        "uuid",
        "datetime",
    ]
)
_PURITY_EXCEPTIONS = {
    ("policy/cpl/times.py", "datetime"),  # time zones and recurrences; `test_house.py` sees that it reads no clock
}
_CLOCKS = frozenset({"datetime.now", "datetime.utcnow", "datetime.today", "date.today"})
_CATALOG_MAY = frozenset({"pathlib", "importlib"})  # its own data files
_FILE_MODULES = frozenset({"pathlib", "glob", "fileinput", "importlib"})

_OPENING_NAMES = frozenset(
    [
        "create_server",
        "create_connection",
        "create_datagram_endpoint",
        "create_unix_server",
        "create_unix_connection",
        "start_server",
        "start_unix_server",
        "open_connection",
        "open_unix_connection",
        "socketpair",
        "fromfd",
        "create_subprocess_shell",
        "sock_connect",
    ]
)
_SOCKET_METHODS = frozenset({"bind", "connect", "connect_ex"})
_IMPORT_EXCEPTIONS = {
    # `seaway lab ...` hands over to the lab's own command line; nothing else of admin knows the lab.
    ("admin/cli.py", "seaway.lab.cli"),
    ("admin/cli.py", "seaway.lab.cli.main"),
}
_OTHER_HOSTS = frozenset({"lab/inside.py", "lab/names.py", "lab/pair.py"})
"""Files of the lab that play other hosts (phones, scanners, name servers) or ask a node's Unix socket."""

_SOCKET_FILE = "runtime/sockets.py"
_UNIX_FILE = "runtime/ipc.py"
_NETLINK_FILE = "runtime/fastpath/clsact.py"  # asks the kernel, sends nothing to anybody

# The bytes methods isdigit, isalpha... know ASCII only and are fine; these two exist for str alone, or split too much.
_LOOSE_METHODS = frozenset({"isdecimal", "isnumeric", "splitlines"})
_INT_EXCEPTIONS = {
    ("call/paths.py", "_flow_of"),  # our own route token, whose MAC was checked before it is read
    ("wire/stun/header.py", "encode"),  # the value of an enum member
}
_LOOSE_PATTERN = re.compile(r"(?<!\\)(?:\\\\)*\\[dDsSwW]")


class Module:
    """One file: `path` below `src/seaway`, "wire/sip/via.py"."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.tree = ast.parse(text)
        self.room = path.split("/")[0] if "/" in path else ""


def _imported(module: Module) -> Iterator[tuple[str, int]]:
    """Full names of imported modules, with their line; also those inside functions and TYPE_CHECKING."""
    package = ["seaway", *module.path.split("/")[:-1]]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, node.module] if node.module else base)
            yield stem, node.lineno
            for name in node.names:
                yield f"{stem}.{name.name}", node.lineno


def imports(module: Module) -> list[str]:
    """Imports from a room below."""
    if module.room not in ROOMS:
        return [f"{module.path}: {module.room} is no room"] if module.room else []
    allowed = ROOMS[: ROOMS.index(module.room) + 1]
    found = []
    for name, line in _imported(module):
        parts = name.split(".")
        if parts[0] == "seaway" and len(parts) > 1 and parts[1] in ROOMS and parts[1] not in allowed:
            if (module.path, name) in _IMPORT_EXCEPTIONS:
                continue
            found.append(f"{module.path}:{line}: {module.room} imports {name}, which is in a room below")
    return sorted(set(found))


def purity(module: Module) -> list[str]:
    """I/O, clock, randomness or logging in a pure room."""
    if module.room not in PURE:
        return []
    found = []
    for name, line in _imported(module):
        top = name.split(".")[0]
        if (module.path, top) in _PURITY_EXCEPTIONS:
            continue
        if top in _IMPURE or (top in _FILE_MODULES and not (module.room == "catalog" and top in _CATALOG_MAY)):
            found.append(f"{module.path}:{line}: {module.room} is pure and imports {top}")
    for node in ast.walk(module.tree):
        name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if isinstance(node, ast.Call) and name in ("open", "input", "print", "__import__", "exec", "eval"):
            found.append(f"{module.path}:{node.lineno}: {module.room} is pure and calls {name}()")
        if isinstance(node, ast.Attribute) and ast.unparse(node) in _CLOCKS:
            found.append(f"{module.path}:{node.lineno}: {module.room} is pure and reads the clock")
    return sorted(set(found))


def sockets(module: Module) -> list[str]:
    """Sockets opened, bound or connected outside the one place for it (invariant 1)."""
    if module.path == _SOCKET_FILE or module.path in _OTHER_HOSTS:
        return []
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef):
            bases = [ast.unparse(base) for base in node.bases]
            if "socket.socket" in bases:
                found.append(f"{module.path}:{node.lineno}: a class of sockets")
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        whole = ast.unparse(node.func)
        given = {keyword.arg for keyword in node.keywords}
        if module.path == _NETLINK_FILE and "AF_NETLINK" in ast.unparse(node):
            continue
        if module.path == _UNIX_FILE and ("unix" in name or _is_unix_call(node, whole)):
            continue
        if whole in ("socket.socket", "socket.SocketType") or (whole == "socket" and _is_socket_class(module)):
            found.append(f"{module.path}:{node.lineno}: {whole}()")
        elif name in _OPENING_NAMES and not (module.room == "runtime" and "sock" in given):
            found.append(f"{module.path}:{node.lineno}: {name}() without a socket of runtime/sockets.py")
        elif name in _SOCKET_METHODS and isinstance(node.func, ast.Attribute) and not node.keywords:
            found.append(f"{module.path}:{node.lineno}: .{name}()")
    return found


def _is_unix_call(call: ast.Call, whole: str) -> bool:
    """A socket of AF_UNIX, or a bind or connect to a path."""
    first = ast.unparse(call.args[0]) if call.args else ""
    return first == ("socket.AF_UNIX" if whole in ("socket.socket", "socket.socketpair") else "str(path)")


def _is_socket_class(module: Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "socket"
        and any(each.name == "socket" for each in node.names)
        for node in ast.walk(module.tree)
    )


def loose_reading(module: Module) -> list[str]:
    """Ways of reading wire data that take more than ASCII or more than the grammar (R24)."""
    if module.room not in ("wire", "core", "call"):
        return []
    found = []
    for node in ast.walk(module.tree):
        where = f"{module.path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id == "int" and not _may_use_int(module, node):
                found.append(f"{where}: int() of wire data; use parse_digits")
            elif isinstance(node.func, ast.Attribute) and node.func.attr in _LOOSE_METHODS:
                found.append(f"{where}: .{node.func.attr}() takes more than ASCII")
            elif isinstance(node.func, ast.Attribute) and ast.unparse(node.func).startswith("re."):
                pattern = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
                loose = isinstance(pattern, str) and _LOOSE_PATTERN.search(pattern)
                if loose and "ASCII" not in ast.unparse(node):
                    found.append(f"{where}: \\d, \\s or \\w in a str pattern takes other scripts")
    return found


def _may_use_int(module: Module, call: ast.Call) -> bool:
    if module.path == "wire/digits.py":
        return True
    functions = [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef)]
    excepted = [each for each in functions if (module.path, each.name) in _INT_EXCEPTIONS]
    return any(inner is call for function in excepted for inner in ast.walk(function))


def header(module: Module) -> list[str]:
    """Each file says in its first line what it is."""
    if not module.text.strip():
        return []  # an empty __init__.py
    doc = ast.get_docstring(module.tree)
    first = doc.splitlines()[0].strip() if doc else ""
    if not first or not module.text.lstrip().startswith(('"""', 'r"""')):
        return [f"{module.path}:1: no docstring on the first line"]
    return []


def length(module: Module) -> list[str]:
    lines = module.text.count("\n")
    return [f"{module.path}: {lines} lines, more than {MAX_LINES}"] if lines > MAX_LINES else []
