"""Engines: a model version made ready to read, by whatever is quickest here."""

from pipelines.inference.engines.base import Engine as Engine
from pipelines.inference.engines.opening import open_engine as open_engine
