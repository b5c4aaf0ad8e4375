#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: (c) 2026, the rescue.remote_login authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: bandwidth_info
short_description: Which process sends and receives how much, to and from whom
version_added: 0.1.0
description:
  - Looks for some seconds at what passes the interfaces that lead out of the host, and puts it down to processes and
    their peers. Nothing needs to be installed.
  - The kernel itself counts the bytes of each TCP connection (sock_diag) and tells of those that end meanwhile.
    Everything else is seen as packets, of which a filter in the kernel keeps a known share where there are too many.
  - Connections and processes that come and go within the window are put down to their process by the kernel's own
    events.
  - Containers are looked at as well, each in its own network namespace.
  - Nothing is changed. No module is loaded, nothing is mounted where others see it, no file is left.
  - What is told of a process is the data that it has sent and received, as the application itself counts it. Headers
    and what is sent again are told beside it, so that all together is what passed the interfaces.
extends_documentation_fragment:
  - rescue.remote_login.attributes
  - rescue.remote_login.attributes.info_module
options:
  duration_s:
    description: For how many seconds to look.
    type: float
    default: 5
  top:
    description: How many processes and peers to tell; those with the most traffic.
    type: int
    default: 10
  interfaces:
    description: The interfaces to look at; without any, those that lead out of the host.
    type: list
    elements: str
    default: []
  link_capacity_bps:
    description:
      - What the link may carry, in bits a second, such as the bandwidth that was bought with a cloud server.
      - Without it the speed of the link counts, or the rate that its queue is limited to.
    type: int
  resolve:
    description: Whether to ask for the names of the peers. On a link that is full this takes long.
    type: bool
    default: false
requirements:
  - Linux with C(/proc). Nothing needs to be installed beside Python 2.7 or 3.6 and later.
author:
  - rescue.remote_login authors (@rescue)
seealso:
  - module: rescue.remote_login.judge_bandwidth
  - module: rescue.remote_login.network_info
  - module: rescue.remote_login.health_info
"""

EXAMPLES = r"""
- name: Find what fills the link
  rescue.remote_login.bandwidth_info:
    duration_s: 10
    link_capacity_bps: 100000000
  become: true
  register: bandwidth

- name: Tell the first process and its first peer
  ansible.builtin.debug:
    msg: "{{ first.name }} sends {{ first.tx_bps }} b/s to {{ first.peers[0].address }}"
  vars:
    first: "{{ bandwidth.processes[0] }}"
  when: bandwidth.processes
"""

RETURN = r"""
status:
  description: V(ok), or V(unchecked) where nothing could be measured, with the reason.
  returned: always
  type: str
  sample: ok
reason:
  description: Why nothing could be measured.
  returned: when RV(status) is V(unchecked)
  type: str
  sample: did not finish within 15 s
started_at:
  description: When the window began, in UTC.
  returned: when RV(status) is V(ok)
  type: str
  sample: "2026-11-21T19:44:51Z"
duration_s:
  description: How many seconds the window really lasted.
  returned: when RV(status) is V(ok)
  type: float
  sample: 5.001
