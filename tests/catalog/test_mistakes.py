"""Errors of pydantic as mistakes of a file; the kinds of mistakes are in test_deployment.py."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from seaway.catalog.mistakes import first_mistake
from seaway.catalog.problems import DeploymentError, Refused


def never(value: object) -> int:
    raise Refused("never right", "leave it out")


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    depth: int = 0
    odd: Annotated[int, BeforeValidator(never)] = 1


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inner: tuple[Inner, ...] = ()


def mistake(**data: object) -> DeploymentError:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(data)
    return first_mistake(caught.value, Outer, "file.toml")


def test_paths_lead_through_tables_and_lists() -> None:
    error = mistake(inner=[{}, {"dept": 1}])
    assert (error.setting, error.reason, error.remedy) == ("inner.1.dept", "unknown setting", "did you mean 'depth'?")


def test_refused_values_bring_reason_and_remedy() -> None:
    error = mistake(inner=[{"odd": 3}])
    assert str(error) == "file.toml: inner.0.odd = 3: never right; leave it out"


def test_other_errors_keep_what_pydantic_says() -> None:
    error = mistake(inner=[{"depth": "x"}])
    assert (error.setting, error.value) == ("inner.0.depth", "x")
    assert "integer" in error.reason
