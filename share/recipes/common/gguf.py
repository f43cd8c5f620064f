"""Writing and reading GGUF version 3, as far as these recipes need it.

A file is a header, metadata (key, type, value), a table of tensors and their
data, each aligned to 32 bytes.  A tensor's first dimension is the one that
lies together in memory, so a NumPy array [out, in] is written as [in, out].
"""
import struct

import numpy as np

ALIGNMENT = 32
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
SCALARS = {UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}
TENSOR_TYPES = {np.dtype(np.float32): 0, np.dtype(np.float16): 1}


def u32(value):
    """An unsigned number of 32 bits."""
    return UINT32, value


def f32(value):
    """A number of single precision."""
    return FLOAT32, value


def flag(value):
    """True or false."""
    return BOOL, value


def text(value):
    """A string."""
    return STRING, value


def array(kind, values):
    """A row of values of one kind."""
    return ARRAY, (kind, list(values))


def _string(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _value(kind, value):
    if kind == STRING:
        return _string(value)
    if kind == ARRAY:
        inner, values = value
        head = struct.pack("<IQ", inner, len(values))
        return head + b"".join(_value(inner, v) for v in values)
    return struct.pack(SCALARS[kind], value)


def write(path, metadata, tensors):
    """Write {key: (kind, value)} and {name: array}; F16 or F32 arrays."""
    head = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    for key, (kind, value) in metadata.items():
        head += [_string(key), struct.pack("<I", kind), _value(kind, value)]
    offset, data = 0, []
    for name, values in tensors.items():
        kind = TENSOR_TYPES[values.dtype]
        shape = values.shape[::-1]
        head += [_string(name), struct.pack("<I", len(shape)),
                 struct.pack(f"<{len(shape)}Q", *shape),
                 struct.pack("<IQ", kind, offset)]
        raw = np.ascontiguousarray(values).tobytes()
        raw += bytes(-len(raw) % ALIGNMENT)
        data.append(raw)
        offset += len(raw)
    head = b"".join(head)
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % ALIGNMENT) + b"".join(data))


class Reader:
    """Metadata and tensors of a file that `write` can have made."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self._data = file.read()
        self._at = 0
        if self._take("<4sI") != (b"GGUF", 3):
            raise ValueError(f"{path}: not GGUF version 3")
        count, keys = self._take("<QQ")
        self.metadata = {}
        for _ in range(keys):
            key = self._read(STRING)
            self.metadata[key] = self._read(*self._take("<I"))
        table = [self._entry() for _ in range(count)]
        base = self._at + -self._at % ALIGNMENT
        self.tensors = {}
        for name, shape, kind, offset in table:
            dtype = {v: k for k, v in TENSOR_TYPES.items()}[kind]
            values = np.frombuffer(self._data, dtype, int(np.prod(shape)),
                                   base + offset)
            self.tensors[name] = values.reshape(shape[::-1])

    def _take(self, form):
        values = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return values

    def _read(self, kind):
        if kind == STRING:
            size, = self._take("<Q")
            return self._take(f"<{size}s")[0].decode()
        if kind == ARRAY:
            inner, count = self._take("<IQ")
            return [self._read(inner) for _ in range(count)]
        return self._take(SCALARS[kind])[0]

    def _entry(self):
        name = self._read(STRING)
        dims, = self._take("<I")
        shape = self._take(f"<{dims}Q")
        return (name, shape) + self._take("<IQ")
