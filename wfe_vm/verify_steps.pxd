# C types of verify_steps.py.

cimport cython

from wfe_vm.step_rows cimport StepRow, number_of

cdef long long _LARGEST, _RESERVED, _NONE


cdef class _Steps:
    cdef object program, check_type, report
    cdef list rows, sizes
    cdef set known_types
    cdef Py_ssize_t index

    @cython.locals(index=cython.Py_ssize_t)
    cdef check_all(self)
    cdef flaw(self, str code, str message)
    @cython.locals(depths=cython.Py_ssize_t)
    cdef check(self, StepRow row)
    @cython.locals(index=cython.Py_ssize_t, around=StepRow)
    cdef check_place(self, StepRow row)
    cdef check_choices(self, StepRow row)
    cdef check_retry(self, object retry)
    cdef check_signal(self, StepRow row)
    @cython.locals(size=cython.longlong, lowest=cython.longlong)
    cdef check_slots(self, StepRow row)
    @cython.locals(lowest=cython.longlong)
    cdef slot_flaw(self, StepRow row, object slot)
    cdef check_compensation(self, StepRow row)
    cdef check_branches(self, StepRow row)
    cdef check_loop(self, StepRow row)
