"""Runs in the environment of the deploy tools: renders a chart by Helm's own engine and validates what comes of it.

python render.py CHART VALUES.json        prints {"manifests": [...], "problems": [...]} or {"refused": "..."}
"""

import json
import sys
from typing import Any

import kubernetes_validate
import yaml
from helm_python import HelmError
from helm_python.chart import Chart, lint

KUBERNETES = "1.31"
FOREIGN = ("ServiceMonitor",)


def main() -> int:
    path, values = sys.argv[1], json.loads(sys.argv[2])
    try:
        with Chart.load(path) as chart:
            chart.validate_schema(values)
            rendered = chart.render(values, name="demo", namespace="models")
    except HelmError as error:
        print(json.dumps({"refused": str(error)}))
        return 0
    texts = [text for path, text in rendered.items() if path.endswith(".yaml")]
    manifests = [one for text in texts for one in yaml.safe_load_all(text) if one]
    problems: list[str] = []
    for one in manifests:
        problems += _problems(one)
    report = lint(path, values, strict=True)
    problems += [f"{one['path']}: {one['error']}" for one in report["messages"] if one["severity"] > 1]
    print(json.dumps({"manifests": manifests, "problems": problems}))
    return 0


def _problems(manifest: dict[str, Any]) -> list[str]:
    if manifest["kind"] in FOREIGN:
        return []
    try:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{manifest['kind']}: {error.message}"]
    return []


if __name__ == "__main__":
    sys.exit(main())
