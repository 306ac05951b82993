"""The back-to-back user agent: one call as two dialogs, each of which knows nothing of the other's network.

`agent.py` is the way in. `setup.py` brings a call up, `midcall.py` carries what happens in it, `release.py` ends it.
"""
