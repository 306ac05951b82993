"""Tables that fit: nothing is lost, empty columns go first, long cells are folded, the rest goes down the page."""

from __future__ import annotations

from seaway.catalog.views.fitted import fitted

HEAD = ("name", "state", "reason", "row")


def test_what_fits_stays_as_it_is() -> None:
    assert fitted(HEAD, [("pair", "active", "", "T11-01")]) == (
        "name  state   reason  row\npair  active          T11-01"
    )


def test_without_rows_there_is_the_head() -> None:
    assert fitted(HEAD, []) == "name  state  reason  row"


def test_a_long_cell_is_folded_between_words_and_after_commas() -> None:
    reason = "row T11-01: no answer in 5 s; a firewall may drop this row's packets"
    text = fitted(HEAD, [("pair", "failed", reason, "T11-01,T11-02")], width=60)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 60 and len(lines) > 2
    start, end = lines[0].index("reason"), lines[0].index("row")
    assert " ".join(line[start:end].strip() for line in lines[1:]).strip() == reason
    assert lines[1].startswith("pair  failed") and lines[2].startswith(" ")


def test_empty_columns_go_before_anything_is_folded() -> None:
    wide = "x" * 20
    text = fitted(("a", "nothing-here", "b"), [(wide, "-", wide), (wide, "", wide)], width=45)
    assert text.splitlines()[0].split() == ["a", "b"] and len(text.splitlines()) == 3


def test_what_cannot_be_folded_goes_down_the_page() -> None:
    word = "x" * 50
    text = fitted(("first", "second", "third"), [(word, word, "-"), (word, "y", "z")], width=80)
    assert text == f"first   {word}\nsecond  {word}\n\nfirst   {word}\nsecond  y\nthird   z"
