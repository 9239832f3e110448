"""The flow that most stories go through: welcome, menu, two queues."""

from callstream.contracts.flow import AnyNode, Branch, Choice, End, Flow, Play, Start, TransferToAgent

from .world import say

Script = list[tuple[float, str]]


def flow(*nodes: AnyNode, first: str = "") -> Flow:
    return Flow(id="main", name="Main", version=3, nodes=(Start(id="start", next=first or nodes[0].id), *nodes, End(id="bye")))


WELCOME = Play(id="welcome", prompts=say("Welcome."), next="menu")
MENU = Branch(
    id="menu",
    label="Main menu",
    prompts=say("Sales 1, service 2."),
    choices=(
        Choice(key="1", name="Sales", next="sales"),
        Choice(key="2", name="Service", next="service"),
        Choice(key="*", name="Again", next="welcome"),
    ),
    timeout_s=5,
    max_errors=2,
    timeout_prompts=say("Still there?"),
    error_prompts=say("Wrong key."),
)
SALES = TransferToAgent(
    id="sales",
    group_id="sales",
    failed="sorry",
    priority=4,
    transferring_prompts=say("One moment."),
    queue_prompts=(*say("10 s of music"), *say("${WaitNo} before you.")),
    connect_prompts=say("Agent ${StaffNo} is with you."),
)
SERVICE = TransferToAgent(id="service", group_id="service", failed="sorry", queue_prompts=say("4 s of music"))
SORRY = Play(id="sorry", prompts=say("Nobody is here."), next="bye")
HOTLINE = flow(WELCOME, MENU, SALES, SERVICE, SORRY)

THROUGH_MENU = ["start main.3", "enter welcome", "enter menu"]
TO_SERVICE = [*THROUGH_MENU, "key 2: Service", "request service"]
TO_SALES = [*THROUGH_MENU, "key 1: Sales", "request sales"]
