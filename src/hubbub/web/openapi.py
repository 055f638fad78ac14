"""`/openapi.json`: the route table as an OpenAPI 3.1 document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import msgspec

from hubbub.core.errors import HubbubError
from hubbub.web.operations import Media, Operation, Parameter, Resource, Response
from hubbub.wire import problem

Types = tuple[Any, ...]

REF: Final = "#/components/schemas/{name}"


def document(resources: Iterable[Resource], version: str) -> bytes:
    """Write the document."""
    table = list(resources)
    schemas, components = _schemas(table)
    paths: dict[str, Any] = {}
    for resource in table:
        for operation in resource.operations:
            path = paths.setdefault(resource.path, {})
            path[operation.method.lower()] = _operation(operation, schemas)
    return msgspec.json.encode(
        {
            "openapi": "3.1.1",
            "info": {
                "title": "hubbub",
                "summary": "Publish an event once; everyone who cares hears it.",
                "version": version,
                "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "."}],
            "security": [{}, {"token": []}],
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            },
        }
    )


def _schemas(table: Iterable[Resource]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """Return the JSON Schema of every type in the table, and the components that they refer to."""
    types: list[Any] = [problem.Problem]
    for resource in table:
        for operation in resource.operations:
            contents = [operation.body, *(answer.content for answer in operation.answers.values())]
            types += [kind for content in contents for kind in content.values()]
            types += [parameter.schema for parameter in operation.parameters]
    types += [one for kind in types if isinstance(kind, tuple) for one in cast("Types", kind)]
    wanted = [kind for kind in types if not isinstance(kind, Mapping | tuple)]
    found, components = msgspec.json.schema_components(wanted, ref_template=REF)
    return dict(zip(wanted, found, strict=True)), components


def _operation(operation: Operation, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [_parameter(parameter, schemas) for parameter in operation.parameters],
        "responses": _responses(operation, schemas),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.body:
        described["requestBody"] = {"content": _content(operation.body, schemas)}
    return described


def _parameter(parameter: Parameter, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.where == "path",
        "description": parameter.description,
        "schema": _schema(parameter.schema, schemas),
    }


def _responses(operation: Operation, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    found = {str(status): _response(one, schemas) for status, one in operation.answers.items()}
    by_status: dict[int, list[type[HubbubError]]] = {}
    for error in operation.errors:
        by_status.setdefault(error.status, []).append(error)
    problems = {problem.MEDIA_TYPE: problem.Problem}
    for status, errors in sorted(by_status.items()):
        description = "; ".join(error.title for error in errors) + "."
        found[str(status)] = _response(Response(description, problems), schemas)
    return found


def _response(response: Response, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": response.description}
    if response.content:
        described["content"] = _content(response.content, schemas)
    if response.headers:
        described["headers"] = {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in response.headers.items()
        }
    return described


def _content(media: Media, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    return {kind: {"schema": _schema(schema, schemas)} for kind, schema in media.items()}


def _schema(schema: Any, schemas: Mapping[Any, Any]) -> Any:
    if isinstance(schema, tuple):
        return {"anyOf": [schemas[one] for one in cast("Types", schema)]}
    return cast("Any", schema) if isinstance(schema, Mapping) else schemas[schema]
