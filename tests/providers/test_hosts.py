import os

from msgspec.structs import replace

from tests.providers.contract.rows import start_process
from wfe_runtime.providers.hosts import is_gone, this_host


def test_this_process_is_alive_and_each_identity_is_another():
    first, second = this_host(), this_host()
    assert first.id != second.id
    assert first.pid == os.getpid()
    assert first.started > 0
    assert not is_gone(first)


def test_a_process_that_ended_is_gone_already_before_its_parent_asks():
    process, host = start_process("other")
    assert not is_gone(host)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(host), "a zombie"
    process.communicate()
    assert is_gone(host)


def test_another_process_under_the_same_pid_is_not_the_host():
    host = this_host()
    assert is_gone(replace(host, started=host.started + 1))


def test_a_process_of_another_machine_is_never_judged():
    assert not is_gone(replace(this_host(), machine="another boot", pid=2**22 + 1))


def test_a_process_without_a_known_start_is_judged_by_its_pid_alone():
    assert not is_gone(replace(this_host(), started=0))
