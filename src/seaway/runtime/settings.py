"""What the tables of a node's configuration file are made of: their base, and types for hosts, ports, seconds."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from seaway.catalog.problems import Refused

__all__ = ["Domain", "Host", "Password", "Port", "Seconds", "Settings", "pattern"]

_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,253}")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def pattern(form: re.Pattern[str], what: str, example: str) -> BeforeValidator:
    def check(value: object) -> str:
        if not isinstance(value, str) or not form.fullmatch(value):
            raise Refused(f"is not {what}", f'write for instance "{example}"')
        return value

    return BeforeValidator(check)


Host = Annotated[str, pattern(_HOST, "a host name or address", "edge1.example.test")]
Domain = Annotated[str, pattern(_DOMAIN, "a domain", "example.test")]
Password = Annotated[str, Field(min_length=1, max_length=128)]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86400)]


class Settings(BaseModel):
    """Unknown keys are errors; nothing changes after loading; secrets stay out of `repr`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)
