"""Inputs that can be labelled, and how they are cut into shards: folders, globs, archives, parquet, IDX."""

from pipelines.labeling.inputs.base import Input as Input
from pipelines.labeling.inputs.base import Items as Items
from pipelines.labeling.inputs.base import ListedInput as ListedInput
from pipelines.labeling.inputs.base import ReadTask as ReadTask
from pipelines.labeling.inputs.finding import list_input as list_input
