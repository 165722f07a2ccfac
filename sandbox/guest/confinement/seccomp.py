"""The system calls that a job may make: an allowlist, and the small program that the kernel checks it with.

Against ways out through the kernel, and against ways to leave something in it for another job. Not on it, among
others: starting other programs (workers of a language may, and some make pipes: `_PROGRAMS`), making sockets or pipes
(`supply`) or connecting them, System V and POSIX shared memory and queues, io_uring, ptrace, namespaces, mounts,
keys, eBPF, userfaultfd, splice; asking for and changing what is in the page cache, free memory and free space, locks
that others hold. What is refused gets EPERM; calls newer than this list get ENOSYS, which tells libraries to do
without.
"""

from __future__ import annotations

import platform
import struct
from typing import Final, NamedTuple

__all__ = ["ALLOWED", "ARCHITECTURES", "Architecture", "assemble", "number", "supported"]

# name:x86_64:aarch64, from Linux 6.1's headers; the second number is missing where aarch64 has no such call.
_FILES: Final = """
    access:21 faccessat:269:48 faccessat2:439:439 open:2 openat:257:56 creat:85 close:3:57 close_range:436:436
    dup:32:23 dup2:33 dup3:292:24 read:0:63 readv:19:65 pread64:17:67 preadv:295:69 write:1:64
    writev:20:66 pwrite64:18:68 pwritev:296:70 pwritev2:328:287 lseek:8:62 stat:4 lstat:6 fstat:5:80
    newfstatat:262:79 statx:332:291 ftruncate:77:46
    truncate:76:45 fallocate:285:47 fsync:74:82 fdatasync:75:83 getdents:78 getdents64:217:61
    getcwd:79:17 chdir:80:49 fchdir:81:50 mkdir:83 mkdirat:258:34 rmdir:84 rename:82 renameat:264:38
    renameat2:316:276 link:86 linkat:265:37 symlink:88 symlinkat:266:36 unlink:87 unlinkat:263:35 readlink:89
    readlinkat:267:78 chmod:90 fchmod:91:52 fchmodat:268:53 umask:95:166 utime:132 utimes:235 utimensat:280:88
    futimesat:261 copy_file_range:326:285 sendfile:40:71 poll:7 ppoll:271:73 select:23
    pselect6:270:72 epoll_create:213 epoll_create1:291:20 epoll_ctl:233:21 epoll_wait:232 epoll_pwait:281:22
    epoll_pwait2:441:441 eventfd:284 eventfd2:290:19 getxattr:191:8 lgetxattr:192:9 fgetxattr:193:10
    listxattr:194:11 llistxattr:195:12 flistxattr:196:13
"""
_MEMORY: Final = """
    brk:12:214 mmap:9:222 munmap:11:215 mremap:25:216 mprotect:10:226 msync:26:227
    mlock:149:228 mlock2:325:284 munlock:150:229 membarrier:324:283
"""
_PROCESSES: Final = """
    fork:57 vfork:58 exit:60:93 exit_group:231:94 wait4:61:260 waitid:247:95 getpid:39:172 getppid:110:173
    gettid:186:178 getpgid:121:155 getpgrp:111 setpgid:109:154 getsid:124:156 setsid:112:157 kill:62:129
    tkill:200:130 tgkill:234:131 rt_sigaction:13:134 rt_sigprocmask:14:135 rt_sigpending:127:136
    rt_sigreturn:15:139 rt_sigsuspend:130:133 rt_sigtimedwait:128:137 sigaltstack:131:132 pause:34 alarm:37
    restart_syscall:219:128 signalfd:282 signalfd4:289:74 getrlimit:97:163 setrlimit:160:164 getrusage:98:165
    times:100:153 getpriority:140:141 setpriority:141:140 sched_yield:24:124 sched_getaffinity:204:123
    sched_setaffinity:203:122 sched_getparam:143:121 sched_getscheduler:145:120 sched_getattr:315:275
    sched_get_priority_max:146:125 sched_get_priority_min:147:126 getcpu:309:168 set_tid_address:218:96
    set_robust_list:273:99 get_robust_list:274:100 futex_waitv:449:449 rseq:334:293 arch_prctl:158
    getuid:102:174 geteuid:107:175 getgid:104:176 getegid:108:177 getgroups:115:158 getresuid:118:148
    getresgid:120:150 capget:125:90
"""
_TIME: Final = """
    clock_getres:229:114 clock_nanosleep:230:115 gettimeofday:96:169 time:201
    nanosleep:35:101 getitimer:36:102 setitimer:38:103 timer_create:222:107 timer_settime:223:110
    timer_gettime:224:108 timer_getoverrun:225:109 timer_delete:226:111 timerfd_create:283:85
    timerfd_settime:286:86 timerfd_gettime:287:87
"""
# Over sockets that the job was given; none can be made, named, connected or configured.
_TALK: Final = """
    getsockname:51:204 getpeername:52:205 shutdown:48:210 sendto:44:206 sendmsg:46:211
    sendmmsg:307:269 recvfrom:45:207 recvmsg:47:212 recvmmsg:299:243
"""
_MACHINE: Final = "uname:63:160 getrandom:318:278"
# For the workers of a language alone (`Programs` of the host): its compiler, its runtime, the programs that were made.
_PROGRAMS: Final = {
    "": "",
    "compiled": "execve:59:221 execveat:322:281",
    # The number of a pipe is a counter of the whole kernel, so the others do without.
    "runtime": "execve:59:221 execveat:322:281 pipe:22 pipe2:293:59",
}
_BY_ARGUMENT: Final = """
    futex:202:98 fcntl:72:25 madvise:28:233 preadv2:327:286 clock_gettime:228:113 getsockopt:55:209
    flock:73:32 mknod:133 mknodat:259:33 clone:56:220 clone3:435:435 prctl:157:167 ioctl:16:29 prlimit64:302:261
"""

