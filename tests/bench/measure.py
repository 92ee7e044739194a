"""Runs one program and measures it; prints nothing, and writes JSON to the file named first.

    measure.py OUT [--listen] [--evict LIST] -- COMMAND...

wallMs        from just before the process is made until it has ended (with --listen: until killed)
firstByteMs   with --listen: until the first byte arrives at a metadata service of its own, after
              which the program is killed
peakBytes     the largest resident set of any one process of it (wait4's ru_maxrss)
readBytes     what it had to fetch from the disk (ru_inblock): read-ahead included, and less what
              was in memory already
cpuMs         user and system time of all its processes

--evict LIST: a file that names files and folders, one a line; they are dropped from the page cache first.
"""

import json
import os
import signal
import socket
import sys
import time


def main():
    split = sys.argv.index("--")
    options, command = sys.argv[1:split], sys.argv[split + 1 :]
    if "--evict" in options:
        evict(options[options.index("--evict") + 1])
    env = dict(os.environ)
    listener = None
    if "--listen" in options:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(20)
        env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = f"http://127.0.0.1:{listener.getsockname()[1]}"
    began = time.monotonic_ns()
    began_wall = time.time()
    pid = os.posix_spawnp(command[0], command, env, setpgroup=0)
    first_byte = None
    if listener:
        listener.accept()[0].recv(1)
        first_byte = (time.monotonic_ns() - began) / 1e6
        os.killpg(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    result = {
        "startWallMs": began_wall * 1e3,
        "wallMs": (time.monotonic_ns() - began) / 1e6,
        "firstByteMs": first_byte,
        "peakBytes": usage.ru_maxrss * 1024,
        "readBytes": usage.ru_inblock * 512,
        "cpuMs": (usage.ru_utime + usage.ru_stime) * 1e3,
        "exit": os.waitstatus_to_exitcode(status),
    }
    with open(options[0], "w") as out:
        json.dump(result, out)


def evict(list_path):
    for named in open(list_path).read().split("\n"):
        for path in files_below(named):
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            except OSError:
                continue
            os.fdatasync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def files_below(named):
    if os.path.isfile(named):
        yield os.path.realpath(named)
    for folder, _, names in os.walk(named):
        for name in names:
            yield os.path.join(folder, name)


main()
