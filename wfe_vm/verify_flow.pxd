# C types of verify_flow.py.

cimport cython

from wfe_vm._opcodes cimport *
from wfe_vm.step_rows cimport StepRow

cdef int[::1] _TABLE
cdef long long _PARTS
cdef list _KINDS_BY_NUMBER
cdef int _WAY, _COLUMNS, _OUTSIDE, _ENTERED, _BODY, _HOOK, _BRANCH, _UNDO, _ENDS, _PLAIN, _COUNTED, _SCOPED, _EACH, _JUMP, _STEP, _NONE


@cython.final
cdef class _Context:
    cdef int around, part, step, depth


@cython.final
cdef class _Contexts:
    cdef list met
    cdef int[::1] firsts
    cdef dict others
    cdef long long count

    @cython.locals(place=cython.longlong, key=cython.longlong, number=cython.int, context=_Context)
    cdef int within(self, int around, int part, int step, int depth) except -1
    @cython.locals(context=_Context)
    cdef bint is_hook(self, int number) except -1
    @cython.locals(context=_Context)
    cdef str describe(self, int number)


@cython.final
cdef class _Iterators:
    cdef int below, position, local


@cython.final
cdef class _Flow:
    cdef object report
    cdef list steps
    cdef long long max_stack
    cdef int[::1] words, met_depths, met_iterators, met_contexts, ways
    cdef Py_ssize_t waiting
    cdef _Contexts contexts
    cdef list iterators
    cdef dict gathered, numbers

    @cython.locals(ways=cython.int[::1], at=cython.Py_ssize_t, pc=cython.int)
    cdef run(self)
    cdef bint meet(self, int pc, int depth, int iterators, int context) except -1
    @cython.locals(ways=cython.int[::1], longer=cython.int[::1], at=cython.Py_ssize_t)
    cdef int lead_to(self, int pc, int depth, int iterators, int context) except -1
    @cython.locals(
        words=cython.int[::1], table=cython.int[::1], size=cython.int, max_stack=cython.longlong, in_hook=cython.bint,
        opcode=cython.int, row=cython.int, length=cython.int, treatment=cython.int, takes=cython.longlong,
        gives=cython.int, low=cython.longlong, depth=cython.longlong, iterators=cython.int, context=cython.int,
        part=cython.int,
    )
    cdef follow(self, int pc)
    @cython.locals(contexts=_Contexts, earlier=cython.int, met=cython.int)
    cdef report_join(self, int pc, int depth, int context)
    @cython.locals(needed=cython.int, around=cython.int, inner=_Context)
    cdef bint check_scope(self, int opcode, int pc, int context) except -1
    @cython.locals(top=_Iterators)
    cdef bint may_take(self, int opcode, int pc, long long depth, long long low, int iterators) except -1
    @cython.locals(words=cython.int[::1], taken=cython.int, top=_Iterators)
    cdef int each(self, int opcode, int pc, int depth, int iterators, int context) except -2
    @cython.locals(number=cython.int)
    cdef int number_of(self, int below, int position, int local) except -2
    @cython.locals(one=_Iterators)
    cdef bint is_bound(self, int local, int iterators) except -1
    @cython.locals(
        part=cython.int, innermost=cython.int, index=cython.int, right=cython.bint, step=StepRow, inner=_Context,
        kinds=tuple,
    )
    cdef int step(self, int opcode, int pc, int context) except -2
    @cython.locals(context=_Context)
    cdef bint is_in_bodies_alone(self, int number) except -1
    cdef int misplaced(self, str place, int opcode, int pc, int context) except -2
    @cython.locals(step=StepRow, inner=_Context, passes=cython.int, loops=cython.int)
    cdef int open(self, int opcode, int index, int pc, int context) except -2
    @cython.locals(loops=cython.int, context=_Context, step=StepRow)
    cdef int loops_around(self, int number) except -1
    @cython.locals(contexts=_Contexts, known=cython.int, body=cython.int, hook=cython.int, branch=cython.int, depth=cython.int)
    cdef follow_step(self, int index, StepRow step, int context)
    cdef int go_to(self, long long pc, int context) except -1
    @cython.locals(step=StepRow)
    cdef int begin(self, int index, int context, int pc) except -1
