"""Become another program, but first tie our life to the parent's and give up root where asked.

Run as `python -I -S launch.py PARENT SIGNAL UID GID CAPABILITY PROMPT -- argv...`; -1 leaves uid, gid or capability alone.
A small program of its own, because code between fork and exec of a big threaded parent is a known way to deadlock.

- The kernel sends SIGNAL to us when the parent dies, even by kill -9 (prctl(2), PR_SET_PDEATHSIG). The setting is lost
  at a change of credentials, so it comes last; a parent that died before it is noticed by getppid.
- CAPABILITY is kept across the change of user and the exec (capabilities(7), ambient set): PostgreSQL refuses to be
  root, yet must reach a data folder below a directory that only root may enter, such as /root.
- PROMPT 1 asks for shorter turns of the processor (sched_setattr(2); Linux 6.12 and newer, else nothing happens). It takes no
  right and gives no more time, only sooner: without it whoever wakes up waits for the end of another's turn of some 3 ms,
  and what an agent's phone waits for is a chain of such wake-ups.
"""

import ctypes
import os
import struct
import sys

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 4
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522
SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
"""Numbers of the system call, which the C library does not wrap."""
TURN_NS = 1_000_000

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def become(uid: int, gid: int, capability: int) -> None:
    """Drop to uid and gid for good, keeping at most one capability."""
    if capability >= 0:
        # Capabilities stay at the change of user, and access(2), which initdb asks before it runs postgres, counts them.
        check(libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0), "prctl(PR_SET_SECUREBITS)")
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if capability >= 0:
        header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
        low, high = (1 << capability) & 0xFFFFFFFF, (1 << capability) >> 32
        # effective, permitted, inheritable; the low 32 bits first, then the high ones
        sets = struct.pack("=6I", low, low, low, high, high, high)
        check(libc.capset(header, sets), "capset")
        check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), "prctl(PR_CAP_AMBIENT)")


def be_prompt() -> None:
    """Of this process and all threads that it will have."""
    number = SCHED_SETATTR.get(os.uname().machine)
    if number is not None:
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        # size, policy, flags, nice, priority, runtime (of SCHED_OTHER: the turn), deadline, period
        libc.syscall(number, 0, struct.pack("=IIQiIQQQ", 48, os.SCHED_OTHER, 0, nice, 0, TURN_NS, 0, 0), 0)


def main() -> None:
    parent, signal_number, uid, gid, capability, prompt = (int(word) for word in sys.argv[1:7])
    argv = sys.argv[8:]
    if prompt:
        be_prompt()
    if uid >= 0:
        become(uid, gid, capability)
    check(libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit(f"launch: the parent {parent} is gone, {argv[0]} is not started")
    try:
        os.execvp(argv[0], argv)  # noqa: S606  the argument vector comes from our own code, no shell is involved
    except OSError as error:
        sys.exit(f"launch: {argv[0]} cannot be run: {error.strerror}")


main()
