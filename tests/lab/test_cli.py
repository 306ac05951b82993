"""Without root every command says so in one line; wrong input is refused before anything is made."""

from __future__ import annotations

import pytest

from seaway.lab import cli
from seaway.lab.errors import LabError
from seaway.lab.network import locked, remove


@pytest.mark.parametrize("command", [["up"], ["down"], ["status"], ["prove"], ["exec", "core1", "--", "true"]])
def test_commands_need_root(monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LabError) as caught:
        cli.main(command)
    assert "need root" in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("seaway.lab.pair.shutil.which", lambda name, path=None: None)
    with pytest.raises(LabError, match=r"apt-get install.*nftables"):
        cli.main(["up"])


@pytest.mark.parametrize("name", ["", "a/b", "..", "x" * 13, "ä", "a b"])
def test_names_that_cannot_be_used(name: str) -> None:
    with pytest.raises(LabError, match="not usable"):
        remove(name)
    with pytest.raises(LabError, match="not usable"), locked(name):
        pass


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["up", "--variant", "triple"])
    assert caught.value.code == 2
