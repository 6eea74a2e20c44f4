"""What can be labelled, and how it is cut into parts: folders and globs of images, archives, parquet, IDX."""

from pipelines.labeling.inputs.base import Input as Input
from pipelines.labeling.inputs.base import Items as Items
from pipelines.labeling.inputs.base import Stretch as Stretch
from pipelines.labeling.inputs.finding import find_input as find_input