interfaces:
  description:
    - The interfaces besides loopback. Where O(interfaces) names none, C(outer) marks those that lead out of the
      host, whose traffic is put down to processes.
    - Here, in RV(processes), RV(peers), RV(unattributed) and in all their C(peers) stand, for C(tx) (sent), C(rx)
      (received) and C(total), C(tx_bytes) (what iftop calls cum), C(tx_bps) (bits a second over the whole window),
      C(tx_last_2s_bps), C(tx_last_10s_bps) and C(tx_last_40s_bps) (V(null) where the window is shorter), and
      C(tx_peak_bps), the greatest rate over two seconds (V(null) where there are no two seconds).
    - An interface counts whole frames; a process, a peer and a connection count the data of the application.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: eth0
    kind:
      description: What kind of link it is.
      type: str
      sample: veth
    outer:
      description: Whether it leads out of the host and was looked at.
      type: bool
      sample: true
    tx_bps:
      description: Sent, in bits a second. The other rates and sizes are named in the same way.
      type: int
      sample: 300287710
    capacity_tx_bps:
      description: What it can send, in bits a second. V(null) where nobody knows, as for a virtual link.
      type: int
      sample: 400000000
    capacity_rx_bps:
      description: What it can receive, in bits a second.
      type: int
      sample: 400000000
    capacity_from:
      description: >-
        How the capacity is known. V(stated) by O(link_capacity_bps), by the speed of the V(link), or by the rate of its
        V(queue). V(null) where it is not.
      type: str
      sample: stated
    tx_share:
      description: What share of the capacity was used to send, 0 to 1. V(null) where that is not known.
      type: float
      sample: 0.7507
    rx_share:
      description: The same for what was received.
      type: float
      sample: 0.0004
    tx_packets:
      description: Packets sent in the window. C(rx_packets) were received.
      type: int
      sample: 3433
    tx_dropped:
      description: Packets that were dropped before they were sent. C(rx_dropped) were dropped after they had come.
      type: int
      sample: 0
    tx_errors:
      description: Packets that could not be sent. C(rx_errors) came damaged.
      type: int
      sample: 0
    queue:
      description: The kind of its queue.
      type: str
      sample: fq_codel
    queue_drops:
      description: Packets that the queue dropped in the window. V(null) where that cannot be told.
      type: int
      sample: 0
    queue_backlog_bytes:
      description: What waited in the queue at the end.
      type: int
      sample: 0
processes:
  description:
    - The O(top) processes with the most traffic, the busiest first.
    - Short processes of one name and one parent that have ended are told together.
    - V(null) where no process can be seen at all, as without root. Where only some can be seen, RV(missing) says so.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  contains:
    pid:
      description: Its number. With C(start_ticks) it names one process for ever, as numbers are used again.
      type: int
      sample: 18362
    start_ticks:
      description: When it was started, in clock ticks since the host's start.
      type: int
      sample: 6874993
    started_at:
      description: When it was started, in UTC.
      type: str
      sample: "2026-11-21T19:44:48Z"
    exists:
      description: >-
        Whether it still runs. Of one that has ended is told what was seen while it lived, which may be no more than its
        name. The rest is V(null).
      type: bool
      sample: true
    instances:
      description: How many processes are told together.
      type: int
      sample: 1
    name:
      description: The name that the kernel has of it, 15 bytes at most.
      type: str
      sample: iperf3
    command:
      description: Its command line, 256 characters at most.
      type: str
      sample: iperf3 -c 192.0.2.7
    executable:
      description: The program that it runs. V(null) for a thread of the kernel, and where one may not look.
      type: str
      sample: /usr/bin/iperf3
    executable_exists:
      description: Whether that file is the one that runs. V(false) where it was deleted or replaced.
      type: bool
      sample: true
    user:
      description: Its user.
      type: str
      sample: root
    uid:
      description: The number of its user.
      type: int
      sample: 0
    unit:
      description: The unit of systemd that it is in.
      type: str
      sample: session-3.scope
    container:
      description: The container that it is in, by its own name or number.
      type: str
      sample: 0123456789abcdef
    declared_in:
      description: >-
        The file in which the host declares a service that starts this program. A program that is in a service's
        unit, but that the service does not name, is not declared.
      type: str
      sample: /etc/systemd/system/vendor.service
    declared_beside:
      description: >-
        The file in which the host declares a service that starts another program of the same folder, where others
        than root can have put this one there.
      type: str
      sample: null
    parents:
      description: Those that it comes from, the nearest first.
      type: list
      elements: str
      sample: ["bash (18359)", "sshd (812)"]
    shared_with:
      description: Other processes with the same sockets.
      type: list
      elements: int
      sample: [1202, 1203]
    program:
      description:
        - What is known of the program, for a judgement. V(null) for a process that has ended.
        - C(path) is what runs, as the process itself sees it (an interpreter's C(script), else the executable).
          C(inline) says that an interpreter runs what no file holds, and is V(null) where the command line does not
          tell. C(script_exists) is V(false) where that has been deleted,
          C(input_from_network) says that its standard input is a socket of the network.
        - C(package) owns the file, C(modified) says whether it differs from what the package brought, C(updated_at)
          (seconds since 1970) when that was installed, C(replaced_by_update) whether that was after the process was
          started. C(why_unknown) says why no package could be asked for.
        - C(writable_place) is the file or folder on the way to it that everybody may write to, C(only_root_writes)
          whether nobody but root can have put it there, C(hidden) its parts that begin with a dot, C(file_system)
          and C(mounted_at) where it is.
        - C(claims) is the system's program that it calls itself though it is not, C(there_again) says whether there
          is a file at the executable's path, C(preloaded) has the libraries that were loaded before its own.
        - C(own_root) says whether it sees another root folder than the host, C(in_image) whether its container's image
          brought the program (V(false) where it was put there since, V(null) where it cannot be told).
        - C(interpreter) has the same of the interpreter of a script.
      type: dict
      sample: {"path": "/usr/bin/iperf3", "package": "iperf3", "modified": false, "writable_place": null}
    tx_bps:
      description: What it sent, in bits a second. The other rates and sizes are named as in RV(interfaces).
      type: int
      sample: 302456172
    peers:
      description: >-
        Its ten busiest peers. Each has C(address), C(protocol) and the C(port) of a service there, or the
        C(local_port) of a service here, with C(host) where O(resolve) is V(true), and its rates.
      type: list
      elements: dict
      sample: [{"address": "192.0.2.7", "protocol": "tcp", "port": 5201, "local_port": null, "tx_bps": 302456172}]
other_processes:
  description: The sum of all processes that are not told, and their C(count). V(null) where RV(processes) is.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"count": 0, "tx_bps": 0, "rx_bps": 0}
