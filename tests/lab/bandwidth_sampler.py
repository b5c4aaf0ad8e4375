# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One measurement by the collection's own code, with the Python of a target: bandwidth_sampler.py SECONDS

Prints as JSON what the module answers, besides exactly when its window began and ended.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import sys
import time

from ansible_collections.rescue.remote_login.plugins.module_utils.bandwidth import clock, gather, window


class Kept(window.Window):
    """The window of the measurement, to be looked at afterwards."""

    made = []

    def __init__(self, *arguments):
        self.made.append(self)
        super(Kept, self).__init__(*arguments)


def main(seconds):
    gather.window.Window = Kept
    answer = gather.measure(float(seconds), 100, [], None)
    samples = Kept.made[-1].samples
    found = {"answer": answer}
    # The window has a clock that starts anywhere.
    later = time.time() - clock.now()
    found["begin"], found["end"] = (samples[0][0] + later, samples[-1][0] + later) if samples else (None, None)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
