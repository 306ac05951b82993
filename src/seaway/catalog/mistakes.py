"""What pydantic reports -> one `DeploymentError` with setting, value, reason and remedy."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from seaway.catalog.problems import DeploymentError, Refused, did_you_mean

__all__ = ["first_mistake"]


def first_mistake(problem: ValidationError, model: type[BaseModel], origin: str) -> DeploymentError:
    """The first error of `problem`, found when a file was read into `model`, with the path of its setting."""
    error = problem.errors(include_url=False)[0]
    location = [str(part) if isinstance(part, int) else part for part in error["loc"]]
    # pydantic adds the names of union members to the path of an error; they are no part of the file
    path = [part for part in location if not part.startswith("function-") and "[" not in part]
    setting, value, kind = ".".join(path), error["input"], error["type"]
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, Refused):
        return DeploymentError(setting, value, cause.reason, cause.remedy, origin=origin)
    if kind == "extra_forbidden":
        known = _known_keys(model, path[:-1])
        remedy = did_you_mean(path[-1], known, plural="settings")
        return DeploymentError(setting, value, "unknown setting", remedy, origin=origin)
    if kind == "missing":
        return DeploymentError(setting, None, "is missing", f"add {path[-1]} there", origin=origin)
    reason = error["msg"][0].lower() + error["msg"][1:]
    remedy = "see docs/deployment.md for what may stand there"
    if kind == "literal_error":
        expected = str(error.get("ctx", {}).get("expected", ""))
        reason, remedy = "not one of the possible values", f"write {expected}"
    return DeploymentError(setting, value, reason, remedy, origin=origin)


def _known_keys(top: type[BaseModel], path: list[str]) -> list[str]:
    """The settings that may stand under `path`, for the remedy of a misspelt one."""
    model: Any = top
    for part in path:
        if part.isdecimal():
            continue
        field = next((f for key, f in model.model_fields.items() if part in (key, f.alias)), None)
        model = _model_in(field.annotation) if field is not None else None
        if model is None:
            return []
    return [field.alias or key for key, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The settings class inside an annotation such as `tuple[Node, ...]` or `Nic | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
