import os
import subprocess
import sys

ASK = """
import sys
sys.argv = ["hepatica", "--version"]
from hepatica import cli
assert "numpy" not in sys.modules, "NumPy reads its number of threads when it is loaded"
try:
    cli.main()
except SystemExit:
    pass
import os
print(os.environ["OPENBLAS_NUM_THREADS"])
"""


def test_numpys_threads_leave_the_cores_to_the_networks_unless_told_otherwise():
    for given, expected in ((None, "1"), ("3", "3")):
        environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
        if given:
            environment["OPENBLAS_NUM_THREADS"] = given
        ran = subprocess.run(
            [sys.executable, "-c", ASK], capture_output=True, text=True, env=environment
        )
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.split()[-1] == expected
