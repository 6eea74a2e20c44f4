from __future__ import annotations

from tests.refusals import not_labelled as not_labelled
from tests.refusals import refused as refused
