# Generated from wfe_vm/phases.py by `python -m wfe_vm.generate`; do not edit.

cdef enum:
    READY = 0
    WAIT_STEP = 1
    WAIT_CHILD = 2
    WAIT_TIMER = 3
    WAIT_FORK = 4
    PARKED = 5
    GONE = 6
    WAIT_EVENT = 7
    WAIT_ANSWER = 8
    WAIT_UNDO = 10
    DECIDING = 11
    SUCCESS = 1
    FAILURE = 2
    ERROR = 3
    ABORT = 4
    SKIPPED = 5
    GUARDING = 0
    BODY = 1
    DELAY = 2
    HOOK = 3
    ENSURE = 4
    UNDOING = 5
    STAYING = 0
    RETURNING = 1
    ABORTING = 2
    WANTS_UNDO = 1
    UNDONE = 2
    STARTS_OVER = 4
    ITEMS_INDEX = -1
