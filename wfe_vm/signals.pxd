cimport cython

from wfe_vm._opcodes cimport *
from wfe_vm._phases cimport *
from wfe_vm.lifecycle cimport Lifecycle
from wfe_vm.operators cimport join_text
from wfe_vm.state cimport Frame, Pointer, State
from wfe_vm.step_rows cimport StepRow


cdef class Signals(Lifecycle):
    cdef object _carry_out_signal(self, State state, Pointer pointer, Frame frame, StepRow step, int op, list stack)
    cdef object _wait(self, State state, Pointer pointer, Frame frame, StepRow step, object row, int phase)
    cdef object _publish(self, State state, Pointer pointer, Frame frame, StepRow step, str key, object data)
    @cython.locals(pointer=Pointer, frame=Frame, activation=cython.longlong)
    cdef bint _apply_event_arrived(self, State state, object event) except -1
    @cython.locals(pointer=Pointer, frame=Frame)
    cdef bint _apply_answered(self, State state, object event) except -1
    @cython.locals(pointer=Pointer, frame=Frame)
    cdef object _run_out(self, State state, long long activation)
    @cython.locals(activation=cython.longlong)
    cdef object _renew_subscriptions(self, State state)
