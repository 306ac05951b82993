"""Reading of BPF objects, with objects made here; and of our own object, when it was built."""

from __future__ import annotations

import sys
from pathlib import Path
from struct import pack

import pytest

from seaway.runtime.fastpath import attach
from seaway.runtime.fastpath.elf import ElfError, MapDefinition, link, parse
from seaway.runtime.fastpath.layout import VALUE_SIZE

ORDER = "<" if sys.byteorder == "little" else ">"
LOAD_MAP = bytes([0x18, 0x02 if ORDER == "<" else 0x20]) + bytes(14)  # r2 = a 64-bit number, of two halves
EXIT = b"\x95" + bytes(7)


def strings(names: list[str]) -> tuple[bytes, dict[str, int]]:
    table, places = b"\0", {"": 0}
    for name in names:
        places[name] = len(table)
        table += name.encode() + b"\0"
    return table, places


def built(
    *,
    machine: int = 247,
    relocation: tuple[int, int] = (8, 1),
    symbol_section: int = 3,
    symbols: int = 1,
    licence: str = "license",
) -> bytes:
    """An object: program "xdp/test" (exit; r2 = map; exit), map "flows", licence."""
    names = ["xdp/test", "maps", licence, ".symtab", ".strtab", ".relxdp/test"]
    table, at = strings([*names, "flows"])
    symbol = pack(ORDER + "IBBHQQ", 0, 0, 0, 0, 0, 0)
    symbol += pack(ORDER + "IBBHQQ", at["flows"], 0x11, 0, symbol_section, 0, 20)
    sections = [
        (0, 0, 0, 0, 0, b""),
        (at["xdp/test"], 1, 6, 0, 0, EXIT + LOAD_MAP + EXIT),
        (at[licence], 1, 3, 0, 0, b"GPL\0"),
        (at["maps"], 1, 3, 0, 0, pack(ORDER + "5I", 1, 16, 344, 10, 1)),
        (at[".strtab"], 3, 0, 0, 0, table),
        (at[".relxdp/test"], 9, 0, 6, 1, pack(ORDER + "QQ", relocation[0], 1 << 32 | relocation[1])),
        *[(at[".symtab"], 2, 0, 4, 0, symbol)] * symbols,
    ]
    body, headers = b"", b""
    for name, kind, flags, linked, info, data in sections:
        headers += pack(ORDER + "IIQQQQIIQQ", name, kind, flags, 0, 64 + len(body), len(data), linked, info, 8, 0)
        body += data
    ident = b"\x7fELF" + bytes([2, 1 if ORDER == "<" else 2, 1]) + bytes(9)
    head = pack(ORDER + "HHIQQQIHHHHHH", 1, machine, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64, len(sections), 4)
    return ident + head + body + headers


def test_programs_maps_and_licence() -> None:
    made = parse(built())
    assert made.licence == b"GPL\0"
    assert made.maps == {"flows": MapDefinition(1, 16, 344, 10, 1)}
    program = made.programs["xdp/test"]
    assert (program.code, program.references) == (EXIT + LOAD_MAP + EXIT, ((8, "flows"),))


def test_descriptors_go_into_instructions() -> None:
    code = link(parse(built()).programs["xdp/test"], {"flows": 0x01020304})
    assert code[:8] == EXIT and code[24:] == EXIT
    assert code[8:16] == bytes([0x18, 0x12 if ORDER == "<" else 0x21, 0, 0]) + pack("=I", 0x01020304)
    with pytest.raises(ElfError, match="flows, which is no map"):
        link(parse(built()).programs["xdp/test"], {})


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"machine": 62}, "not an ELF object of BPF"),
        ({"relocation": (8, 10)}, "refers to flows"),  # a call of another function
        ({"relocation": (0, 1)}, "refers to flows at 0"),  # at another instruction
        ({"relocation": (1000, 1)}, "damaged"),
        ({"symbol_section": 2}, "refers to"),
        ({"symbols": 2}, "2 symbol tables"),
        ({"licence": "text"}, "no licence"),
    ],
)
def test_other_objects_are_refused(change: dict[str, object], match: str) -> None:
    with pytest.raises(ElfError, match=match):
        parse(built(**change))  # type: ignore[arg-type]


def test_cut_short_anywhere() -> None:
    whole = built()
    for size in range(len(whole)):
        with pytest.raises(ElfError):
            parse(whole[:size])


def test_no_damage_raises_anything_else() -> None:
    whole = built()
    for at in range(len(whole)):
        for value in (0x00, 0xFF, whole[at] ^ 0x40):
            try:
                parse(whole[:at] + bytes([value]) + whole[at + 1 :])
            except ElfError as problem:
                assert "\n" not in str(problem)


def test_our_own_object(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(attach.__file__).parent / "native" / "seaway.bpf.o"
    if not path.exists():
        pytest.skip("the BPF object was not built: no clang")
    made = attach.read_object()
    assert set(made.programs) == {"xdp/native", "xdp/generic", "tc/relay", "xdp/trial"}
    assert made.licence == b"Dual MIT/GPL\0"
    assert (made.maps["flows4"].key_size, made.maps["flows6"].key_size) == (16, 40)
    assert {made.maps[name].value_size for name in ("flows4", "flows6")} == {VALUE_SIZE}
