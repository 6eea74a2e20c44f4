"""A topic of Kafka as a user names it, and the broker's errors as sources and sinks tell them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from confluent_kafka import KafkaError, KafkaException

from pipelines.errors import DataError, InkrayError, UsageError, first_line
from pipelines.files.remote import display_name

PORT = 9092
TIMEOUT_S = 5.0
NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
SECURITY = ("sasl.", "ssl.")
"""Settings of the library that a URI may have; others could undo what is promised."""
CLIENT = {
    # Who tells of errors is the driver.
    "log_level": 0,
    "socket.timeout.ms": int(TIMEOUT_S * 1000),
    "reconnect.backoff.max.ms": 1_000,
}
REFUSED = {
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}


@dataclass(frozen=True)
class KafkaTopic:
    """A topic by its URI, `kafka://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]]/TOPIC`, and further settings in it."""

    servers: tuple[str, ...]
    name: str
    shown: str
    """Without user and password."""
    settings: Mapping[str, str]
    security: Mapping[str, str] = field(repr=False)

    @classmethod
    def parse(cls, where: str, known: Collection[str] = ()) -> KafkaTopic:
        """Refuses what is no such URI, in words without the password."""
        shown = display_name(where)
        scheme, _, rest = where.partition("://")
        address, _, query = rest.partition("?")
        netloc, _, name = address.partition("/")
        user, _, hosts = netloc.rpartition("@")
        servers = tuple(one if ":" in one else f"{one}:{PORT}" for one in hosts.split(",") if one)
        if not servers or not all(_is_server(one) for one in servers) or not NAME.fullmatch(name):
            raise UsageError(f"{shown} is no place of a topic, which is kafka://HOST:PORT/TOPIC.")
        settings = dict(parse_qsl(query, keep_blank_values=True))
        security = {one: settings.pop(one) for one in list(settings) if one.startswith(SECURITY)}
        for one in settings:
            if one not in known:
                said = ", ".join((*known, "sasl.* and ssl.* of librdkafka"))
                raise UsageError(f"{shown}: there is no setting {one!r}; known: {said}.")
        return cls(servers, name, shown, settings, _login(user, encrypted=scheme == "kafkas") | security)

    def is_same(self, other: KafkaTopic) -> bool:
        return self.name == other.name and not set(self.servers).isdisjoint(other.servers)

    def client(self, hear: Callable[[KafkaError], None], **more: object) -> dict[str, Any]:
        """The settings of a client; those in `more` have `_` for dots. `hear` is told why a broker is not reached."""
        own = {name.replace("_", "."): value for name, value in more.items()}
        return {**CLIENT, **self.security, "bootstrap.servers": ",".join(self.servers), "error_cb": hear, **own}


def _is_server(server: str) -> bool:
    host, _, port = server.rpartition(":")
    return bool(host) and port.isdecimal() and 0 < int(port) < 1 << 16


def _login(user: str, encrypted: bool) -> dict[str, str]:
    if not user:
        return {"security.protocol": "SSL" if encrypted else "PLAINTEXT"}
    name, _, password = user.partition(":")
    return {
        "security.protocol": "SASL_SSL" if encrypted else "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": unquote(name),
        "sasl.password": unquote(password) or os.environ.get("KAFKA_PASSWORD", ""),
    }


@contextmanager
def kafka_errors_told(shown: str) -> Iterator[None]:
    """`DataError` for what may pass, as for every source and sink, and `InkrayError` for what a person has to mend."""
    try:
        yield
    except KafkaException as error:
        raise told(shown, error.args[0]) from error


def told(shown: str, error: KafkaError) -> InkrayError:
    reason = first_line(KafkaException(error.str() or error.name()))
    if error.code() in REFUSED:
        return InkrayError(
            f"{shown} refuses this user: {reason}; name user and password in the URI, or the password in "
            "KAFKA_PASSWORD, and give the user the rights that it lacks."
        )
    if error.code() in (KafkaError._INVALID_ARG, KafkaError._UNSUPPORTED_FEATURE):
        return UsageError(f"{shown} cannot be opened: {reason}.")
    return DataError(f"{shown} does not do what it is asked: {reason}.")
