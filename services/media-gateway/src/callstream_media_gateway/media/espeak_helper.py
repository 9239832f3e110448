"""Text to speech by espeak-ng, as a program of its own: `python espeak_helper.py VOICE <text >sound`.

espeak-ng is GPLv3: its library is loaded only here, in a process that shares nothing with Callstream but pipes. Output:
sample rate as 4 bytes little-endian, then 16 bit mono samples. Exit status 1 with a message on stderr when it cannot.
Imports nothing of Callstream and no numpy, so that starting it costs 40 ms of CPU.
"""

import ctypes
import sys

import espeakng_loader

_RETRIEVE, _UTF8 = 1, 1
"""AUDIO_OUTPUT_RETRIEVAL and espeakCHARS_UTF8 of speak_lib.h."""


def main() -> None:
    voice, text = sys.argv[1], sys.stdin.buffer.read()
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(_RETRIEVE, 0, espeakng_loader.get_data_path().encode(), 0)
    if rate <= 0:
        sys.exit("espeak-ng: cannot find its data")
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        sys.exit(f"espeak-ng: no voice {voice!r}")
    sound = bytearray()

    def take(samples: int | None, count: int, _events: int | None) -> int:
        if samples and count > 0:
            sound.extend(ctypes.string_at(samples, 2 * count))
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(take)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_Synth(text, ctypes.c_size_t(len(text) + 1), 0, 1, 0, _UTF8, None, None) != 0:
        sys.exit("espeak-ng: synthesis failed")
    library.espeak_Synchronize()
    sys.stdout.buffer.write(rate.to_bytes(4, "little") + sound)


if __name__ == "__main__":
    main()
