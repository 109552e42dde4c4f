"""Writes Tests/MartletTextTests/Goldens/grammar/json-schema-suite.json from the JSON Schema Test Suite (MIT licence,
copyright Julian Berman and others) that ships in the source distribution of jsonschema.

    python -m pip download --no-deps --no-binary :all: jsonschema==4.26.0 && tar xzf jsonschema-4.26.0.tar.gz
    python scripts/goldens/json_schema_suite.py jsonschema-4.26.0/json

Left out: references to other documents (remotes), vocabularies of metaschemas, and `format` as a mere annotation."""

import json
import pathlib
import sys

LEFT_OUT = {"refRemote.json", "vocabulary.json", "format.json", "dynamicRef.json"}
FORMATS = [
    "date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri", "json-pointer",
    "relative-json-pointer",
]


def cases(folder, draft):
    files = sorted(path for path in folder.glob("*.json") if path.name not in LEFT_OUT)
    files += [folder / "optional" / "format" / f"{name}.json" for name in FORMATS]
    for path in files:
        if not path.exists():
            continue
        for group in json.loads(path.read_text()):
            schema = group["schema"]
            if draft == "draft7" and isinstance(schema, dict):
                schema = {"$schema": "http://json-schema.org/draft-07/schema#", **schema}
            tests = [[test["valid"], test["data"], test["description"]] for test in group["tests"]]
            yield {
                "file": f"{draft}/{path.name}", "description": group["description"], "schema": schema, "tests": tests}


suite = pathlib.Path(sys.argv[1])
target = pathlib.Path(__file__).parents[2] / "Tests/MartletTextTests/Goldens/grammar/json-schema-suite.json"
lines = [
    json.dumps(case, ensure_ascii=False, separators=(",", ":"))
    for draft in ["draft2020-12", "draft7"]
    for case in cases(suite / "tests" / draft, draft)
]
target.write_text("[\n" + ",\n".join(lines) + "\n]\n")
print(f"{len(lines)} schemas, {target.stat().st_size} bytes")
