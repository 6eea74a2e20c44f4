"""A client for the online server in one file that needs httpx alone, and Pillow for pictures given as arrays."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import httpx

RAW = {"Content-Type": "application/octet-stream"}


class InkError(Exception):
    """What the server said, with its status (0 if it did not answer), the kind of error and the request's id."""

    def __init__(self, message: str, status: int = 0, kind: str = "unreachable", request: str = "") -> None:
        super().__init__(message)
        self.status, self.kind, self.request = status, kind, request


class InkClient(httpx.Client):
    def __init__(self, url: str = "http://127.0.0.1:8000", key: str | None = None, timeout: float = 60, **more: Any):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        super().__init__(base_url=url, headers=headers, timeout=timeout, **more)

    def digits(self, *images: Any, include_input: bool = False) -> list[dict[str, Any]]:
        """One answer for each path, bytes or array; for one that cannot be read it is {"error": ...}."""
        files = [("files", (_name(image), _content(image))) for image in images]
        return self._ask("v1/digits", {"include_input": str(include_input).lower()}, files=files)["items"]

    def strings(self, image: Any) -> list[dict[str, Any]]:
        """The numbers anywhere in a picture, in reading order."""
        return self._ask("v1/strings", {}, content=_content(image), headers=RAW)["items"][0]["strings"]

    def forms(self, file: Any, template: str | None = None, picture: bool = False) -> list[dict[str, Any]]:
        """The pages of a scan or PDF with their fields, by this template or by whichever fits."""
        params = {"picture": int(picture), **({"template": template} if template else {})}
        return self._ask("v1/forms", params, content=_content(file), headers=RAW)["pages"]

    def _ask(self, path: str, params: dict[str, Any], **body: Any) -> Any:
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
