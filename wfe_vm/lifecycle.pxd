cimport cython

from wfe_vm._phases cimport *
from wfe_vm.sagas cimport Sagas
from wfe_vm.state cimport Frame, Pointer, State
from wfe_vm.step_rows cimport StepRow


cdef class Lifecycle(Sagas):
    cdef public Pointer running
    cdef public bint recovering

    # The life of a step
    @cython.locals(frame=Frame)
    cdef Frame _open(self, State state, Pointer pointer, int step)
    cdef object _begin_attempt(self, State state, Pointer pointer, Frame frame)
    cdef object _start_timers(self, State state, Frame frame, StepRow step)
    @cython.locals(frame=Frame)
    cdef object _start_afresh(self, State state, Pointer pointer)
    cdef object _skip(self, State state, Pointer pointer, Frame frame)
    cdef object _succeed(self, State state, Pointer pointer, Frame frame, dict outputs, object stdout)
    @cython.locals(frame=Frame)
    cdef object _settle(self, State state, Pointer pointer, int outcome, object error, dict outputs, object stdout)
    cdef bint _schedule_retry(self, State state, Pointer pointer, Frame frame, StepRow step, int outcome, object error) except -1
    cdef object _park(self, State state, Pointer pointer, Frame frame, StepRow step, int outcome, object error, object stdout)
    cdef bint _holds_up(self, State state, Pointer pointer) except -1
    cdef object _wait_for_resume(self, State state, Pointer pointer, Frame frame)
    cdef bint _may_hook(self, State state, Pointer pointer) except -1
    cdef object _run_hook(self, State state, Pointer pointer, Frame frame, StepRow step)
    cdef object _ensure(self, State state, Pointer pointer, Frame frame)
    cdef object _go_on(self, State state, Pointer pointer, int pc)
    @cython.locals(parent=Frame)
    cdef object _leave(self, State state, Pointer pointer, Frame frame)
    @cython.locals(frame=Frame, frames=list, number=cython.int)
    cdef bint _stopped_around(self, Pointer pointer) except -1
    cdef object _fail_hook(self, State state, Pointer pointer, Frame frame, int outcome, object error)
    cdef object _close(self, State state, Pointer pointer, Frame frame)

    # Forks
    @cython.locals(branch=Pointer)
    cdef object _fill(self, State state, Pointer pointer, Frame frame)
    cdef object _join(self, State state, Pointer pointer, Frame frame, StepRow step)
    @cython.locals(parent=Pointer, frame=Frame)
    cdef object _end_pointer(self, State state, Pointer pointer, int outcome, object error)

    # Stopping
    @cython.locals(pointer=Pointer, frame=Frame)
    cdef object _fire(self, State state, long long activation, str kind)
    @cython.locals(frame=Frame, frames=list)
    cdef object _interrupt(self, State state, Pointer pointer, int depth, int outcome, object error)
    cdef object _stop_innermost(self, State state, Pointer pointer, Frame frame, object error)
    @cython.locals(branch=Pointer)
    cdef object _interrupt_branches(self, State state, Pointer pointer, Frame frame, object error)
    @cython.locals(root=Pointer)
    cdef object _terminate_in_order(self, State state, Pointer pointer, Frame frame, object error)
    @cython.locals(pointer=Pointer, frame=Frame, root=Frame)
    cdef object _hurry(self, State state, object error)
    @cython.locals(pointer=Pointer, frame=Frame)
    cdef object _end_hard(self, State state, str status, object error)
    @cython.locals(root=Pointer)
    cdef object _end_run(self, State state, int outcome, object error)
    cdef object _finish(self, State state, str status, dict outputs, object error)

    # What a retry of the run would reopen
    @cython.locals(frame=Frame)
    cdef object _keep_for_retry(self, State state, Pointer pointer)
    @cython.locals(frame=Frame, frames=list)
    cdef bint _inside_hook(self, State state, Pointer pointer) except -1
    cdef object _drop_reopen_within(self, State state, Pointer pointer, Frame frame)
    cdef bint _is_kept(self, State state, Pointer pointer, Frame frame) except -1
    cdef object _drop_reopen_below(self, State state, long long parent, long long activation)

    # Waiting
    cdef object _fork(self, State state, Pointer pointer, Frame frame)
    cdef object _start_child(self, State state, Pointer pointer, Frame frame, StepRow step, dict inputs)
    cdef object _sleep(self, State state, Pointer pointer, Frame frame, object milliseconds)
    cdef object _sleep_until(self, State state, Pointer pointer, Frame frame, object moment)
    cdef object _wait_until(self, State state, Pointer pointer, Frame frame, long long due)
