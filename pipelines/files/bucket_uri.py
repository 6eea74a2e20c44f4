"""What a URI of an object store says, and the environment beside it, as its library takes it.

The environment is read where a run is started and goes along with the URI, since the processes of a cluster have
another.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from pipelines.errors import UsageError
from pipelines.files.remote import display_name
from pipelines.files.s3_uri import REGION, s3_place, told_by

OF_GCS = {
    "service_account": ("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH"),
    "service_account_key": ("GOOGLE_SERVICE_ACCOUNT_KEY",),
    "application_credentials": ("GOOGLE_APPLICATION_CREDENTIALS",),
}
OF_AZURE = {
    "account_name": ("AZURE_STORAGE_ACCOUNT_NAME",),
    "account_key": ("AZURE_STORAGE_ACCOUNT_KEY",),
    "sas_key": ("AZURE_STORAGE_SAS_TOKEN",),
    "client_id": ("AZURE_CLIENT_ID",),
    "client_secret": ("AZURE_CLIENT_SECRET",),
    "tenant_id": ("AZURE_TENANT_ID",),
}


class Access(NamedTuple):
    """How a store is opened; `config` may hold passwords."""

    url: str
    config: dict[str, str]
    plain_http: bool


def access_of(uri: str) -> Access:
    scheme = uri.partition("://")[0].lower()
    if scheme not in KINDS:
        raise UsageError(
            f"Results cannot be written to {display_name(uri)!r}; name a folder, or a URI that begins with "
            f"{', '.join(f'{known}://' for known in KINDS)}."
        )
    try:
        return KINDS[scheme](uri, os.environ)
    except ValueError as error:
        raise UsageError(
            f"{display_name(uri)!r} cannot be opened ({error}); name a URI such as s3://BUCKET/FOLDER."
        ) from None


def _s3(uri: str, environment: Mapping[str, str]) -> Access:
    bucket, path, _, settings = s3_place(uri, environment)
    config = {"region": REGION} | settings
    return Access(f"s3://{bucket}{path}", config, config.get("endpoint", "").startswith("http://"))


def _gcs(uri: str, environment: Mapping[str, str]) -> Access:
    return Access(_plain(uri, ""), told_by(environment, OF_GCS), False)


def _azure(uri: str, environment: Mapping[str, str]) -> Access:
    # What stands before the @ of abfs:// is the container; a password could only follow it.
    return Access(_plain(uri, urlsplit(uri).username or ""), told_by(environment, OF_AZURE), False)


def _plain(uri: str, container: str) -> str:
    parts = urlsplit(uri)
    if parts.password or parts.query or (parts.username and not container):
        raise ValueError("passwords and settings belong into the environment")
    return uri


KINDS: dict[str, Callable[[str, Mapping[str, str]], Access]] = {
    "s3": _s3,
    "gs": _gcs,
    "az": _azure,
    "abfs": _azure,
    "abfss": _azure,
}
