"""The options of the streaming job: those that all workloads share, and those that each adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, OmitSubcommandPrefixes, Positional, arg, configure, subcommand

from jobs._reader_options import DigitReaderOptions, FormReaderOptions, ReaderOptions
from pipelines.errors import UsageError
from pipelines.labeling.forms.labeler import PictureOptions
from pipelines.models.folder import ModelFolder
from pipelines.streaming.driver import Pace
from pipelines.streaming.folder import Afterwards
from pipelines.streaming.opening import SinkOptions, SourceOptions, sink_opener, source_opener
from pipelines.streaming.run import StreamRequest
from pipelines.streaming.work import DigitWork, FormWork, Work


@dataclass(frozen=True, kw_only=True)
class StreamOptions(ReaderOptions):
    """The options that all workloads share."""

    source: Positional[Annotated[str, arg(metavar="SOURCE")]]
    """The folder to watch, or a URI of one in an object store (s3://, gs://, az://), or of a stream of Redis:
    redis://HOST:PORT/NUMBER?stream=NAME, with &group=NAME to show how far it is, and &trim=yes to delete what is
    done; or of a topic of Kafka: kafka://HOST:PORT/TOPIC, with ?group=NAME to show how far it is."""
    output: Positional[Annotated[str, arg(metavar="OUTPUT")]]
    """The folder for the table of rows, visible to every node, or a URI (s3://, gs://, az://), or a stream of Redis
    for the rows: redis://HOST:PORT/NUMBER?stream=NAME, or a topic of Kafka: kafka://HOST:PORT/TOPIC. Started again,
    the stream goes on where it stopped."""
    afterwards: Afterwards = "leave"
    """What becomes of a file when its rows are written: move: to the folders done/ and failed/ within, or leave.
    Objects of a store are always left, and entries of Redis and messages of Kafka, too."""
    settle: float = 0.1
    """The seconds that size and time of a file must stand still before it is read."""
    look_every: float | None = None
    """The seconds between two looks through the source, where the system tells of no events, as on NFS and SMB."""
    batch_items: int | None = None
    """The most items that are read together; by default 512 digits or 4 scans."""
    batch_seconds: float = 0.05
    """The longest that an item waits for others to be read with."""
    commit_seconds: float = 0.2
    """The least time between two commits."""
    merge_files: int | None = None
    """How many files of a day are merged into one at the latest, by default 200; 0 leaves them as they are."""
    keep_days: int | None = None
    """The days whose rows are kept, besides today; by default all."""
    deadline: float = 60
    """The seconds after which a batch is abandoned and its items are tried one by one."""
    alert_seconds: float = 60
    """The seconds without a commit, while items wait, after which a line of alert tells so."""
    end_when_idle: float | None = None
    """End when nothing came for so many seconds; by default the stream goes on until it is told to end."""
    metrics: Annotated[str | None, arg(metavar="HOST:PORT")] = None
    """The address at which Prometheus is told how the stream fares, such as 127.0.0.1:9464; by default none."""
    progress: Literal["text", "json"] = "text"
    """How the stream tells of itself: in words every ten seconds, or as json: a line each second and for each event."""

    def check(self) -> None:
        super().check()
        for name, value, least in (
            ("settle", self.settle, 0),
            ("batch-seconds", self.batch_seconds, 0),
            ("commit-seconds", self.commit_seconds, 0),
            ("batch-items", self.batch_items, 1),
            ("merge-files", self.merge_files, 0),
            ("keep-days", self.keep_days, 0),
        ):
            if value is not None and not least <= value < float("inf"):
                raise UsageError(f"--{name} is {value:g}; it must be at least {least}.")
        for name, value in (
            ("look-every", self.look_every),
            ("deadline", self.deadline),
            ("alert-seconds", self.alert_seconds),
            ("end-when-idle", self.end_when_idle),
        ):
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"--{name} is {value:g}; it must be above 0.")


@dataclass(frozen=True, kw_only=True)
class StreamDigits(StreamOptions, DigitReaderOptions):
    """Read images of single digits as they come, and add a row for each to a table.

    inkray stream digits scans/ labels/

    Exit code 143: ended by SIGTERM, with all that was under way; 0: nothing more came, where that was asked for;
    1: failed, start it again to go on; 2: wrong usage.
    """

    def work(self, models: Sequence[ModelFolder]) -> Work:
        return DigitWork(self.digit_workload(models))


@dataclass(frozen=True, kw_only=True)
class StreamForms(StreamOptions, FormReaderOptions):
    """Read scanned forms by a template as they come, and add a row for each field of each page to a table.

    inkray stream forms scans/ labels/ --template form.yaml

    Exit code 143: ended by SIGTERM, with all that was under way; 0: nothing more came, where that was asked for;
    1: failed, start it again to go on; 2: wrong usage.
    """

    def work(self, models: Sequence[ModelFolder]) -> Work:
        workload = self.form_workload(models, PictureOptions("none"))
        return FormWork(workload, self.templates(), self.limits())


@configure(OmitArgPrefixes, OmitSubcommandPrefixes)
@dataclass(frozen=True)
class Stream:
    """Read an endless source of images or of scanned forms, and write each item's rows exactly once.

    inkray stream digits scans/ labels/

    inkray stream forms scans/ labels/ --template form.yaml
    """

    what: Annotated[StreamDigits, subcommand("digits")] | Annotated[StreamForms, subcommand("forms")]


def stream_request(what: StreamDigits | StreamForms) -> StreamRequest:
    """Check the options, open the models, and build the request."""
    what.check()
    models = what.models()
    work = what.work(models)
    source = SourceOptions(
        suffixes=work.suffixes, afterwards=what.afterwards, settle=what.settle, look_every=what.look_every
    )
    sink = SinkOptions(
        schema=work.workload.schema, fields=work.fields, merge_files=what.merge_files, keep_days=what.keep_days
    )
    pace = Pace(
        batch_items=what.batch_items or work.batch,
        batch_seconds=what.batch_seconds,
        commit_seconds=what.commit_seconds,
        alert_seconds=what.alert_seconds,
        end_when_idle=what.end_when_idle,
    )
    return StreamRequest(
        work=work,
        source=source_opener(what.source, source),
        sink=sink_opener(what.output, sink, what.source),
        readers=what.readers(models),
        deadline=what.deadline,
        pace=pace,
    )
