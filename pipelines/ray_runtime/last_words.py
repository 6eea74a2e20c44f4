"""What a process of ours says before it ends itself: kept by the cluster, since Ray tells only that it is gone."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import ray
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_list, _internal_kv_put

NAMESPACE = b"inkray"


def _of_this_job() -> bytes:
    return f"last-words:{ray.get_runtime_context().get_job_id()}:".encode()


def end_with(words: str, code: int) -> NoReturn:
    """End this process, with all of its threads."""
    print(words, file=sys.stderr, flush=True)
    try:
        _internal_kv_put(_of_this_job() + os.urandom(8).hex().encode(), words, namespace=NAMESPACE)
    finally:
        os._exit(code)


def last_words() -> str | None:
    """Why processes of this job ended themselves since this was last asked, if any did."""
    keys = _internal_kv_list(_of_this_job(), namespace=NAMESPACE)
    said = {_internal_kv_get(key, namespace=NAMESPACE).decode() for key in keys}
    for key in keys:
        _internal_kv_del(key, namespace=NAMESPACE)
    return " ".join(sorted(said)) or None
