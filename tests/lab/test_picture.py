"""lab/picture.py: every live row of the first call has its arrow and its figures in the drawing."""

import xml.etree.ElementTree as ElementTree

from seaway.lab.firewall import resolution_of
from seaway.lab.picture import draw

PROOF = {
    "rows": {
        "T11-07": {
            "packets": 21,
            "at": {"outer": {"forward": 12, "reply": 9}, "edge1": {"forward": 12, "reply": 9}},
        },
        "T11-13": {"packets": 7, "at": {"outer": {"forward": 7, "reply": 0}}},
        "T11-08": {"site": "signalling", "packets": 9, "at": {"outer": {"forward": 5, "reply": 4}}},
        "T5-04": {"packets": 4, "at": {"core1": {"forward": 4, "reply": 4}}},
    }
}


def test_rows_figures_and_order() -> None:
    picture = draw(resolution_of("dual"), PROOF)
    root = ElementTree.fromstring(picture)
    words = ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "outer 12 / 9" in words
    assert "outer 7" in words
    assert "4 packets" in words
    rows = [word.split(" ")[0] for word in words if word[:1] in "TY" and "-" in word[:7]]
    assert rows == ["T5-04", "T11-07", "T11-13"], "T11-08 lives in another site"


def test_no_rows_no_arrows() -> None:
    assert 'class="arrow' not in draw(resolution_of("dual"), {"rows": {}})
