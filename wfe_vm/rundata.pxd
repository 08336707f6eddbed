cimport cython

from wfe_vm._phases cimport *
from wfe_vm.state cimport Frame, Pointer, State
from wfe_vm.step_rows cimport StepRow


cdef class RunData:
    cdef public object program
    cdef public long long max_instructions, max_state_bytes
    cdef public list rows, output_types, run_outputs
    cdef long long budget

    @cython.locals(row=StepRow)
    cdef StepRow _step(self, Py_ssize_t number)
    cdef object _store(self, State state, Pointer pointer, int depth, int slot, object value)
    cdef object _charge(self, object value)
    cdef object _charge_deep(self, object value)
    cdef object _check_size(self, State state, object value, object what)
    cdef dict _checked_outputs(self, State state, object outputs)
    cdef dict _declared_outputs(self, State state, Frame frame, dict outputs)
    cdef object _keep_result(self, State state, Pointer pointer, Frame frame, StepRow step, int outcome, dict outputs, object stdout, object error)
    cdef object _fill_hook_slot(self, State state, Pointer pointer, Frame frame, StepRow step)
    cdef object _located(self, State state, Pointer pointer, Frame frame, object error)
    @cython.locals(frame=Frame, enclosing=Frame, frames=list)
    cdef str _path(self, State state, Pointer pointer)
    @cython.locals(frame=Frame, enclosing=Frame, frames=list)
    cdef list _passes(self, State state, Pointer pointer)
