#!/usr/bin/env python3
"""Holds documents against the published schema that they name: schema/inventory.schema.json, schema/enrollment-request.schema.json.

    tests/schema.py DOCUMENT.json...     names what does not fit; exits 1 if anything does not
    tests/schema.py --self-test

Knows the few keywords of JSON Schema 2020-12 that the schema uses, and refuses a schema that uses others. Python's standard library
only: any complete validator will do as well.
"""

import json
import os
import re
import sys

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "schema")
INVENTORY = "inventory.schema.json"
SCHEMAS = {"wirecensus.enrollment-request/1": "enrollment-request.schema.json"}
SILENT = {"$schema", "$id", "$comment", "$defs", "title", "description"}
TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def faults(value, schema, root, at="$"):
    """What does not fit, one sentence each."""
    for keyword, wanted in schema.items():
        if keyword == "$ref":
            target = root
            for step in wanted.removeprefix("#/").split("/"):
                target = target[step]
            yield from faults(value, target, root, at)
        elif keyword == "type":
            names = [wanted] if isinstance(wanted, str) else wanted
            if not any(TYPES[name](value) for name in names):
                yield f"{at}: {value!r} is no {' or '.join(names)}"
        elif keyword == "const" and value != wanted:
            yield f"{at}: {value!r} is not {wanted!r}"
        elif keyword == "enum" and value not in wanted:
            yield f"{at}: {value!r} is none of {', '.join(wanted)}"
        elif keyword == "pattern" and isinstance(value, str) and not re.search(wanted, value):
            yield f"{at}: {value!r} does not match {wanted}"
        elif keyword == "minimum" and isinstance(value, int) and value < wanted:
            yield f"{at}: {value} is less than {wanted}"
        elif keyword == "maximum" and isinstance(value, int) and value > wanted:
            yield f"{at}: {value} is more than {wanted}"
        elif keyword == "required" and isinstance(value, dict):
            yield from (f"{at}: no {name}" for name in wanted if name not in value)
        elif keyword == "properties" and isinstance(value, dict):
            for name in wanted.keys() & value.keys():
                yield from faults(value[name], wanted[name], root, f"{at}.{name}")
        elif keyword == "additionalProperties" and isinstance(value, dict):
            for name in sorted(value.keys() - schema.get("properties", {}).keys()):
                if wanted is False:
                    yield f"{at}: {name} is not described"
                    continue
                yield from faults(value[name], wanted, root, f"{at}.{name}")
        elif keyword == "items" and isinstance(value, list):
            for index, item in enumerate(value):
                yield from faults(item, wanted, root, f"{at}[{index}]")
        elif keyword == "anyOf":
            if all(list(faults(value, one, root, at)) for one in wanted):
                yield f"{at}: {value!r} is none of what may stand there"


def check_schema(schema, root):
    """Every keyword is known, every reference leads somewhere."""
    known = {"$ref", "type", "const", "enum", "pattern", "minimum", "maximum", "required", "properties", "additionalProperties", "items", "anyOf"}
    assert set(schema) <= known | SILENT, f"unknown keywords {set(schema) - known - SILENT}"
    if "$ref" in schema:
        assert schema["$ref"].removeprefix("#/$defs/") in root["$defs"], schema["$ref"]
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", [])]
    inner += [schema[name] for name in ("items", "additionalProperties") if schema.get(name, False) is not False]
    for one in inner:
        check_schema(one, root)
    assert set(schema.get("required", [])) <= set(schema.get("properties", {})), "required keys are described"


def self_test(schema):
    check_schema(schema, schema)
    span = {"$ref": "#/$defs/span"}
    assert not list(faults({"packet": 1, "offset": 0, "length": 4, "later": "added"}, span, schema))
    assert list(faults({"packet": -1, "offset": 0}, span, schema)) == ["$: no length", "$.packet: -1 is less than 0"]
    reach = {"$ref": "#/$defs/device"}
    assert any("'far' is none of local" in fault for fault in faults({"reach": "far"}, reach, schema))
    closed = {"properties": {"a": {}}, "additionalProperties": False}
    assert list(faults({"a": 1, "b": 2}, closed, closed)) == ["$: b is not described"]
    print("schema.py: its own tests pass")


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return json.load(file)


def main(arguments):
    schemas = {name: read(file) for name, file in SCHEMAS.items()}
    inventory = read(INVENTORY)
    if arguments == ["--self-test"]:
        for schema in schemas.values():
            check_schema(schema, schema)
        return self_test(inventory)
    found = 0
    for path in arguments:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        schema = schemas.get(document.get("schema"), inventory)
        for fault in faults(document, schema, schema):
            print(f"{path}: {fault}")
            found += 1
    print(f"{len(arguments)} documents, {found} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
