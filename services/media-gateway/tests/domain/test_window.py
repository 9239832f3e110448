"""How often something happened lately."""

from callstream_media_gateway.domain.window import Window


def test_what_is_older_than_the_window_does_not_count() -> None:
    window = Window(1.0)
    for moment in (10.0, 10.5, 10.9):
        window.note(moment)
    assert [window.count(now) for now in (10.9, 11.0, 11.4, 11.6, 12.0)] == [3, 2, 2, 1, 0]


def test_what_nobody_counts_is_forgotten_all_the_same() -> None:
    """A trunk without a limit of calls a second notes every call for as long as the process lives."""
    window = Window(1.0)
    for second in range(1000):
        window.note(float(second))
    assert len(window._moments) == 1
