"""What is wrong with a script is said in one line, with its line number."""

from __future__ import annotations

import time

import pytest

from seaway.policy.cpl.errors import CplError
from seaway.policy.cpl.read import MAX_OCTETS, read_script

HEAD = '<?xml version="1.0"?>\n<cpl xmlns="urn:ietf:params:xml:ns:cpl">\n'


def incoming(body: str) -> bytes:
    return f"{HEAD}<incoming>\n{body}\n</incoming></cpl>".encode()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<rejct status='busy'/>", "'rejct' is no node of CPL"),
        ("<reject/>", "reject needs status"),
        ("<reject status='900'/>", "status '900' is none of"),
        ("<reject status='busy' why='x'/>", "unknown attribute 'why'"),
        ("<reject status='busy'><log/></reject>", "nothing can follow reject"),
        ("<reject status='busy' reason='a&#10;b'/>", "control characters"),
        ("<log/><log/>", "incoming has more than one node"),
        ("<location url='javascript:1'/>", "is no sip, sips, tel or h323 URI"),
        ("<location url='sip:a@b' priority='2'/>", "priority '2'"),
        ("<sub ref='gone'/>", "no subaction before it has this id"),
        ("<proxy ordering='random'/>", "ordering 'random'"),
        ("<proxy timeout='0'/>", "timeout '0'"),
        ("<proxy><success/></proxy>", "proxy has no output 'success'"),
        ("<lookup source='http://b.example'/>", "source 'http://b.example'"),
        ("<address-switch field='from'/>", "field 'from'"),
        ("<address-switch field='origin'><address/></address-switch>", "address needs exactly one of"),
        ("<address-switch field='origin'><string is='x'/></address-switch>", "'string' stands where address"),
        ("<address-switch field='origin' subfield='user'><address contains='x'/></address-switch>", "display only"),
        ("<address-switch field='origin'><otherwise/><otherwise/></address-switch>", "goes on after otherwise"),
        ("<priority-switch><priority less='soon'/></priority-switch>", "less 'soon'"),
        ("<time-switch tzid='Mars/Base'><time/></time-switch>", "tzid 'Mars/Base'"),
        ("<time-switch><time dtstart='now' duration='PT1H'/></time-switch>", "dtstart 'now'"),
        ("<time-switch><time dtstart='20261125T080000'/></time-switch>", "dtend or duration"),
        ("<time-switch><time dtstart='20261125T080000' duration='1h'/></time-switch>", "duration '1h'"),
        ("<time-switch><time dtstart='20261125T080000' dtend='20261125T070000'/></time-switch>", "ends before"),
        ("<time-switch><time dtstart='20261125T080000' duration='PT1H' freq='secondly'/></time-switch>", "secondly"),
        ("<time-switch><time dtstart='20261125T080000' duration='PT1H' byday='MO'/></time-switch>", "but no freq"),
        ("<time-switch><time dtstart='20261125T080000' duration='PT1H' freq='daily' byhour='24'/></time-switch>", "24"),
        ("<time-switch><time dtstart='20261125T080000' duration='PT1H' freq='daily' x='1'/></time-switch>", "'x'"),
        ("<time-switch><time dtstart='20261125T080000' duration='PT1H' freq='weekly' byday='XX'/></time-switch>", "XX"),
    ],
)
def test_mistakes(body: str, problem: str) -> None:
    with pytest.raises(CplError) as caught:
        read_script(incoming(body))
    assert problem in caught.value.problem
    assert caught.value.line == 4
    assert "\n" not in str(caught.value)


def test_a_time_that_never_happens() -> None:
    never = "<time dtstart='20261125T080000' duration='PT1H' freq='yearly' bymonth='2' bymonthday='30'/>"
    begin = time.process_time()
    with pytest.raises(CplError, match="never happens"):
        read_script(incoming(f"<time-switch>{never}</time-switch>"))
    assert time.process_time() - begin < 20  # it ends


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "no XML"),
        (b"<cpl>", "no XML"),
        (b"<html/>", "begins with html"),
        (b"<!DOCTYPE cpl [<!ENTITY a 'b'>]><cpl/>", "a DTD or entities"),
        (b'<?xml version="1.0" encoding="none-such"?><cpl/>', "no XML"),
        (b"<cpl><incoming/><incoming/></cpl>", "two incoming actions"),
        (b"<cpl><subaction id='a'/><subaction id='a'/></cpl>", "two subactions"),
        (b"<cpl><subaction id='a'><sub ref='a'/></subaction></cpl>", "no subaction before it"),
        (b"<cpl><other/></cpl>", "unknown element 'other'"),
        (b"<cpl>" + b"<incoming>" * 300 + b"</incoming>" * 300 + b"</cpl>", "levels"),
        (b"<cpl>" + b" " * MAX_OCTETS + b"</cpl>", "longer than"),
    ],
)
def test_what_is_no_script(text: bytes, problem: str) -> None:
    with pytest.raises(CplError, match=problem):
        read_script(text)


def test_a_script_without_the_namespace_is_read_too() -> None:
    assert read_script(b"<cpl><incoming><reject status='busy'/></incoming></cpl>").incoming is not None