peers:
  description: The O(top) addresses with the most traffic, each with the C(pids) of its processes and its rates.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample: [{"address": "192.0.2.7", "pids": [18362], "tx_bps": 302456172, "rx_bps": 618}]
unattributed:
  description:
    - What belongs to no process, each with its C(reason), its C(peers) and its rates. Headers, and what TCP sent
      again, are told here.
    - Processes and these together are what passed the outer interfaces. What C(not explained) has is the rest, which
      can be negative by some packets, as not everything can be read at the same instant.
  returned: when RV(status) is V(ok)
  type: list
  elements: dict
  sample: [{"reason": "headers of packets, and packets without data", "peers": [], "tx_bps": 452964, "rx_bps": 151007}]
missing:
  description: What could not be looked at, each with the reason. What depends on it is not in the result, never zero.
  returned: when RV(status) is V(ok)
  type: dict
  sample: {"processes": "not root: the processes of other users cannot be seen"}
method:
  description: How it was measured.
  returned: when RV(status) is V(ok)
  type: dict
  contains:
    connections:
      description: How TCP was counted. V(null) where it could not be.
      type: str
      sample: sock_diag
    datagrams:
      description:
        - How everything else was counted. V(null) where it could not be; then only the interfaces' rates hold it.
      type: str
      sample: packet ring
    ended:
      description: >-
        How connections that ended meanwhile were put down to a process. By V(kernel events); or by the
        V(listening sockets), and so only those that came in, and of a server with several processes perhaps to another
        of them. V(null) where they could not be.
      type: str
      sample: kernel events
    share_of_packets:
      description: What share of the packets was looked at.
      type: str
      sample: all
    namespaces:
      description: In how many network namespaces was looked.
      type: int
      sample: 1
    blind_spots:
      description: What cannot be seen this way on this host, and why.
      type: list
      elements: str
      sample: ["sock/inet_sock_set_state: Permission denied"]
    processor_time_s:
      description: What measuring used of a processor, in seconds, without what it took to describe the processes.
      type: float
      sample: 0.02
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import gather


def main():
    module = AnsibleModule(
        argument_spec={
            "duration_s": {"type": "float", "default": 5},
            "top": {"type": "int", "default": 10},
            "interfaces": {"type": "list", "elements": "str", "default": []},
            "link_capacity_bps": {"type": "int"},
            "resolve": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    if not 0.5 <= wanted["duration_s"] <= 3600:
        module.fail_json(msg="duration_s must be between 0.5 and 3600, not %g" % wanted["duration_s"])
    if wanted["top"] < 1:
        module.fail_json(msg="top must be at least 1, not %d" % wanted["top"])
    module.exit_json(changed=False, **gather.gather_within(wanted))


if __name__ == "__main__":
    main()
