cimport cython

from wfe_vm._opcodes cimport *
from wfe_vm._phases cimport *
from wfe_vm.operators cimport (
    add,
    check_bool,
    contained_in,
    divide,
    equal,
    greater,
    greater_equal,
    index,
    join_text,
    less,
    less_equal,
    member,
    multiply,
    negate,
    remainder,
    subtract,
)
from wfe_vm.signals cimport Signals
from wfe_vm.state cimport Frame, Pointer, State
from wfe_vm.step_rows cimport StepRow


@cython.final
cdef class Machine(Signals):
    cdef int* code
    cdef object code_array
    cdef list constants
    cdef int failed_pc

    cdef bint _apply(self, State state, object event) except -1
    @cython.locals(pointer=Pointer)
    cdef bint _apply_started(self, State state, object event) except -1
    @cython.locals(pointer=Pointer, frame=Frame)
    cdef bint _apply_step_ended(self, State state, object event) except -1
    @cython.locals(pointer=Pointer, frame=Frame)
    cdef bint _apply_child_ended(self, State state, object event) except -1
    cdef bint _apply_tick(self, State state, long long time) except -1
    cdef bint _fire_due(self, State state, long long time) except -1
    cdef bint _apply_suspend(self, State state, object event) except -1
    @cython.locals(pointer=Pointer)
    cdef bint _apply_resume(self, State state, object event) except -1
    @cython.locals(pointer=Pointer, root=Pointer)
    cdef bint _apply_cancel(self, State state, object event) except -1
    @cython.locals(pointer=Pointer, frame=Frame)
    cdef bint _apply_retry(self, State state, object event) except -1
    cdef object _supply(self, State state, Pointer pointer, Frame frame, dict outputs)
    @cython.locals(pointer=Pointer, frame=Frame)
    cdef Pointer _revive(self, State state, object row)
    @cython.locals(root=Frame)
    cdef object _lift_suspension(self, State state)
    cdef object _update_status(self, State state)

    @cython.locals(pointer=Pointer)
    cdef object _run_ready(self, State state)
    @cython.locals(winner=Pointer)
    cdef object _decide(self, State state)
    cdef object _run(self, State state, Pointer pointer)
    @cython.locals(frame=Frame, parent=Pointer)
    cdef object _fail_expression(self, State state, Pointer pointer, object error)
    @cython.locals(
        code=cython.p_int, constants=list, scopes=list, stack=list, local=list, pc=cython.int, op=cython.int,
        count=cython.Py_ssize_t, start=cython.Py_ssize_t, frame=Frame,
    )
    cdef object _dispatch(self, State state, Pointer pointer)
    cdef object _charge_comparison(self, object left, object right)
    cdef object _call(self, object function, list arguments)
    @cython.locals(frame=Frame)
    cdef object _carry_out(self, State state, Pointer pointer, int op, list stack)
