#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A kernel that lacks something: lacking.py nf_tables|namespaces COMMAND... executes the command where the kernel says that it does not
know it: a seccomp filter answers as a kernel would that was built without.

    nf_tables   socket(AF_NETLINK, ..., NETLINK_NETFILTER): EPROTONOSUPPORT
    namespaces  unshare(): EINVAL, as without CONFIG_NET_NS
"""
import ctypes
import errno
import os
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
ALLOW, ERRNO = 0x7fff0000, 0x00050000
NUMBERS = {"x86_64": {"socket": 41, "unshare": 272}, "aarch64": {"socket": 198, "unshare": 97}}
NR, ARG0, ARG2 = 0, 16, 32  # offsets in struct seccomp_data, lower halves
AF_NETLINK, NETLINK_NETFILTER = 16, 12


def rule(code, yes, no, k):
    return struct.pack("=HBBI", code, yes, no, k)


def program(what):
    numbers = NUMBERS[platform.machine()]
    if what == "nf_tables":
        return [
            rule(LOAD, 0, 0, NR), rule(JUMP_EQUAL, 0, 5, numbers["socket"]),
            rule(LOAD, 0, 0, ARG0), rule(JUMP_EQUAL, 0, 3, AF_NETLINK),
            rule(LOAD, 0, 0, ARG2), rule(JUMP_EQUAL, 0, 1, NETLINK_NETFILTER),
            rule(RETURN, 0, 0, ERRNO | errno.EPROTONOSUPPORT), rule(RETURN, 0, 0, ALLOW),
        ]
    assert what == "namespaces", what
    return [
        rule(LOAD, 0, 0, NR), rule(JUMP_EQUAL, 0, 1, numbers["unshare"]),
        rule(RETURN, 0, 0, ERRNO | errno.EINVAL), rule(RETURN, 0, 0, ALLOW),
    ]


def main():
    rules = program(sys.argv[1])
    text = ctypes.create_string_buffer(b"".join(rules), len(rules) * 8)
    head = struct.pack("@HP", len(rules), ctypes.addressof(text))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, head, 0, 0):
        sys.exit("seccomp: %s" % os.strerror(ctypes.get_errno()))
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
