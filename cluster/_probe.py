"""Joins the cluster at RAY_ADDRESS and prints its resources, as its own process since Ray reads its settings once."""

from __future__ import annotations

import json
import logging

import ray


def main() -> None:
    ray.init(log_to_driver=False, logging_level=logging.ERROR)
    alive = sum(node["Alive"] for node in ray.nodes())
    print(json.dumps({"nodes": alive, "total": ray.cluster_resources(), "free": ray.available_resources()}))


if __name__ == "__main__":
    main()
