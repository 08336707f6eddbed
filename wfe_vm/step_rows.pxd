# C types of step_rows.py.

cimport cython


cpdef list rows_of(object program)

cdef long long _BEYOND

cpdef long long number_of(object value) except? -2


@cython.final
cdef class StepRow:
    cdef readonly object step, retry, child, collect, signal
    cdef readonly str name, kind, path, exhausted, on_crash, type, fail_fast
    cdef readonly tuple outputs, branches, frozen
    cdef readonly bint continue_on_failure, keep_stdout, compensate_on_failure, undoable
    cdef readonly long long parent, depth, slot, entry, exit, on_success, on_failure, on_error, on_abort, ensure
    cdef readonly long long hook_slot, timeout_ms, total_timeout_ms, limit, item_slot, index_slot, max_passes
    cdef readonly long long compensation, on_timeout
