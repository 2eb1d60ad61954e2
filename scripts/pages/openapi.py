"""`schema/admin-api.openapi.json`: the admin API for clients and for tools that try it out. Every route, or it fails."""

import ast
import json
import re
from typing import Any

from scripts.pages.code import constant, trees
from scripts.pages.openapi_operations import OPERATIONS, Operation

from foreroute import __version__

_METHODS = ("GET", "POST", "PATCH", "DELETE", "PUT")
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "hint"],
            "properties": {"message": {"type": "string"}, "hint": {"type": "string"}},
        }
    },
}
_ABOUT = """What the dashboard shows and the command line asks. docs/api.md says what the answers hold. Instants are seconds since the
epoch in UTC, durations seconds, ratios 0 to 1, money decimal text; null is not known."""


def routes_in_code() -> set[tuple[str, str]]:
    """(method, path) of every route, from the calls that make them: a path and a method or a function named after one."""
    found = set()
    for _, tree in trees("dashboard", "app/dashboard.py"):
        for call in ast.walk(tree):
            if isinstance(call, ast.Call):
                found |= _routes_of(call)
    return found


def _routes_of(call: ast.Call) -> set[tuple[str, str]]:
    said = [constant(one) for one in call.args]
    paths = [one for one in said if re.match(r"/(api|key)/\w", one)]
    if not paths:
        return set()
    methods = [one for one in said if one in _METHODS]
    for keyword in call.keywords:
        if keyword.arg == "methods" and isinstance(keyword.value, ast.List):
            methods += [constant(one) for one in keyword.value.elts]
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name.strip("_").upper() in _METHODS:
        methods.append(name.strip("_").upper())
    return {(method, _plain(path)) for method in methods for path in paths}


def _plain(path: str) -> str:
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", path)


def undescribed() -> set[tuple[str, str]]:
    return routes_in_code() - OPERATIONS.keys()


def openapi() -> str:
    """Raises ValueError for a route that nobody describes; a description without a route is left out."""
    if missing := undescribed():
        raise ValueError(f"routes without a line in scripts/pages/openapi_operations.py: {sorted(missing)}")
    paths: dict[str, dict[str, Any]] = {}
    there = routes_in_code()
    for (method, path), one in OPERATIONS.items():
        if (method, path) not in there:
            continue
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, one)
    made = {
        "openapi": "3.1.0",
        "info": {"title": "Foreroute admin API", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "http://127.0.0.1:8081"}],
        "security": [{"adminKey": []}, {}],
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {"adminKey": {"type": "http", "scheme": "bearer"}},
        },
    }
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _operation(method: str, path: str, one: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {"operationId": _id(method, path), "summary": one.summary}
    parameters = [_parameter("path", name, {"type": "string"}) for name in re.findall(r"\{(\w+)\}", path)]
    parameters += [
        _parameter("query", name, schema, needed=name in one.required) for name, schema in one.query.items()
    ]
    if parameters:
        made["parameters"] = parameters
    if method != "GET":
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": _body(one)}}}
    made["responses"] = {str(one.status): _answer(path), "default": _refusal()}
    return made


def _id(method: str, path: str) -> str:
    words = re.findall(r"\w+", path.removeprefix("/api/"))
    return "_".join([method.lower(), *words])


def _parameter(where: str, name: str, schema: dict[str, Any], *, needed: bool = True) -> dict[str, Any]:
    return {"in": where, "name": name, "required": needed, "schema": schema}


def _body(one: Operation) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": one.body or {}}
    if one.required:
        schema["required"] = list(one.required)
    if one.closed:
        schema["additionalProperties"] = False
    return schema


def _answer(path: str) -> dict[str, Any]:
    kind = {"/api/stream": "text/event-stream"}.get(path, "application/json")
    if path.endswith(".csv"):
        kind = "text/csv"
    schema = {"type": "object" if kind == "application/json" else "string"}
    return {"description": "Done.", "content": {kind: {"schema": schema}}}


def _refusal() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {
        "description": "What is wrong, and what would be right.",
        "content": {"application/json": {"schema": schema}},
    }
