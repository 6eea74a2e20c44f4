"""Sources and sinks by the places that a user names; their libraries are loaded only where they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa

from pipelines.errors import UsageError
from pipelines.files.places import absolute_place, check_apart
from pipelines.files.remote import display_name
from pipelines.streaming.folder import Afterwards, FolderOptions, FolderSource
from pipelines.streaming.sink import StreamSink
from pipelines.streaming.source import StreamSource

OBJECT_STORES = ("s3", "gs", "az", "abfs")
REDIS = ("redis://", "rediss://")
KAFKA = ("kafka://", "kafkas://")


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    suffixes: frozenset[str]
    """What files are wanted, by their names."""
    afterwards: Afterwards = "leave"
    settle: float = 0.1
    look_every: float | None = None


def source_opener(where: str, options: SourceOptions) -> Callable[[], StreamSource]:
    """Opens what is named, in the process that leads; what can be wrong with the name is told now."""
    if where.startswith(REDIS):
        return _redis_opener(where, options)
    if where.startswith(KAFKA):
        return _kafka_opener(where, options)
    if "://" in where:
        return _bucket_opener(where, options)
    folder = Path(absolute_place(where))
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; name one that exists.")
    check_library("watchfiles", "a folder")
    return partial(
        FolderSource,
        folder,
        FolderOptions(options.suffixes, options.afterwards, options.settle, options.look_every),
    )


def _bucket_opener(where: str, options: SourceOptions) -> Callable[[], StreamSource]:
    shown, scheme = display_name(where), where.partition("://")[0]
    if scheme not in OBJECT_STORES:
        known = ", ".join((*OBJECT_STORES, "redis", "rediss", "kafka", "kafkas"))
        raise UsageError(f"{shown}: a stream reads folders and {known}, and not {scheme}://.")
    if options.afterwards == "move":
        raise UsageError(
            f"{shown}: objects cannot be moved, since nothing tells whether one was replaced just before; leave them.",
            option="afterwards",
        )
    from pipelines.streaming.bucket import BucketSource

    return partial(BucketSource, where, options.suffixes, options.look_every)


def _redis_opener(where: str, options: SourceOptions) -> Callable[[], StreamSource]:
    check_library("redis", "Redis")
    from pipelines.streaming.redis_server import RedisStream
    from pipelines.streaming.redis_source import SETTINGS, RedisSource, trims

    stream = RedisStream.parse(where, SETTINGS)
    if options.afterwards == "move":
        raise UsageError(
            f"{stream.shown}: entries cannot be moved; leave them, or have them deleted by &trim=yes.",
            option="afterwards",
        )
    trims(stream)
    return partial(RedisSource, stream)


def _kafka_opener(where: str, options: SourceOptions) -> Callable[[], StreamSource]:
    check_library("confluent_kafka", "Kafka")
    from pipelines.streaming.kafka_server import KafkaTopic
    from pipelines.streaming.kafka_source import SETTINGS, KafkaSource

    topic = KafkaTopic.parse(where, SETTINGS)
    if options.afterwards == "move":
        raise UsageError(f"{topic.shown}: messages cannot be moved; leave them.", option="afterwards")
    return partial(KafkaSource, topic)


@dataclass(frozen=True, kw_only=True)
class SinkOptions:
    schema: pa.Schema
    """The columns of the rows."""
    fields: tuple[str, ...] = ()
    """The columns of a table for spreadsheets, where there is to be one."""
    merge_files: int | None = None
    """None leaves it to the sink, and is all that one without files takes."""
    keep_days: int | None = None


def sink_opener(where: str, options: SinkOptions, source: str) -> Callable[[], StreamSink]:
    if where.startswith(REDIS):
        return _redis_sink_opener(where, options, source)
    if where.startswith(KAFKA):
        return _kafka_sink_opener(where, options, source)
    check_library("deltalake", "a Delta table")
    place = absolute_place(where)
    check_apart(place, source)
    from pipelines.streaming.sinks.delta import DeltaSink
    from pipelines.streaming.sinks.upkeep import MERGED_AT, Upkeep

    merge_files = MERGED_AT if options.merge_files is None else options.merge_files
    return partial(DeltaSink, place, options.schema, Upkeep(merge_files, options.keep_days), options.fields)


def _redis_sink_opener(where: str, options: SinkOptions, source: str) -> Callable[[], StreamSink]:
    check_library("redis", "Redis")
    from pipelines.streaming.redis_server import RedisStream
    from pipelines.streaming.redis_source import SETTINGS
    from pipelines.streaming.sinks.redis import RedisSink

    stream = RedisStream.parse(where)
    refuse_merging(stream.shown, options)
    if source.startswith(REDIS) and RedisStream.parse(source, SETTINGS).place == stream.place:
        raise UsageError(f"The rows in {stream.shown} would lie among what is read; name another stream.")
    return partial(RedisSink, stream, options.keep_days)


def _kafka_sink_opener(where: str, options: SinkOptions, source: str) -> Callable[[], StreamSink]:
    check_library("confluent_kafka", "Kafka")
    from pipelines.streaming.kafka_server import KafkaTopic
    from pipelines.streaming.kafka_source import SETTINGS
    from pipelines.streaming.sinks.kafka import KafkaSink

    topic = KafkaTopic.parse(where)
    refuse_merging(topic.shown, options)
    if source.startswith(KAFKA) and topic.is_same(KafkaTopic.parse(source, SETTINGS)):
        raise UsageError(f"The rows in {topic.shown} would lie among what is read; name another topic.")
    if options.keep_days is not None:
        raise UsageError(f"{topic.shown}: the topic says how long rows stay; set its retention.ms.", option="keep_days")
    return partial(KafkaSink, topic)


def refuse_merging(shown: str, options: SinkOptions) -> None:
    if options.merge_files is not None:
        raise UsageError(f"{shown} has no files that could be merged.", option="merge_files")


def check_library(name: str, what: str) -> None:
    if find_spec(name) is None:
        raise UsageError(f"To stream with {what} takes the library {name}: pip install 'inkray[stream]'.")
