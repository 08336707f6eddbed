cimport cython

from wfe_vm._phases cimport *
from wfe_vm.races cimport Races
from wfe_vm.state cimport Frame, Pointer, State
from wfe_vm.step_rows cimport StepRow


cdef class Sagas(Races):
    # What is asked of the lifecycle
    cdef object _settle(self, State state, Pointer pointer, int outcome, object error, dict outputs, object stdout)
    cdef bint _inside_hook(self, State state, Pointer pointer) except -1
    cdef object _drop_reopen_within(self, State state, Pointer pointer, Frame frame)

    # Registering
    @cython.locals(frame=Frame, frames=list)
    cdef list _sagas_around(self, State state, Pointer pointer)
    cdef object _check_frozen(self, State state, Pointer pointer, StepRow step)
    cdef object _register(self, State state, Pointer pointer, Frame frame, StepRow step)
    cdef object _release(self, State state, Pointer pointer, Frame frame)
    cdef object _forget(self, State state, long long saga)

    # Undoing
    cdef bint _undo(self, State state, Pointer pointer, Frame frame, StepRow step, int outcome, object error) except -1
    cdef long long _next_to_undo(self, State state, Pointer pointer, Frame frame) except -1
    @cython.locals(undoing=Pointer)
    cdef object _start_undo(self, State state, Pointer pointer, Frame frame, long long number)
    @cython.locals(parent=Pointer, frame=Frame)
    cdef object _end_undo(self, State state, Pointer pointer)
    @cython.locals(above=Frame)
    cdef object _carry_marks(self, State state, Pointer pointer, Frame frame)

    # Past the deadline of a cancel
    cdef bint _inside_undo(self, State state, Pointer pointer) except -1
    cdef bint _is_cut_short(self, State state, Pointer pointer) except -1
