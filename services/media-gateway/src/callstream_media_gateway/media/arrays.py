"""Names for the numpy array types of the engine, and the frame that everything counts in."""

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
I16 = npt.NDArray[np.int16]
U32 = npt.NDArray[np.uint32]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

RATE = 8000
"""Samples per second of everything inside the engine."""
FRAME = 160
"""Samples in a frame."""
FRAME_MS = 20
