"""When the event loop may wait for the disk."""

from wfe_runtime.providers.sqlite.disk import AGAIN, QUICK_S, WRITE_S, Disk

QUICK, SLOW = QUICK_S / 2, QUICK_S * 5


def known(seconds: float) -> Disk:
    disk = Disk()
    for _ in range(3):
        disk.note(seconds, 0, on_loop=True)
    return disk


def test_a_disk_of_which_nothing_is_known_is_not_waited_for():
    assert not Disk().may_be_waited_for(1)


def test_a_quick_disk_is_waited_for_and_one_slow_transaction_says_nothing():
    disk = known(QUICK)
    disk.note(SLOW, 0, on_loop=True)
    assert disk.may_be_waited_for(1)
    disk.note(SLOW, 0, on_loop=True)
    assert not disk.may_be_waited_for(1)


def test_a_group_is_waited_for_less_long_since_the_others_could_go_on():
    disk = known(QUICK_S * 0.7)
    assert disk.may_be_waited_for(1)
    assert not disk.may_be_waited_for(100)


def test_what_writing_takes_is_not_waiting():
    disk = known(QUICK)
    for _ in range(3):
        disk.note(QUICK + 1000 * WRITE_S, 1000, on_loop=True)
    assert disk.may_be_waited_for(1)


def test_a_thread_can_say_that_the_disk_is_quick_and_not_that_it_is_slow():
    disk = Disk()
    for _ in range(2):
        disk.note(QUICK, 0, on_loop=False)
    assert disk.may_be_waited_for(1)
    for _ in range(9):
        disk.note(SLOW, 0, on_loop=False)
    assert disk.may_be_waited_for(1)


def test_a_slow_disk_is_looked_at_again_so_seldom_that_the_waiting_hardly_weighs():
    disk = known(SLOW)
    asked = [disk.may_be_waited_for(1) for _ in range(1000)]
    looks = sum(asked)
    assert 0 < looks * SLOW <= len(asked) * QUICK_S / AGAIN * 1.5
