# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of the kernel's classic packet filter (linux/filter.h): instructions with labels, and how to attach them."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import array
import socket
import struct

SO_ATTACH_FILTER = 26

LOAD_WORD, LOAD_HALF, LOAD_BYTE = 0x20, 0x28, 0x30
LOAD_HALF_AT, LOAD_BYTE_AT, LOAD_HEADER_LENGTH = 0x48, 0x50, 0xB1
# The length of the packet; the same into the other register; of what is loaded only some bits.
LOAD_LENGTH, KEEP_ASIDE, ONLY_BITS = 0x80, 0x07, 0x54
IF_EQUAL, IF_ANY_BIT, IF_AT_LEAST_THE_OTHER, GO_TO, RETURN = 0x15, 0x45, 0x3D, 0x05, 0x06
# What the kernel knows of a packet, at places that are no byte of it (SKF_AD_OFF and up).
PROTOCOL, INTERFACE, RANDOM = 0xFFFFF000, 0xFFFFF008, 0xFFFFF038


def assembled(lines):
    """Lines (label, code, value, then, else) as the kernel wants them: jumps as the instructions to skip."""
    places = {label: number for number, (label, _code, _value, _yes, _no) in enumerate(lines) if label}
    program = []
    for number, (_label, code, value, yes, no) in enumerate(lines):
        jumps = [places[target] - number - 1 if target else 0 for target in (yes, no)]
        if code == GO_TO:
            jumps, value = [0, 0], jumps[0]
        program.append((code, jumps[0], jumps[1], value))
    return program


def attach(channel, program):
    """SO_ATTACH_FILTER wants the address of the program, which an array tells; a small Python has no ctypes."""
    instructions = array.array("B", bytearray(b"".join(struct.pack("=HBBI", *line) for line in program)))
    # struct sock_fprog: a 16-bit length, and the pointer where the compiler puts it.
    description = struct.pack("@HP", len(program), instructions.buffer_info()[0])
    channel.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, description)
