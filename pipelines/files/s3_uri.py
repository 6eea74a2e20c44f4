"""What an `s3://` URI says, and the environment beside it, which the processes of a cluster need not have."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from pyarrow import fs

ENVIRONMENT = {
    "access_key_id": ("AWS_ACCESS_KEY_ID",),
    "secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
    "session_token": ("AWS_SESSION_TOKEN",),
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "endpoint": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
}
QUERY = ("region", "endpoint_override", "scheme")
"""What may follow the `?`."""
REGION = "us-east-1"
"""Where nobody says another, and for servers that know none."""


class S3Place(NamedTuple):
    bucket: str
    path: str
    """Below the bucket, as it stands in the URI."""
    said: dict[str, str]
    """By the URI."""
    settings: dict[str, str]
    """By the URI, and else by the environment; may hold passwords."""


def s3_place(uri: str, environment: Mapping[str, str]) -> S3Place:
    """A `ValueError` says what is wrong with the URI."""
    parts = urlsplit(uri)
    query = dict(parse_qsl(parts.query))
    if unknown := sorted(set(query) - set(QUERY)):
        raise ValueError(f"it asks for {unknown[0]}, and only {', '.join(QUERY)} are known")
    named = {"access_key_id": parts.username, "secret_access_key": parts.password, "region": query.get("region")}
    said = {name: unquote(value) for name, value in named.items() if value}
    if endpoint := query.get("endpoint_override"):
        said["endpoint"] = endpoint if "://" in endpoint else f"{query.get('scheme', 'https')}://{endpoint}"
    return S3Place(parts.netloc.rpartition("@")[2], parts.path, said, told_by(environment, ENVIRONMENT) | said)


def of_s3() -> dict[str, str]:
    """What of the environment concerns `s3://`, to take it elsewhere."""
    return {name: os.environ[name] for names in ENVIRONMENT.values() for name in names if name in os.environ}


def told_by(environment: Mapping[str, str], names: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    found = {key: next(filter(None, map(environment.get, of)), "") for key, of in names.items()}
    return {key: value for key, value in found.items() if value}


def open_s3(uri: str, environment: Mapping[str, str]) -> tuple[fs.FileSystem, str]:
    """Arrow's filesystem, with its credentials in it as it travels, and the path there."""
    bucket, path, said, settings = s3_place(uri, environment)
    scheme, _, endpoint = settings.get("endpoint", "https://").partition("://")
    filesystem = fs.S3FileSystem(
        access_key=settings.get("access_key_id"),
        secret_key=settings.get("secret_access_key"),
        session_token=settings.get("session_token"),
        # The region in the environment is one's own, where the bucket need not be; a server of one's own tells none.
        region=said.get("region") or (settings.get("region", REGION) if endpoint else fs.resolve_s3_region(bucket)),
        endpoint_override=endpoint or None,
        scheme=scheme,
    )
    return filesystem, f"{bucket}{unquote(path)}".rstrip("/")
