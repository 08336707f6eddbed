# C types of verify_places.py.

cimport cython

from wfe_vm._opcodes cimport BEGIN, ENTER, GUARD
from wfe_vm.step_rows cimport StepRow

cdef int[::1] _LENGTHS
cdef int _OPENING_WORDS

cpdef verify_places(list rows, int[::1] words, int[::1] met, object report)

@cython.locals(lengths=cython.int[::1], size=cython.Py_ssize_t, pc=cython.Py_ssize_t, opcode=cython.int, index=cython.int)
cdef _check_beginnings(int[::1] words, int[::1] met, int[::1] begun, object report)

@cython.locals(index=cython.int, row=StepRow)
cdef _check_steps(list rows, int[::1] words, int[::1] met, int[::1] begun, object report)

@cython.locals(start=cython.longlong)
cdef bint _is_entered(int index, StepRow row, int[::1] words, int[::1] met) except -1

@cython.locals(own=cython.int, pc=cython.Py_ssize_t)
cdef _check_race(int index, StepRow row, int[::1] words, object report)
