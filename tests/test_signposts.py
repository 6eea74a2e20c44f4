"""Where a newcomer looks first: each question has one file that answers it, found by its name alone."""

from __future__ import annotations

from pathlib import Path

import pytest

# The question, the file, and a word that stands in it as long as the answer does.
SIGNPOSTS = [
    ("What happens to the items of an actor that died?", "pipelines/labeling/retry.py", "PROCESS_DIED"),
    ("Where is the CTC loss?", "pipelines/training/losses.py", "functional.ctc_loss"),
    ("Where is the CTC beam search?", "pipelines/strings/ctc.py", "def beam_search"),
    ("When is a cell blank?", "pipelines/forms/cells/blank.py", "SHORTEST"),
    ("How is an API key checked?", "serve_app/http/access.py", "compare_digest"),
    ("Where is the limit on uploads enforced?", "serve_app/http/limits.py", "TooLarge"),
    ("What is the key of a cached TensorRT plan?", "pipelines/inference/engines/plan_cache.py", "class PlanKey"),
    ("How is the threshold on confidences chosen?", "pipelines/evaluation/confidence_threshold.py", "PRECISION"),
    ("Where is a long list of files, that no process holds?", "pipelines/labeling/inputs/spool.py", "TemporaryFile"),
    ("Which columns do the rows of a result have?", "pipelines/labeling/rows.py", "pa.schema"),
    ("Where is a model version published atomically?", "pipelines/models/store.py", "def publish"),
    ("How does a job start or join Ray?", "pipelines/ray_runtime/session.py", "ray.init"),
    ("How is HAProxy configured?", "serve_app/proxy/haproxy.py", "RAY_SERVE_HAPROXY"),
    ("How are online requests batched?", "serve_app/serving/batching.py", "class Batcher"),
    ("How is a PDF rendered?", "pipelines/documents/pdf.py", "pypdfium2"),
    ("What kills a document that hangs?", "pipelines/documents/limits.py", "setitimer"),
    ("Which augmentations are there, and how often is each applied?", "pipelines/augment/steps.py", "STEPS = ("),
    ("How is a corpus named?", "pipelines/corpora/specs.py", "idx:"),
    ("Which check digits are known?", "pipelines/forms/constraints/checksums.py", "CHECKSUMS"),
    ("How is a page registered by its corner marks?", "pipelines/forms/registration/corner_marks.py", "corner"),
    ("Which exit code does a job end with?", "jobs/_cli.py", "exit_code"),
    ("Where is the training loop?", "pipelines/training/loop.py", "class TrainingWorker"),
]


@pytest.mark.parametrize(("question", "file", "word"), SIGNPOSTS, ids=[question for question, _, _ in SIGNPOSTS])
def test_the_file_of_that_name_answers(repo: Path, question: str, file: str, word: str) -> None:
    assert word in (repo / file).read_text(), question
