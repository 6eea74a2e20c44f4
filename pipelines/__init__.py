"""Everything that thinks: imports nothing from jobs, serve_app or cluster.

Two libraries report to their makers what they are used for, unless they are told before they are imported.
"""

import os
import sys

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# OpenVINO has no switch but a file in the user's home, and is content without the package that reports.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
