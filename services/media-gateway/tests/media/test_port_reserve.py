"""What signalling knows of the ports ahead: none is handed out twice, whatever order questions and answers come in."""

from callstream_media_gateway.media.orders import Answered
from callstream_media_gateway.media.port_reserve import PortReserve
from callstream_media_gateway.media.protocol import PortsReserved, Reply
from callstream_media_gateway.media.worker_commands import AnyCommand, ReservePorts


class Worker:
    """Keeps the questions until they are answered."""

    def __init__(self) -> None:
        self.questions: list[Answered] = []
        self.reserve = PortReserve(self._post)

    def _post(self, command: AnyCommand, answered: Answered) -> None:
        assert isinstance(command, ReservePorts)
        self.questions.append(answered)

    def answer(self, *ports: int) -> None:
        self.questions.pop(0)(Reply(1, value=PortsReserved(ports)))

    def take(self, count: int) -> list[int | None]:
        return [self.reserve.take() for _ in range(count)]


def test_more_is_asked_for_when_less_than_half_is_left() -> None:
    worker = Worker()
    worker.reserve.ask()
    worker.answer(2, 4, 6, 8)
    assert worker.take(2) == [2, 4]
    assert not worker.questions
    assert worker.take(1) == [6]
    assert len(worker.questions) == 1


def test_the_answer_names_ports_that_were_taken_since_the_question() -> None:
    worker = Worker()
    worker.reserve.ask()
    worker.answer(2, 4, 6, 8)
    assert worker.take(4) == [2, 4, 6, 8]
    assert len(worker.questions) == 1, "one question at a time"
    worker.answer(6, 8, 10, 12)  # asked while 6 was being taken, and before the order for 8
    assert worker.take(3) == [10, 12, None]


def test_a_port_whose_leg_was_refused_comes_back() -> None:
    worker = Worker()
    worker.reserve.ask()
    worker.answer(2)
    assert worker.take(1) == [2]
    worker.answer(2, 4)
    assert worker.take(1) == [4]
    worker.answer(2, 6)
    assert worker.take(1) == [2]


def test_what_is_not_answered_is_asked_again_by_the_next_leg() -> None:
    worker = Worker()
    worker.reserve.ask()
    worker.questions.pop(0)(None)
    assert worker.take(1) == [None]
    worker.answer()
    assert worker.take(1) == [None]
    worker.answer(2, 4)
    assert worker.take(1) == [2]


def test_after_a_break_only_what_the_new_connection_tells_counts() -> None:
    worker = Worker()
    worker.reserve.ask()
    worker.answer(2, 4)
    worker.reserve.forget()
    assert worker.take(1) == [None]
    worker.reserve.ask()
    assert len(worker.questions) == 1, "the question under way is repeated by the client"
    worker.answer(6, 8)
    assert worker.take(1) == [6]
