# C types of verify_code.py.

cimport cython

from wfe_vm.step_rows cimport StepRow, number_of

cdef int[::1] _OPERANDS
cdef long long _NO_BOUND
cdef int _BOUND, _COLUMNS, _CONSTANT, _NAME, _DEPTH, _SLOT, _LOCAL, _COUNT, _TARGET, _STEP, _FUNCTION, _GATHER, _NONE

@cython.locals(
    size=cython.Py_ssize_t, target=cython.Py_ssize_t, index=cython.Py_ssize_t, row=StepRow,
)
cpdef dict verify_code(object program, list rows, int[::1] words, object report)

cdef bint _is_misplaced(StepRow row, bytearray starts) except -1
cdef bint _may_start(long long pc, bytearray starts) except -1
cdef bint _is_start(long long pc, bytearray starts) except -1

@cython.locals(
    limits=cython.longlong[::1], size=cython.Py_ssize_t, pc=cython.Py_ssize_t, at=cython.Py_ssize_t, opcode=cython.int,
    row=cython.int, count=cython.int, place=cython.int, kind=cython.int, value=cython.int, depth=cython.int,
    depths=cython.int, table=cython.int[::1], constants=tuple, sizes=cython.longlong[::1], call=cython.longlong,
    deepest=cython.longlong,
)
cdef list _decode(object program, int[::1] words, bytearray starts, dict gathered, object report)

@cython.locals(deepest=cython.longlong, level=cython.longlong, depths=cython.Py_ssize_t)
cdef long long _deepest_gathered(object constant, long long[::1] sizes) except -2

cdef bint _is_call(int number, int count, int pc, object report) except -1