_ALL: Final = " ".join((_FILES, _MEMORY, _PROCESSES, _TIME, _TALK, _MACHINE)).split()
ALLOWED: Final = tuple(sorted(entry.split(":")[0] for entry in _ALL))


class Architecture(NamedTuple):
    """`audit` is how the kernel names it to a filter; `column` where `_ALL` holds its numbers."""

    audit: int
    column: int


ARCHITECTURES: Final = {"x86_64": Architecture(0xC000003E, 1), "aarch64": Architecture(0xC00000B7, 2)}
_NEWEST: Final = 451

# classic BPF: load a word, jumps, return
_LOAD, _JUMP, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN, _AND = 0x20, 0x05, 0x15, 0x35, 0x45, 0x06, 0x54
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _EINVAL, _ENOTTY, _ENOSYS, _EOPNOTSUPP = 1, 22, 25, 38, 95
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
# every CLONE_NEW… flag, CLONE_PARENT, which would make the zygote a stranger's parent, and CLONE_PIDFD, whose
# descriptor is numbered by a counter of the whole kernel
_CLONE_REFUSED: Final = 0x7E029000
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
_IOCTLS: Final = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# PDEATHSIG, GET_DUMPABLE, SET_NAME, GET_NAME, CAPBSET_READ, GET_NO_NEW_PRIVS, SET_VMA
_PRCTLS: Final = (1, 3, 15, 16, 23, 39, 0x53564D41)
# F_DUPFD, GETFD, SETFD, GETFL, SETFL, SETLK, SETLKW, OFD_SETLK, OFD_SETLKW, DUPFD_CLOEXEC, GETPIPE_SZ, GET_SEALS. What
# asks who else holds a lock is missing, as are leases: both are seen by jobs that have the same file of the image open.
# Of locks only those to write exclude anybody, and they take a descriptor that may write.
_FCNTLS: Final = (0, 1, 2, 3, 4, 6, 7, 37, 38, 1030, 1032, 1034)
_S_IFMT, _S_IFIFO = 0xF000, 0x1000
# NORMAL, RANDOM, SEQUENTIAL, WILLNEED, DONTNEED, FREE, DONTFORK, DOFORK, HUGEPAGE, NOHUGEPAGE, DONTDUMP, DODUMP,
# WIPEONFORK, KEEPONFORK. COLD and PAGEOUT, which take pages out of the page cache that all share, are missing.
_ADVICE: Final = (0, 1, 2, 3, 4, 8, 10, 11, 14, 15, 16, 17, 18, 19)
_SOL_SOCKET: Final = 1
# SO_REUSEADDR, TYPE, ERROR, SNDBUF, RCVBUF, KEEPALIVE, ACCEPTCONN, PROTOCOL, DOMAIN; not SO_COOKIE, which counts.
_SOCKET_OPTIONS: Final = (2, 3, 4, 7, 8, 9, 30, 38, 39)
# FUTEX_WAIT and WAIT_BITSET, as a thread that is joined is waited for. All else wants the private flag: over a shared
# page of a file of the image, one job could wake another.
_FUTEX_SHARED, _FUTEX_COMMAND, _FUTEX_PRIVATE = (0, 9), 0x7F, 0x80

Instruction = tuple[int, int, int, int]


def supported() -> bool:
    """Whether this machine's processor is one that the list has numbers for."""
    return platform.machine() in ARCHITECTURES


def number(name: str, machine: str | None = None) -> int | None:
    """The number of an allowed or argument-checked call; None where the processor has no such call."""
    column = ARCHITECTURES[machine or platform.machine()].column
    for entry in (*_ALL, *_BY_ARGUMENT.split()):
        parts = entry.split(":")
        if parts[0] == name:
            return int(parts[column]) if len(parts) > column else None
    raise KeyError(name)


