"""Seaway: an open collaboration edge. Rooms and their order: see docs/architecture.md."""

__version__ = "0.1.0"

from seaway import compiled

compiled.install()
