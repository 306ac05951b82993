"""Port grammar: every printed value round-trips, so does every generated expression, and nonsense names itself."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.catalog.features import SETTINGS
from seaway.catalog.grammar import (
    SIZES,
    Alternatives,
    AtLeast,
    BySize,
    EndpointMedia,
    Ephemeral,
    Expression,
    Fixed,
    GrammarError,
    NotApplicable,
    Parity,
    Range,
    Simple,
    Unspecified,
    UserDefined,
    format_ports,
    parse,
)

FACTS = Path(__file__).with_name("facts.csv")
PRINTED = sorted(
    {row[side] for row in csv.DictReader(FACTS.open()) for side in ("source_ports", "destination_ports")}
    | {each.default for each in SETTINGS.values() if each.default is not None}
)

ports = st.integers(1, 65535)


def _range(low: int, high: int, parity: Parity | None) -> Range:
    if parity is None:
        return Range(low, high)
    want = 1 if parity is Parity.ODD else 0
    return Range(low + (low % 2 != want), high - (high % 2 != want), parity)


ranges = st.builds(
    lambda ends, parity: _range(min(ends), max(ends), parity),
    st.tuples(ports, ports).filter(lambda ends: abs(ends[0] - ends[1]) > 4),
    st.sampled_from([None, Parity.EVEN, Parity.ODD]),
)
options = st.one_of(
    st.builds(Fixed, ports), ranges, st.builds(AtLeast, ports), st.just(Ephemeral()), st.just(EndpointMedia())
)
simple: st.SearchStrategy[Simple] = st.one_of(
    options,
    st.sampled_from([UserDefined(), NotApplicable(), Unspecified()]),
    st.lists(options, min_size=2, max_size=4, unique=True).map(lambda each: Alternatives(tuple(each))),
)


@st.composite
def by_size(draw: st.DrawFn) -> BySize:
    sizes = draw(st.permutations(SIZES))[: draw(st.integers(1, 3))]
    cut = draw(st.integers(1, len(sizes)))
    cases: list[tuple[tuple[str, ...], Simple]] = [(tuple(sizes[:cut]), draw(simple))]
    if cut < len(sizes):
        cases.append((tuple(sizes[cut:]), draw(simple)))
    return BySize(tuple(cases))


@given(st.one_of(simple, by_size()))
def test_every_expression_survives_formatting_and_parsing(expression: Expression) -> None:
    assert parse(format_ports(expression)) == expression


@pytest.mark.parametrize("text", PRINTED)
def test_every_printed_value_survives_parsing_and_formatting(text: str) -> None:
    assert format_ports(parse(text)) == text


@given(st.text("0123456789-|>=/: ;,evnodsmalrgp", max_size=30))
def test_what_is_accepted_is_in_normal_form(text: str) -> None:
    try:
        expression = parse(text)
    except GrammarError as error:
        assert repr(text) in str(error)
    else:
        assert format_ports(expression) == text


def test_forms() -> None:
    assert parse("443") == Fixed(443)
    assert parse("36001-59999/odd") == Range(36001, 59999, Parity.ODD)
    assert parse("5060|>=1024") == Alternatives((Fixed(5060), AtLeast(1024)))
    assert parse("user_defined") == UserDefined()
    sized = parse("small,medium: 2776|36000; large: 36000-36010/even")
    assert isinstance(sized, BySize)
    assert sized.for_size("medium") == Alternatives((Fixed(2776), Fixed(36000)))
    assert sized.for_size("large") == Range(36000, 36010, Parity.EVEN)
    only = parse("large: 3478-3483")
    assert isinstance(only, BySize) and only.for_size("small") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not a port number"),
        ("0", "a port is 1 to 65535"),
        ("65536", "a port is 1 to 65535"),
        ("0443", "not a port number"),
        ("٤٤٣", "not a port number"),
        ("443 ", "not a port number"),
        ("500-400", "from a lower to a higher"),
        ("500-500", "from a lower to a higher"),
        ("36000-59999/even", "both ends must be even"),
        ("36000-59998/odd", "both ends must be odd"),
        ("22|22", "given twice"),
        ("22|n/a", "is no alternative"),
        ("22|", "not a port number"),
        ("huge: 3478", "'huge' is no size"),
        ("small: 1; small: 2", "'small' has two values"),
        ("small: 3478; 3479", "write 'size: ports'"),
        ("any", "not a port number"),
    ],
)
def test_nonsense_is_named(text: str, problem: str) -> None:
    with pytest.raises(GrammarError, match="no port expression") as caught:
        parse(text)
    assert problem in caught.value.problem
    assert caught.value.text == text
