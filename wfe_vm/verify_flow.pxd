# C types of verify_flow.py.

cimport cython

from wfe_vm._opcodes cimport *
from wfe_vm.verify_rows cimport StepRow

cdef int[::1] _TABLE
cdef long long _PARTS
cdef int _COLUMNS, _OUTSIDE, _ENTERED, _BODY, _HOOK, _BRANCH, _UNDO, _ENDS, _PLAIN, _COUNTED, _SCOPED, _EACH, _JUMP, _STEP, _NONE


cdef class _Contexts:
    cdef list parts, steps, parents, depths
    cdef dict numbers
    cdef long long count

    @cython.locals(key=cython.longlong, number=cython.int)
    cdef int within(self, int parent, int part, int step, int depth) except -1
    cdef str describe(self, int number)


cdef class _Flow:
    cdef object program, report
    cdef list steps
    cdef long long count
    cdef int[::1] words, met_depths, met_iterators, met_contexts
    cdef _Contexts contexts
    cdef list work, iterators
    cdef set opened
    cdef dict gathered, numbers

    @cython.locals(pc=cython.int, depth=cython.int, iterators=cython.int, context=cython.int)
    cdef run(self)
    @cython.locals(
        words=cython.int[::1], table=cython.int[::1], met_depths=cython.int[::1], met_iterators=cython.int[::1],
        met_contexts=cython.int[::1], size=cython.int, max_stack=cython.int, in_hook=cython.bint, opcode=cython.int,
        row=cython.int, length=cython.int, treatment=cython.int, takes=cython.longlong, gives=cython.int,
        low=cython.longlong, after=tuple,
    )
    cdef follow(self, int pc, int depth, int iterators, int context)
    cdef int number_of(self, tuple iterators) except -1
    @cython.locals(contexts=_Contexts, earlier=cython.int, met=cython.int)
    cdef report_join(self, int pc, int depth, int context)
    @cython.locals(needed=cython.int, around=cython.int)
    cdef bint check_scope(self, int opcode, int pc, int context) except -1
    @cython.locals(words=cython.int[::1], local=cython.int, target=cython.int, taken=cython.int)
    cdef tuple each(self, int opcode, int pc, int depth, tuple iterators, int context)
    @cython.locals(
        contexts=_Contexts, part=cython.int, innermost=cython.int, index=cython.int, passes=cython.int,
        right=cython.bint, around=cython.int, step=StepRow,
    )
    cdef int step(self, int opcode, int pc, int context) except -2
    @cython.locals(contexts=_Contexts, loops=cython.int, part=cython.int, step=StepRow)
    cdef int loops_around(self, int context) except -1
    cdef int misplaced(self, str place, int opcode, int pc, int context) except -2
    @cython.locals(
        contexts=_Contexts, body=cython.int, inner=cython.int, depth=cython.int, key=cython.longlong, step=StepRow,
    )
    cdef open(self, int index, int context)
    @cython.locals(step=StepRow)
    cdef int begin(self, int index, int context, int pc) except -1
