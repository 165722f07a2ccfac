"""The seccomp profile that the container engine puts around a whole worker: an allowlist, written for the zygote.

It is the outer of two filters. Engines' default profiles leave open what a worker never needs (AF_VSOCK sockets,
io_uring, ptrace on some kernels); here everything is refused that is not named below. Jobs get a narrower filter
from the zygote, on top. Names that a kernel or engine does not know are skipped by the engine.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["engine_profile"]

_FILES = """
    access faccessat faccessat2 open openat openat2 creat close close_range dup dup2 dup3 read readv pread64 preadv
    preadv2 write writev pwrite64 pwritev pwritev2 lseek stat lstat fstat newfstatat fstatat64 statx statfs fstatfs
    fcntl fcntl64 flock ftruncate truncate fallocate fadvise64 fsync fdatasync sync_file_range sync syncfs getdents
    getdents64 getcwd chdir fchdir mkdir mkdirat rmdir rename renameat renameat2 link linkat symlink symlinkat unlink
    unlinkat readlink readlinkat chmod fchmod fchmodat fchmodat2 chown fchown fchownat lchown umask utime utimes
    utimensat futimesat copy_file_range sendfile splice tee vmsplice pipe pipe2 poll ppoll select pselect6
    _newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2
    eventfd eventfd2 ioctl getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr memfd_create
"""
_MEMORY = """
    brk mmap mmap2 munmap mremap mprotect madvise msync mincore mlock mlock2 munlock mlockall munlockall membarrier
    get_mempolicy set_mempolicy mbind pkey_alloc pkey_free pkey_mprotect map_shadow_stack
"""
_PROCESSES = """
    fork vfork execve execveat exit exit_group wait4 waitid waitpid getpid getppid gettid getpgid getpgrp setpgid
    getsid setsid kill tkill tgkill pidfd_open pidfd_send_signal rt_sigaction rt_sigprocmask rt_sigpending
    rt_sigqueueinfo rt_tgsigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait sigaltstack sigreturn pause alarm
    restart_syscall signalfd signalfd4 getrlimit ugetrlimit setrlimit prlimit64 getrusage times getpriority
    setpriority sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_getscheduler sched_getattr
    sched_get_priority_max sched_get_priority_min getcpu set_tid_address set_robust_list get_robust_list futex
    futex_waitv futex_wait futex_wake futex_requeue rseq set_thread_area get_thread_area arch_prctl prctl
"""
_IDENTITY = """
    getuid geteuid getgid getegid getgroups getresuid getresgid getuid32 geteuid32 getgid32 getegid32 setuid setgid
    setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capget capset
"""
_TIME = """
    clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep clock_nanosleep_time64 gettimeofday
    time nanosleep getitimer setitimer timer_create timer_settime timer_gettime timer_getoverrun timer_delete
    timerfd_create timerfd_settime timerfd_gettime
"""
# Nothing here makes a socket of a family other than AF_UNIX: `socket` itself is allowed by argument, below.
_SOCKETS = """
    socketpair connect accept accept4 bind listen getsockname getpeername getsockopt setsockopt shutdown send sendto
    sendmsg sendmmsg recv recvfrom recvmsg recvmmsg
"""
_MACHINE = "uname sysinfo getrandom"
_CONFINEMENT = "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self"

_AF_UNIX = 1
# CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET
_NEW_NAMESPACES = 0x7E020000
_NEVER_UNSHARED = 0x4E000000  # CLONE_NEWCGROUP | NEWUTS | NEWIPC | NEWNET
_NEW_PIDS = 0x20000000
_S_IFMT, _S_IFIFO = 0xF000, 0x1000
_ENOSYS = 38


def engine_profile() -> str:
    """The profile as the JSON text that ``--security-opt seccomp=`` takes over the engine's API."""
    groups = (_FILES, _MEMORY, _PROCESSES, _IDENTITY, _TIME, _SOCKETS, _MACHINE, _CONFINEMENT)
    names = sorted({name for group in groups for name in group.split()})
    rules: list[dict[str, Any]] = [
        {"names": names, "action": "SCMP_ACT_ALLOW"},
        {
            "names": ["socket"],
            "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": _AF_UNIX, "op": "SCMP_CMP_EQ"}],
        },
        {
            "names": ["clone"],
            "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": _NEW_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
        },
        # For the zygote alone, where it settles (`guest/confinement/settling.py`); the filter of jobs has none of them.
        {
            "names": ["unshare"],
            "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": _NEVER_UNSHARED, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
        },
        {
            "names": ["setns"],
            "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 1, "value": _NEW_PIDS, "op": "SCMP_CMP_EQ"}],
        },
        {"names": ["mount", "umount2"], "action": "SCMP_ACT_ALLOW"},
        # FIFOs only, which are a job's pipes (`guest/supply.py`).
        *(
            {
                "names": [name],
                "action": "SCMP_ACT_ALLOW",
                "args": [{"index": place, "value": _S_IFMT, "valueTwo": _S_IFIFO, "op": "SCMP_CMP_MASKED_EQ"}],
            }
            for name, place in (("mknod", 1), ("mknodat", 2))
        ),
        # Its arguments lie behind a pointer that a filter cannot read; "no such call" makes libraries use clone.
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS},
    ]
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "archMap": [
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []},
        ],
        "syscalls": rules,
    }
    return json.dumps(profile)
