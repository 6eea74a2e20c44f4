"""From the bytes of an image file to the model's input, by the one code path that all callers share."""

from pipelines.images.decoding import decode as decode
from pipelines.images.digits import SIDE as SIDE
from pipelines.images.digits import to_model_input as to_model_input
