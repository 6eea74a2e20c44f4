"""The page at /docs: the API, written from its OpenAPI description, with nothing from another host."""

from __future__ import annotations

from html import escape
from typing import Any

CURL = {
    "image/png": "-H 'Content-Type: image/png' --data-binary @digit.png",
    "application/pdf": "-H 'Content-Type: application/pdf' --data-binary @form.pdf",
    "application/json": "-H 'Content-Type: application/json' -d @body.json",
    "application/yaml": "-H 'Content-Type: application/yaml' --data-binary @template.yaml",
}
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
code, pre { font: 14px/1.4 ui-monospace, monospace }
pre { overflow-x: auto; padding: .6rem; background: #8882; border-radius: 6px }
h2 { margin-top: 2.5rem }
summary { cursor: pointer; padding: .3rem 0 }
.method { display: inline-block; width: 4.5rem; font-weight: 600 }
"""


def docs_page(description: dict[str, Any]) -> str:
    groups: dict[str, list[str]] = {}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            groups.setdefault((operation.get("tags") or ["other"])[0], []).append(_operation(path, method, operation))
    sections = "".join(f"<h2>{escape(group)}</h2>{''.join(entries)}" for group, entries in groups.items())
    about = escape(description["info"]["title"])
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{about}: API reference</title><style>{STYLE}</style><h1>{about}</h1>"
        f"<p>{escape(description['info']['description'])} For programs: "
        f"<a href=openapi.json>openapi.json</a>. If the server needs a key, add "
        f"<code>-H 'Authorization: Bearer KEY'</code>.</p>{sections}</html>"
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<li><code>{escape(one['name'])}</code> ({escape(one['in'])}) {escape(one.get('description', ''))}</li>"
        for one in operation.get("parameters", ())
    )
    answers = "".join(
        f"<li><code>{escape(status)}</code> {escape(answer['description'])}</li>"
        for status, answer in operation["responses"].items()
    )
    return (
        f"<details><summary><span class=method>{method.upper()}</span><code>{escape(path)}</code></summary>"
        f"<p>{escape(operation.get('description', ''))}</p><pre>{escape(_curl(path, method, operation))}</pre>"
        f"<ul>{parameters}</ul><p>Answers:</p><ul>{answers}</ul></details>"
    )


def _curl(path: str, method: str, operation: dict[str, Any]) -> str:
    kinds = operation.get("requestBody", {}).get("content", {})
    body = next((text for kind, text in CURL.items() if kind in kinds), "")
    verb = "" if (method == "get" or (method == "post" and body)) else f" -X {method.upper()}"
    filled = path.replace("{name}", "NAME").replace("{version}", "VERSION").replace("{model}", "NAME")
    return f"curl{verb} http://127.0.0.1:8000{filled} {body}".strip()
