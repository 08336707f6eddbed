import errno
import signal
import subprocess
import sys

import pytest

from wfe_runtime import faults


@pytest.fixture(autouse=True)
def disarmed():
    yield
    faults.disarm()


def test_nothing_is_armed_without_the_variable():
    assert faults.armed is None
    for point in faults.points():
        faults.reach(point)


@pytest.mark.parametrize(("name", "number"), [("enospc", errno.ENOSPC), ("eio", errno.EIO)])
def test_an_error_is_raised_at_its_point_the_counted_time_and_never_again(name, number):
    faults.arm(f"sqlite.before_commit:3:{name}")
    for _ in range(2):
        faults.reach("sqlite.before_commit")
        faults.reach("sqlite.after_begin")
    with pytest.raises(OSError, match=r"sqlite\.before_commit") as caught:
        faults.reach("sqlite.before_commit")
    assert caught.value.errno == number
    faults.reach("sqlite.before_commit")


@pytest.mark.parametrize("text", [":1", "x:0", "x:-1", "x:one", "x:1:oops", "x:1:eio:more"])
def test_a_fault_that_can_not_be_read_is_an_error(text):
    with pytest.raises(ValueError, match="WFE_FAULT"):
        faults.arm(text)


@pytest.mark.parametrize(("text", "reached"), [("a.point", ""), ("a.point:3", "1\n2\n")])
def test_the_process_dies_at_once_at_the_point_that_the_environment_names(text, reached):
    script = "from wfe_runtime import faults\nfor n in 1, 2, 3, 4:\n faults.reach('a.point')\n print(n, flush=1)"
    result = subprocess.run([sys.executable, "-c", script], env={"WFE_FAULT": text}, stdout=subprocess.PIPE, text=True)
    assert (result.returncode, result.stdout) == (-signal.SIGKILL, reached)


def test_a_point_is_declared_once_with_one_meaning():
    name = "test.declared"
    faults.declare(name, "something happened")
    faults.declare(name, "something happened")
    assert faults.points()[name] == "something happened"
    with pytest.raises(ValueError, match=name):
        faults.declare(name, "something else happened")
