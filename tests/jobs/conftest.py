from __future__ import annotations

from tests.refusals import refused as refused
