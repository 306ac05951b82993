"""Makes the helper modules of this folder importable from its sub-folders."""
