# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the unittest files of a folder, on Python 2.7 too: run_target_tests.py FOLDER RESULT.json"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import sys
import unittest


def main(folder, report):
    """Run, and write down what noxfile.py counts."""
    result = unittest.TextTestRunner().run(unittest.defaultTestLoader.discover(folder))
    failed = [test.id() for test, _traceback in result.failures + result.errors]
    failed += [test.id() for test in result.unexpectedSuccesses]
    skipped = ["%s: %s" % (test.id(), reason) for test, reason in result.skipped]
    passed = max(0, result.testsRun - len(failed) - len(skipped))
    with open(report, "w") as handle:
        json.dump({"passed": passed, "failed": failed, "skipped": skipped}, handle)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
