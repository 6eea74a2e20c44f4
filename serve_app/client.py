"""A client for the online server in one file that needs only httpx, and Pillow for images given as arrays.

The client keeps its connections open between calls, so use one for many calls and close it in the end, as `with` does.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

RAW = {"Content-Type": "application/octet-stream"}


class InkError(Exception):
    """A request that failed: the message, the status (0 without an answer), the kind of error and the request id."""

    def __init__(self, message: str, status: int = 0, kind: str = "unreachable", request: str = "") -> None:
        super().__init__(message)
        self.status, self.kind, self.request = status, kind, request


class InkClient(httpx.Client):
    """Reads images and forms given as paths, bytes or arrays; a request that fails raises `InkError`."""

    def __init__(self, url: str = "http://127.0.0.1:8000", key: str | None = None, timeout: float = 60, **more: Any):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        super().__init__(base_url=url, headers=headers, timeout=timeout, **more)

    def digits(self, *images: Any, model: str | None = None, include_input: bool = False) -> list[dict[str, Any]]:
        """One item for each image of a digit, in order: the reading, or {"error": ...} for an image that is damaged."""
        return self._items("v1/digits", images, {"model": model, "include_input": include_input})

    def strings(self, *images: Any) -> list[dict[str, Any]]:
        """One item for each photo, in order: its numbers in {"strings": [...]}, or {"error": ...} if it is damaged."""
        return self._items("v1/strings", images, {})

    def forms(
        self,
        file: Any,
        template: str | Sequence[str] | None = None,
        *,
        inline: str | None = None,
        model: str | None = None,
        picture: bool = False,
        accept_above: float | None = None,
    ) -> list[dict[str, Any]]:
        """The pages of a scan or PDF with their fields.

        A page is read by whichever fits of the templates named, or of all that the server has if none is named.
        `inline` is a template itself, in YAML, to use instead.
        """
        query = {"template": template, "model": model, "picture": picture, "accept_above": accept_above}
        if inline is None:
            return self._ask("v1/forms", query, content=_content(file), headers=RAW)["pages"]
        files = {"file": (_name(file), _content(file))}
        return self._ask("v1/forms", query, files=files, data={"inline": inline})["pages"]

    def _items(self, path: str, images: Sequence[Any], query: Mapping[str, Any]) -> list[dict[str, Any]]:
        if len(images) == 1:
            return [self._item(path, images[0], query)]
        files = [("files", (_name(image), _content(image))) for image in images]
        return self._ask(path, query, files=files)["items"]

    def _item(self, path: str, image: Any, query: Mapping[str, Any]) -> dict[str, Any]:
        """The item of one image, sent as raw bytes, since the server answers those fastest."""
        try:
            item = self._ask(path, query, content=_content(image), headers=RAW)["items"][0]
        except InkError as error:
            if error.kind != "data":
                raise
            item = {"error": {"kind": error.kind, "message": str(error)}}
        return {"name": _name(image), **item}

    def _ask(self, path: str, query: Mapping[str, Any], **body: Any) -> Any:
        params = {name: value for name, value in query.items() if value is not None}
        try:
            response = self.post(path, params=params, **body)
        except httpx.TransportError as error:
            raise InkError(f"{self.base_url} does not answer: {error or type(error).__name__}") from error
        if response.is_success:
            return response.json()
        raise _error(response)


def _error(response: httpx.Response) -> InkError:
    try:
        error = response.json()["error"]
        return InkError(error["message"], response.status_code, error["kind"], error.get("request", ""))
    except (ValueError, KeyError, TypeError):
        return InkError(f"{response.url} answered {response.status_code}", response.status_code, "unknown")


def _name(image: Any) -> str:
    return Path(image).name if isinstance(image, (str, Path)) else "image"


def _content(image: Any) -> bytes:
    if isinstance(image, bytes):
        return image
    if isinstance(image, (str, Path)):
        return Path(image).read_bytes()
    from PIL import Image

    packed = io.BytesIO()
    Image.fromarray(image).save(packed, "PNG")
    return packed.getvalue()
