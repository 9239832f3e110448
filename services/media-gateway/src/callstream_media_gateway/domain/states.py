"""The two machines of a call: the customer's leg, and each offer to an agent."""

from enum import StrEnum

from callstream.kernel.table import TransitionTable


class CustomerState(StrEnum):
    """Where the customer's leg stands."""

    PREPARING = "preparing"
    """INVITE accepted; its entry in the log and its media leg are being made."""
    ANSWER_WANTED = "answer-wanted"
    """As preparing, and told to answer already: the log shows the arrival to ivr before it confirms it to us."""
    RINGING = "ringing"
    ANSWERING = "answering"
    """200 sent, its ACK has not come."""
    ANSWERED = "answered"
    CONNECTING = "connecting"
    """An agent has answered; the customer hears the connect prompt (F091)."""
    AWAITED = "awaited"
    """An agent began the call: their own phone rings first."""
    DIALLING = "dialling"
    """The callee is being rung: a customer, or in an internal call the other agent."""
    TALKING = "talking"
    ENDING = "ending"
    """Over; the media worker still owes the figures of the legs."""
    ENDED = "ended"


class CustomerInput(StrEnum):
    """What moves the customer's leg."""

    READY = "ready"
    ANSWER = "answer"
    CONFIRMED = "confirmed"
    PLAY = "play"
    CONNECT = "connect"
    DIAL = "dial"
    BRIDGE = "bridge"
    RELEASE = "release"
    """The agent is taken away, the customer stays (F019, F028, F214)."""
    END = "end"
    CLOSED = "closed"


_C, _I = CustomerState, CustomerInput

CUSTOMER = TransitionTable(
    "customer leg",
    _C.PREPARING,
    {
        (_C.PREPARING, _I.READY): _C.RINGING,
        (_C.PREPARING, _I.ANSWER): _C.ANSWER_WANTED,
        (_C.PREPARING, _I.END): _C.ENDING,
        (_C.ANSWER_WANTED, _I.READY): _C.ANSWERING,
        (_C.ANSWER_WANTED, _I.ANSWER): _C.ANSWER_WANTED,
        (_C.ANSWER_WANTED, _I.PLAY): _C.ANSWER_WANTED,
        (_C.ANSWER_WANTED, _I.END): _C.ENDING,
        (_C.RINGING, _I.ANSWER): _C.ANSWERING,
        (_C.RINGING, _I.END): _C.ENDING,
        (_C.ANSWERING, _I.CONFIRMED): _C.ANSWERED,
        (_C.ANSWERING, _I.ANSWER): _C.ANSWERING,
        (_C.ANSWERING, _I.PLAY): _C.ANSWERING,
        (_C.ANSWERING, _I.END): _C.ENDING,
        (_C.ANSWERED, _I.ANSWER): _C.ANSWERED,
        (_C.ANSWERED, _I.PLAY): _C.ANSWERED,
        (_C.ANSWERED, _I.CONNECT): _C.CONNECTING,
        (_C.ANSWERED, _I.END): _C.ENDING,
        (_C.CONNECTING, _I.ANSWER): _C.CONNECTING,
        (_C.CONNECTING, _I.BRIDGE): _C.TALKING,
        (_C.CONNECTING, _I.END): _C.ENDING,
        (_C.AWAITED, _I.DIAL): _C.DIALLING,
        (_C.AWAITED, _I.END): _C.ENDING,
        (_C.DIALLING, _I.BRIDGE): _C.TALKING,
        (_C.DIALLING, _I.END): _C.ENDING,
        (_C.TALKING, _I.ANSWER): _C.TALKING,
        (_C.TALKING, _I.RELEASE): _C.ANSWERED,
        (_C.TALKING, _I.END): _C.ENDING,
        (_C.ENDING, _I.CLOSED): _C.ENDED,
    },
)


class OfferState(StrEnum):
    """Where an offer to an agent stands."""

    OPENING = "opening"
    """Its media leg is being made."""
    INVITING = "inviting"
    RINGING = "ringing"
    ANSWERED = "answered"
    """The phone was picked up; whether that counts is for the log to say."""
    GONE = "gone"
    """Picked up and hung up again before the log has said."""
    CONFIRMED = "confirmed"
    """The answer stands in the log before any withdrawal."""
    BRIDGED = "bridged"
    OVER = "over"


class OfferInput(StrEnum):
    """What moves an offer."""

    OPENED = "opened"
    RINGS = "rings"
    PICKED_UP = "picked-up"
    REFUSED = "refused"
    HUNG_UP = "hung-up"
    WITHDRAWN = "withdrawn"
    LOGGED = "logged"
    """Our own `call.offer-answered` came back from the log."""
    BRIDGE = "bridge"
    END = "end"


_O, _G = OfferState, OfferInput

OFFER = TransitionTable(
    "offer",
    _O.OPENING,
    {
        (_O.OPENING, _G.OPENED): _O.INVITING,
        (_O.OPENING, _G.REFUSED): _O.OVER,
        (_O.OPENING, _G.WITHDRAWN): _O.OVER,
        (_O.OPENING, _G.END): _O.OVER,
        (_O.INVITING, _G.RINGS): _O.RINGING,
        (_O.INVITING, _G.PICKED_UP): _O.ANSWERED,
        (_O.INVITING, _G.REFUSED): _O.OVER,
        (_O.INVITING, _G.WITHDRAWN): _O.OVER,
        (_O.INVITING, _G.END): _O.OVER,
        (_O.RINGING, _G.PICKED_UP): _O.ANSWERED,
        (_O.RINGING, _G.REFUSED): _O.OVER,
        (_O.RINGING, _G.WITHDRAWN): _O.OVER,
        (_O.RINGING, _G.END): _O.OVER,
        (_O.ANSWERED, _G.LOGGED): _O.CONFIRMED,
        (_O.ANSWERED, _G.HUNG_UP): _O.GONE,
        (_O.ANSWERED, _G.WITHDRAWN): _O.OVER,
        (_O.ANSWERED, _G.END): _O.OVER,
        (_O.GONE, _G.LOGGED): _O.OVER,
        (_O.GONE, _G.WITHDRAWN): _O.OVER,
        (_O.GONE, _G.END): _O.OVER,
        (_O.CONFIRMED, _G.BRIDGE): _O.BRIDGED,
        (_O.CONFIRMED, _G.HUNG_UP): _O.OVER,
        (_O.CONFIRMED, _G.END): _O.OVER,
        (_O.BRIDGED, _G.HUNG_UP): _O.OVER,
        (_O.BRIDGED, _G.END): _O.OVER,
    },
)
