"""Errors about deployments: one line that names setting, value, reason and remedy."""

from __future__ import annotations

from seaway.catalog.problems import DeploymentError, did_you_mean


def test_one_line_with_setting_value_reason_and_remedy() -> None:
    error = DeploymentError("ports.media", "1-2", "too low", "write 3")
    assert str(error) == 'ports.media = "1-2": too low; write 3'
    error.origin = "site.toml"
    assert str(error) == 'site.toml: ports.media = "1-2": too low; write 3'


def test_a_missing_value_is_not_shown_and_a_long_one_is_cut() -> None:
    assert str(DeploymentError("node", None, "missing", "add it")) == "node: missing; add it"
    line = str(DeploymentError("a", "x" * 500 + "\n", "bad\nline", "fix"))
    assert "\n" not in line and len(line) < 100


def test_the_nearest_known_name_or_all_of_them() -> None:
    assert did_you_mean("medai", ["media", "turn"], plural="settings") == "did you mean 'media'?"
    assert did_you_mean("zzz", ["turn", "media"], plural="settings") == "known settings: media, turn"
