#!/usr/bin/env python
"""Measure inkray's speed against named rivals, in one run on the same cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import OmitArgPrefixes, OmitSubcommandPrefixes, configure, subcommand

from jobs._cli import run
from jobs.benches.batch.bench import BatchBench
from jobs.benches.batch.scale import ScaleBench
from jobs.benches.corpora import ReadBench
from jobs.benches.crops import CropBench
from jobs.benches.engines.bench import EngineBench
from jobs.benches.forms.accuracy import FormsAccuracy
from jobs.benches.forms.bench import FormsBench
from jobs.benches.gpu.bench import GpuBench
from jobs.benches.numbers import NumberBench
from jobs.benches.serve.bench import ServeBench
from jobs.benches.serve.hostile import HostileBench
from jobs.benches.serve.overload import OverloadBench
from jobs.benches.stream.bench import StreamBench
from jobs.benches.strings import StringBench
from jobs.benches.training.bench import TrainBench
from jobs.benches.training.variants import VariantsBench
from pipelines.files.atomic import check_file


@configure(OmitArgPrefixes, OmitSubcommandPrefixes)
@dataclass(frozen=True)
class Bench:
    """Measure speed as a ratio against named rivals, in one run on the same cores.

    inkray bench train
    """

    bench: (
        Annotated[TrainBench, subcommand("train")]
        | Annotated[EngineBench, subcommand("engine")]
        | Annotated[GpuBench, subcommand("gpu")]
        | Annotated[BatchBench, subcommand("batch")]
        | Annotated[ScaleBench, subcommand("scale")]
        | Annotated[FormsBench, subcommand("forms")]
        | Annotated[FormsAccuracy, subcommand("forms-accuracy")]
        | Annotated[StreamBench, subcommand("stream")]
        | Annotated[ReadBench, subcommand("read")]
        | Annotated[CropBench, subcommand("crops")]
        | Annotated[StringBench, subcommand("strings")]
        | Annotated[NumberBench, subcommand("numbers")]
        | Annotated[ServeBench, subcommand("serve")]
        | Annotated[OverloadBench, subcommand("overload")]
        | Annotated[HostileBench, subcommand("hostile")]
        | Annotated[VariantsBench, subcommand("variants")]
    )


def main(options: Bench) -> None:
    if json := getattr(options.bench, "json", None):
        check_file(json)
    options.bench.run()


def command() -> None:
    run(Bench, main)


if __name__ == "__main__":
    command()
