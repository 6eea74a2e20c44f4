from __future__ import annotations

from tests.in_process import run_job as run_job
from tests.labels import models as models
from tests.refusals import not_labelled as not_labelled
from tests.refusals import refused as refused
