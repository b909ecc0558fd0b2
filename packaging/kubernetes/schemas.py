"""`schemas.py KUBERNETES FOLDER [CRD...]`: what kubeconform checks manifests by, from the sources of who defines it.

KUBERNETES is the module k8s.io/kubernetes, whose OpenAPI document has every kind; each CRD is a file of a
CustomResourceDefinition. FOLDER gets KIND-GROUP-VERSION.json for the kinds of CHECKED and for those of the CRDs.
Strict: a field that no schema has is refused, as the API server would drop it with a warning that nobody reads.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CHECKED = (
    ("", "v1", "ConfigMap"),
    ("", "v1", "Namespace"),
    ("", "v1", "Pod"),
    ("", "v1", "Service"),
    ("", "v1", "ServiceAccount"),
    ("apps", "v1", "DaemonSet"),
    ("networking.k8s.io", "v1", "NetworkPolicy"),
)
"""Group, version and kind of what the chart makes; of cert-manager and the Prometheus operator there are CRDs."""

QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
"""Said to be a text; the API server takes numbers as well."""

ANY = ("x-kubernetes-preserve-unknown-fields", "additionalProperties")
"""Where a schema has one of these, it says itself which fields there may be beside its own."""


def strict(schema: Any) -> Any:
    """`schema` with no fields but those that it has; a text of format int-or-string may be a number."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return {"oneOf": [{"type": "string"}, {"type": "integer"}]}
    found = {key: strict(value) for key, value in schema.items()}
    if "properties" in schema and not any(word in schema for word in ANY):
        found["additionalProperties"] = False
    return found


def kinds(openapi: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name of the file and schema of each kind of CHECKED, with all that it refers to."""
    definitions = strict(openapi["definitions"])
    definitions[QUANTITY]["type"] = ["string", "number"]
    by_kind = {
        (kind["group"], kind["version"], kind["kind"]): name
        for name, definition in openapi["definitions"].items()
        for kind in definition.get("x-kubernetes-group-version-kind", ())
    }
    for group, version, kind in CHECKED:
        name = by_kind[group, version, kind]
        needed = {}
        pending = [name]
        while pending:
            one = pending.pop()
            if one not in needed:
                needed[one] = definitions[one]
                pending += references(definitions[one])
        schema = {"$ref": f"#/definitions/{name}", "definitions": needed}
        yield "-".join(filter(None, (kind.lower(), group.partition(".")[0], version))), schema


def references(schema: Any) -> Iterator[str]:
    """The definitions that `schema` refers to itself."""
    if isinstance(schema, list):
        for one in schema:
            yield from references(one)
    elif isinstance(schema, Mapping):
        if isinstance(target := schema.get("$ref"), str):
            yield target.removeprefix("#/definitions/")
        for one in schema.values():
            yield from references(one)


def custom(definition: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The same of each version of a CustomResourceDefinition."""
    spec = definition["spec"]
    for version in spec["versions"]:
        name = f"{spec['names']['kind'].lower()}-{spec['group'].partition('.')[0]}-{version['name']}"
        schema = strict(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        yield name, schema


def main() -> None:
    """Write all of them."""
    kubernetes, folder, *definitions = map(Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    found = dict(kinds(json.loads((kubernetes / "api/openapi-spec/swagger.json").read_bytes())))
    for path in definitions:
        found |= custom(yaml.safe_load(path.read_bytes()))
    for name, schema in found.items():
        (folder / f"{name}.json").write_text(json.dumps(schema))
    print(f"schemas of {', '.join(sorted(found))}")


if __name__ == "__main__":
    main()
