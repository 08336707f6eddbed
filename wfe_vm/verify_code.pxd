# C types of verify_code.py.

cimport cython

cdef int[::1] _OPERANDS
cdef int _COLUMNS, _CONSTANT, _NAME, _DEPTH, _SLOT, _LOCAL, _COUNT, _TARGET, _STEP, _FUNCTION, _GATHER

@cython.locals(
    size=cython.Py_ssize_t, target=cython.Py_ssize_t,
)
cpdef verify_code(object program, int[::1] words, object report)

@cython.locals(size=cython.Py_ssize_t)
cdef bint _is_misplaced(object step, bytearray starts) except -1

@cython.locals(
    limits=cython.longlong[::1], size=cython.Py_ssize_t, pc=cython.Py_ssize_t, at=cython.Py_ssize_t, opcode=cython.int,
    row=cython.int, count=cython.int, place=cython.int, kind=cython.int, value=cython.int, depth=cython.int,
    depths=cython.int, table=cython.int[::1], constants=tuple, sizes=tuple,
)
cdef list _decode(object program, int[::1] words, bytearray starts, object report)
