"""Processes that came from one are found, and killed."""

from __future__ import annotations

import subprocess
import sys

import psutil

from pipelines.ray_runtime.processes import children, descendants, kill

FAMILY = """
import subprocess, sys
depth = int(sys.argv[1])
child = subprocess.Popen([sys.executable, "-c", sys.argv[2], str(depth - 1), sys.argv[2]]) if depth else None
if not depth:
    print("born", flush=True)
sys.stdin.read()
"""


def test_parents_come_before_their_children_and_none_survives() -> None:
    command = [sys.executable, "-c", FAMILY, "2", FAMILY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as eldest:
        assert eldest.stdout is not None
        assert eldest.stdout.readline() == "born\n"
        child, grandchild = descendants(eldest.pid)
        assert (children(eldest.pid), children(child.pid), children(grandchild.pid)) == ([child], [grandchild], [])
        # The pipe to the eldest closes with the last that holds it.
        kill([psutil.Process(eldest.pid), child, grandchild])
        assert eldest.stdout.read() == ""
    assert descendants(eldest.pid) == []
