// Tries what no job may do, and prints what it could do all the same.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void could(bool done, const std::string &what) {
    if (done) std::printf("could %s\n", what.c_str());
}
static bool writes(const std::string &path) {
    int file = open(path.c_str(), O_WRONLY | O_CREAT, 0600);
    if (file >= 0) close(file);
    return file >= 0;
}
static bool reads(const char *path) {
    int file = open(path, O_RDONLY);
    char one;
    bool done = file >= 0 && read(file, &one, 1) == 1;
    if (file >= 0) close(file);
    return done;
}
static bool starts(const char *path) {
    pid_t child = fork();
    if (child == 0) {
        execl(path, path, nullptr);
        _exit(77);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return child > 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 77);
}

int main() {
    for (int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, 38, 40})
        for (int kind : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW}) could(socket(family, kind, 0) >= 0, "make a socket");
    int pair[2];
    could(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "make a pair of sockets");
    could(pipe(pair) == 0, "make a pipe");
    for (const char *path : {"/etc/shadow", "/proc/self/environ", "/proc/1/environ", "/proc/self/maps", "/root/.bashrc",
                             "/gristmill/lib/gristmill/verifiers/code/guest/judge/main.py", "/dev/mem", "/sys/kernel/notes"})
        could(reads(path), std::string("read ") + path);
    for (const char *path : {"/intruder", "/tmp/intruder", "/usr/intruder", "/usr/lib/intruder", "/dev/intruder", "/etc/passwd",
                             "/gristmill/lib/intruder", "/gristmill/control/intruder", "/usr/bin/env", "../intruder"})
        could(writes(path), std::string("write ") + path);
    could(starts("/python/bin/python"), "start Python");
    could(starts("/bin/sh"), "start a shell");
    could(kill(1, SIGCONT) == 0, "signal the first process");
    could(kill(getppid(), SIGCONT) == 0 && getppid() > 0, "signal its parent");
    could(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0, "ptrace");
    could(setuid(0) == 0 || setgid(0) == 0, "become root");
    could(syscall(SYS_unshare, 0x10000000) == 0, "make a user namespace");
    could(syscall(SYS_clone, 0x10000000 | SIGCHLD, 0, 0, 0, 0) > 0, "clone into a user namespace");
    could(mount("none", "/tmp", "tmpfs", 0, nullptr) == 0, "mount");
    could(chroot(".") == 0, "change its root");
    could(shmget(IPC_PRIVATE, 4096, 0600) >= 0, "make System V memory");
    could(syscall(SYS_memfd_create, "x", 0) >= 0, "make a file without a name");
    could(syscall(425, 4, nullptr) >= 0, "use io_uring");
    could(syscall(SYS_keyctl, 0, -3, 0, 0, 0) >= 0, "use keys");
    could(syscall(SYS_bpf, 0, nullptr, 0) >= 0, "use bpf");
    could(syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0) >= 0, "count events");
    could(syscall(SYS_process_vm_readv, getppid(), nullptr, 0, nullptr, 0, 0) >= 0 && getppid() > 0, "read another's memory");
    for (int file = 3; file < 1024; ++file) could(fcntl(file, F_GETFD) >= 0, "use a descriptor that it was not given");
    rlimit core{}, memory{};
    could(getrlimit(RLIMIT_CORE, &core) || core.rlim_max > 0, "dump its core");
    memory.rlim_cur = memory.rlim_max = RLIM_INFINITY;
    could(setrlimit(RLIMIT_DATA, &memory) == 0, "raise its limits");
    for (char **each = environ; *each; ++each) {
        std::string name(*each, std::string(*each).find('='));
        could(name != "PATH" && name != "LANG" && name != "LC_ALL" && name != "HOME" && name != "TMPDIR", "read " + name);
    }
    std::puts("tried");
}
