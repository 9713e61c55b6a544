"""Lints and renders a Helm chart, and holds what comes out against the schemas of Kubernetes.

    render_chart.py CHART VALUES KUBERNETES...

Prints `{"lint": [...], "objects": [...]}`; ends with 1 and a message where Helm refuses the values. Runs in the interpreter that
tests/real/run installs, with Helm's own library and the schemas beside it.
"""

import json
import sys

import helm_python
import kubernetes_validate
import yaml


def main(path, text, *versions):
    values = json.loads(text)
    try:
        with helm_python.Chart.load(path) as chart:
            rendered = chart.render(values=values, name="demo", namespace="default")
    except helm_python.HelmError as error:
        sys.exit(f"{error}")
    objects = [each for name, text in sorted(rendered.items()) if name.endswith(".yaml") for each in yaml.safe_load_all(text) if each]
    found = lint(path, values)
    for version in versions:
        for each in objects:
            try:
                kubernetes_validate.validate(each, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                found.append(f"{each['kind']} for Kubernetes {version}: {error.message}")
    json.dump({"lint": found, "objects": objects}, sys.stdout)


def lint(path, values):
    """What `helm lint --strict` finds, without its hints; 1 is the level of those."""
    told = helm_python.lint(path, values=values, strict=True)
    return [each["error"] for each in told["messages"] if each["severity"] != 1] + told["errors"]


if __name__ == "__main__":
    main(*sys.argv[1:])
