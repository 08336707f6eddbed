cimport cython

from wfe_vm.rundata cimport RunData
from wfe_vm.state cimport Frame, Pointer, State
from wfe_vm.step_rows cimport StepRow


cdef class Races(RunData):
    cdef public dict race_branches

    @cython.locals(frame=Frame, parent=Pointer)
    cdef bint _may_win(self, State state, Pointer pointer) except -1
    cdef object _clear_losers(self, State state, Pointer pointer, Frame frame)
    cdef list _branches(self, int race)
