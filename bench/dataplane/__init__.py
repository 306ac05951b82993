"""Benchmarks of media: network namespaces, generators, and what is measured in the middle of them."""
