"""Writing and reading safetensors files, as far as these recipes need it.

A file is the length of a JSON header, the header, and the data: the header
gives every tensor its type, its shape and where its bytes begin and end.
"""
import json
import struct

import numpy as np

TYPES = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}
ALIGNMENT = 8


def write(path, tensors, metadata):
    """Write {name: array}, F16 or F32, and {key: text}."""
    names = {dtype: name for name, dtype in TYPES.items()}
    header, data, offset = {"__metadata__": metadata}, [], 0
    for name, values in tensors.items():
        raw = np.ascontiguousarray(values).tobytes()
        header[name] = {"dtype": names[values.dtype],
                        "shape": list(values.shape),
                        "data_offsets": [offset, offset + len(raw)]}
        data.append(raw)
        offset += len(raw)
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % ALIGNMENT)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head + b"".join(data))


def read(path):
    """{name: array} of a file that `write` can have made."""
    with open(path, "rb") as file:
        raw = file.read()
    size, = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8:8 + size])
    header.pop("__metadata__", None)
    out = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype = TYPES[entry["dtype"]]
        values = np.frombuffer(raw, dtype, (end - begin) // dtype.itemsize,
                               8 + size + begin)
        out[name] = values.reshape(entry["shape"])
    return out
