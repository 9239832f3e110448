"""The bench measures what it says: small, so that it is known to run."""

import pytest

from callstream_media_gateway.media import browser_bench
from callstream_media_gateway.media.bench import run


@pytest.mark.parametrize("variant", ["bridged", "recorded", "music"])
def test_the_bench_counts_what_its_phones_received(variant: str) -> None:
    figures = run(5, 1.0, recorded=variant == "recorded", music=variant == "music")
    assert figures["calls"] == 5
    assert 400 <= figures["packets_in_per_s"] <= 600
    assert 400 <= figures["packets_out_per_s"] <= 600
    assert figures["cpu_seconds"] > 0
    assert figures["load"]["received"] >= 0.8 * figures["load"]["expected"]
    assert figures["machine"]["cores"] >= 1


def test_the_browser_bench_counts_what_could_be_decrypted() -> None:
    figures = browser_bench.run(6, 1.0)
    assert figures["legs"] == 6
    assert figures["legs_per_core"] > 0
    assert figures["load"]["authentic"] == 6
    assert 200 <= figures["packets_in_per_s"] <= 400
