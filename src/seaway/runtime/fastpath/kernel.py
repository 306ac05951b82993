"""The kernel fast path, as others use it.

The supervisor makes it once, in a confined child (`load_confined`), and keeps its descriptors; the relay and the TURN
server inherit them and make a `KernelTable` each. Making it needs CAP_BPF and CAP_NET_ADMIN, using it nothing.
"""

from seaway.runtime.fastpath.bpffs import clean_pins, mount_bpffs
from seaway.runtime.fastpath.confined import load_confined
from seaway.runtime.fastpath.interfaces import interfaces_of
from seaway.runtime.fastpath.kernel_table import RELAY, TURN, KernelTable
from seaway.runtime.fastpath.loading import KernelFastPath, load

__all__ = [
    "RELAY", "TURN", "KernelFastPath", "KernelTable", "clean_pins", "interfaces_of", "load", "load_confined",
    "mount_bpffs",
]  # fmt: skip
