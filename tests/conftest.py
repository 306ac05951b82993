"""Property tests are the same in each run: CI must not fail by chance. Longer random runs: `fuzz/`."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("seaway", derandomize=True, deadline=None)
settings.load_profile("seaway")
