"""Reads the object file of our BPF programs (`dataplane/bpf`): programs, maps, and where programs refer to maps.

Just what our own object has: 64-bit ELF in this host's byte order, one function a section, maps as five plain numbers,
relocations to maps. Anything else is an `ElfError`, never a program that is a little wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct, error

__all__ = ["ElfError", "MapDefinition", "Object", "Program", "link", "parse"]

_LITTLE = sys.byteorder == "little"
_ORDER = "<" if _LITTLE else ">"
_HEADER = Struct(_ORDER + "4sBBB9xHHIQQQIHHHHHH")
_SECTION = Struct(_ORDER + "IIQQQQIIQQ")
_SYMBOL = Struct(_ORDER + "IBBHQQ")
_RELOCATION = Struct(_ORDER + "QQ")
_MAP = Struct(_ORDER + "5I")
_MACHINE_BPF = 247
_SYMTAB, _REL = 2, 9
_EXECUTABLE = 4
_R_BPF_64_64 = 1
_LOAD_64 = 0x18  # the first half of an instruction with a 64-bit number
_FROM_FD = 1  # in its source register: the number is the descriptor of a map


class ElfError(Exception):
    """The object is not one of ours. `str()` is one line."""


@dataclass(frozen=True, slots=True)
class MapDefinition:
    kind: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int


@dataclass(frozen=True, slots=True)
class Program:
    section: str
    code: bytes
    references: tuple[tuple[int, str], ...]  # offset of an instruction -> name of the map


@dataclass(frozen=True, slots=True)
class Object:
    programs: dict[str, Program]
    maps: dict[str, MapDefinition]
    licence: bytes


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    kind: int
    flags: int
    link: int
    info: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Symbol:
    name: str
    section: int
    value: int


def parse(data: bytes) -> Object:
    """Raises `ElfError`."""
    try:
        return _parse(data)
    except (error, IndexError, OverflowError, ValueError) as problem:
        raise ElfError(f"BPF object: cut short or damaged ({problem})") from None


def link(program: Program, maps: Mapping[str, int]) -> bytes:
    """The instructions with descriptors of maps in place. Raises `ElfError`."""
    code = bytearray(program.code)
    for offset, name in program.references:
        if name not in maps:
            raise ElfError(f"BPF object: {program.section} refers to {name}, which is no map")
        code[offset + 1] = code[offset + 1] & 0x0F | _FROM_FD << 4 if _LITTLE else code[offset + 1] & 0xF0 | _FROM_FD
        code[offset + 4 : offset + 8] = maps[name].to_bytes(4, sys.byteorder)
    return bytes(code)


def _parse(data: bytes) -> Object:
    sections = _sections(data)
    symbols = _symbols(sections)
    found = {section.name: number for number, section in enumerate(sections)}
    if "license" not in found or "maps" not in found:
        raise ElfError("BPF object: no licence or no maps in it")
    licence = sections[found["license"]].data
    table = sections[found["maps"]].data
    maps = {
        symbol.name: MapDefinition(*_MAP.unpack_from(table, symbol.value))
        for symbol in symbols
        if symbol.section == found["maps"] and symbol.name
    }
    programs = {}
    for number, section in enumerate(sections):
        if section.flags & _EXECUTABLE and section.data:
            programs[section.name] = Program(
                section.name, section.data, tuple(_references(sections, symbols, number, found["maps"]))
            )
    return Object(programs, maps, licence)


def _sections(data: bytes) -> list[_Section]:
    fields = _HEADER.unpack_from(data)
    magic, width, order = fields[:3]
    machine, start = fields[5], fields[9]
    size, count, names = fields[14:]
    if magic != b"\x7fELF" or width != 2 or order != (1 if _LITTLE else 2) or machine != _MACHINE_BPF:
        raise ElfError("BPF object: not an ELF object of BPF in this host's byte order")
    if size != _SECTION.size:
        raise ElfError(f"BPF object: section headers of {size} octets")
    raw = [_SECTION.unpack_from(data, start + number * size) for number in range(count)]
    bodies = [data[each[4] : each[4] + each[5]] for each in raw]
    if any(len(body) != each[5] for body, each in zip(bodies, raw, strict=True) if each[1] != 0):
        raise ElfError("BPF object: cut short")
    return [
        _Section(_string(bodies[names], each[0]), each[1], each[2], each[6], each[7], body)
        for body, each in zip(bodies, raw, strict=True)
    ]


def _symbols(sections: list[_Section]) -> list[_Symbol]:
    tables = [section for section in sections if section.kind == _SYMTAB]
    if len(tables) != 1:
        raise ElfError(f"BPF object: {len(tables)} symbol tables")
    names = sections[tables[0].link].data
    return [
        _Symbol(_string(names, name), section, value)
        for name, _, _, section, value, _ in _SYMBOL.iter_unpack(tables[0].data)
    ]


def _references(sections: list[_Section], symbols: list[_Symbol], program: int, maps: int) -> list[tuple[int, str]]:
    code = sections[program].data
    found = []
    for section in sections:
        if section.kind != _REL or section.info != program:
            continue
        for offset, info in _RELOCATION.iter_unpack(section.data):
            symbol = symbols[info >> 32]
            fits = info & 0xFFFFFFFF == _R_BPF_64_64 and offset % 8 == 0 and code[offset] == _LOAD_64
            if not fits or symbol.section != maps or not symbol.name:
                raise ElfError(f"BPF object: {sections[program].name} refers to {symbol.name or 'data'} at {offset}")
            found.append((offset, symbol.name))
    return found


def _string(table: bytes, start: int) -> str:
    return table[start : table.index(b"\0", start)].decode("ascii")
