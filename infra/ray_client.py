"""Joining a running Ray."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import ray

from infra.credentials import ray_environment


def namespace_of(data_dir: Path, version: int) -> str:
    """Return the Ray namespace of one exchange: its data directory and schema version name it."""
    return f"mockx-{version}-{hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]}"


def prepare_environment(ray_token: str) -> None:
    """Set the variables that Ray reads when it is first used in a process and in those it starts."""
    os.environ.update(ray_environment(ray_token))


def join(address: str, namespace: str) -> None:
    """Join a running Ray. Raises ConnectionError when it cannot be reached."""
    ray.init(address=address, namespace=namespace, log_to_driver=False, configure_logging=False)
