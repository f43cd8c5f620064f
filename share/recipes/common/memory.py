"""How the C library keeps memory while a model is trained."""
import ctypes


def keep_memory():
    """Let the C library reuse large blocks instead of unmapping them.

    Without this a good part of the time goes into page faults.  It does
    nothing where the C library has no mallopt.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(-3, 32 << 20)       # M_MMAP_THRESHOLD, the largest allowed
        mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