def assemble(machine: str | None = None, programs: str = "") -> bytes:
    """The filter as the kernel's ``struct sock_filter`` array; `programs` is a key of `_PROGRAMS`."""
    architecture = ARCHITECTURES[machine or platform.machine()]
    named = {
        name: call_number
        for name in (entry.split(":")[0] for entry in _BY_ARGUMENT.split())
        if (call_number := number(name, machine)) is not None
    }
    program = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, architecture.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if architecture.column == 1:
        # The x32 numbers are the same calls by another door.
        program += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _KILL)]
    checks = {
        "clone": [(_LOAD, 0, 0, _ARGUMENTS), (_ANY_BIT, 0, 1, _CLONE_REFUSED), _error(_EPERM), _allow()],
        # These locks need no right to write, so jobs would meet at files of the image. Whoever asks is told that it has
        # the lock, as nobody else uses its own files; Python's function takes another kind (`guest/supply.py`).
        "flock": [_error(0)],
        **{
            name: [
                (_LOAD, 0, 0, _ARGUMENTS + 8 * place),
                (_AND, 0, 0, _S_IFMT),
                *_tests((_S_IFIFO,)),
                _error(_EPERM),
                _allow(),
            ]
            for name, place in (("mknod", 1), ("mknodat", 2))
        },
        # Its flags lie behind a pointer. Without it libraries use clone.
        "clone3": [_error(_ENOSYS)],
        # Flags tell whether a page is in the page cache, and take it out.
        "preadv2": _one_of(5, (0,), _EOPNOTSUPP),
        "madvise": _one_of(2, _ADVICE, _EINVAL),
        "fcntl": _one_of(1, _FCNTLS, _EPERM),
        # Numbers below 0 are clocks of processes, others than the caller among them.
        "clock_gettime": [(_LOAD, 0, 0, _ARGUMENTS), (_AT_LEAST, 0, 1, 1 << 31), _error(_EINVAL), _allow()],
        "getsockopt": [
            (_LOAD, 0, 0, _ARGUMENTS + 8),
            (_EQUAL, 1, 0, _SOL_SOCKET),
            _error(_EPERM),
            *_one_of(2, _SOCKET_OPTIONS, _EPERM),
        ],
        "futex": [
            (_LOAD, 0, 0, _ARGUMENTS + 8),
            (_ANY_BIT, len(_FUTEX_SHARED) + 2, 0, _FUTEX_PRIVATE),
            (_AND, 0, 0, _FUTEX_COMMAND),
            *_tests(_FUTEX_SHARED),
            _error(_EPERM),
            _allow(),
        ],
        "prctl": _one_of(0, _PRCTLS, _EPERM),
        "ioctl": _one_of(1, _IOCTLS, _ENOTTY),
        # Of itself only.
        "prlimit64": _one_of(0, (0,), _EPERM),
    }
    for name, check in checks.items():
        if name in named:
            program += [(_EQUAL, 0, len(check), named[name]), *check]
    program += _tree(_edges(architecture.column, _PROGRAMS[programs].split()))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _allow() -> Instruction:
    return (_RETURN, 0, 0, _ALLOW)


def _error(code: int) -> Instruction:
    return (_RETURN, 0, 0, _ERROR | code)


def _one_of(argument: int, values: tuple[int, ...], code: int) -> list[Instruction]:
    return [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), *_tests(values), _error(code), _allow()]


def _tests(values: tuple[int, ...]) -> list[Instruction]:
    """Jumps over the instruction behind them if one of the values is loaded."""
    return [(_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]


def _edges(column: int, more: list[str]) -> list[tuple[int, Instruction]]:
    """Where the answer changes, by rising number; each answer holds up to the next edge."""
    numbers = sorted({int(parts[column]) for entry in (*_ALL, *more) if len(parts := entry.split(":")) > column})
    edges: list[tuple[int, Instruction]] = [(0, _error(_EPERM))]
    for value in numbers:
        if edges[-1][0] == value:
            edges.pop()
        if not edges or edges[-1][1] != _allow():
            edges.append((value, _allow()))
        edges.append((value + 1, _error(_EPERM)))
    return [*(edge for edge in edges if edge[0] <= _NEWEST), (_NEWEST + 1, _error(_ENOSYS))]


def _tree(edges: list[tuple[int, Instruction]]) -> list[Instruction]:
    """A binary search: the kernel runs this for every number once, and for some at every call."""
    if len(edges) == 1:
        return [edges[0][1]]
    middle = len(edges) // 2
    below, above = _tree(edges[:middle]), _tree(edges[middle:])
    # A conditional jump reaches 255 instructions only; the plain one beside it reaches any.
    return [(_AT_LEAST, 0, 1, edges[middle][0]), (_JUMP, 0, 0, len(below)), *below, *above]
