"""Feed one target with bytes that reach ever more of its code: `python -m tests.fuzz.hunt message folder... -max_total_time=60`.

Arguments behind the target are libFuzzer's: folders with examples, the first of which takes new ones, and options.
"""

import logging
import sys

import atheris

with atheris.instrument_imports(include=["callstream_media_gateway"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()
