from __future__ import annotations

from tests.refusals import not_evaluated as not_evaluated
from tests.refusals import refused as refused
