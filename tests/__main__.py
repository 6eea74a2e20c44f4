"""Every test, in two halves side by side: those of the shared cluster wait often, and the others compute meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ENDING = (signal.SIGINT, signal.SIGTERM)


class Half:
    """A command under way, and what it has said so far; whatever it says is read, so that it never waits for that."""

    def __init__(self, command: Sequence[str], live: bool) -> None:
        # In a group of its own it hears of Ctrl-C from us alone, and so once; twice would break off its clearing up.
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0
        )
        self._live = live
        self._said: list[bytes] = []
        self._reader = threading.Thread(target=self._listen)
        self._reader.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.append(line)
            if self._live:
                _show([line])

    def tell(self) -> None:
        """Wait for its end; by then all that it said has been shown."""
        self._reader.join()
        self.process.wait()
        if not self._live:
            _show(self._said)

    @property
    def last_line(self) -> str:
        return self._said[-1].decode(errors="replace").strip(" =\n") if self._said else "said nothing"


def run_side_by_side(commands: Mapping[str, Sequence[str]]) -> int:
    """The worst exit code. What the first command says is seen as it comes, and the others' when it is over."""
    halves: dict[str, Half] = {}

    def interrupt(*_: object) -> None:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        for half in halves.values():
            half.process.send_signal(signal.SIGINT)

    for number in ENDING:
        signal.signal(number, interrupt)
    for name, command in commands.items():
        halves[name] = Half(command, live=not halves)
    for half in halves.values():
        half.tell()
    print("\n" + "\n".join(f"{name}: {half.last_line}" for name, half in halves.items()))
    return max(abs(half.process.returncode) for half in halves.values())


def _show(lines: Iterable[bytes]) -> None:
    sys.stdout.buffer.writelines(lines)
    sys.stdout.flush()


def halves() -> dict[str, list[str]]:
    """What pytest is told. All that asks for the shared cluster is in one: the other would start a second for it."""
    tests = sorted(Path(__file__).parent.rglob("test_*.py"))
    sharing = [str(test) for test in tests if "ray_cluster" in test.read_text()]
    others = [str(Path(__file__).parent), *(f"--ignore={test}" for test in sharing)]
    return {"tests of the shared cluster": sharing, "all other tests": others}


def main() -> None:
    # Each half has a core; more threads would only wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    color = f"--color={'yes' if sys.stdout.isatty() else 'auto'}"
    pytest = (sys.executable, "-m", "pytest", color, "--durations=10", "--durations-min=5")
    sys.exit(run_side_by_side({name: (*pytest, *words) for name, words in halves().items()}))


if __name__ == "__main__":
    main()
