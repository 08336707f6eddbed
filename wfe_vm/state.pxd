# Layout of the state: what state.py's classes are in C. Fields are public: the rest of the package reads them.

cimport cython

from wfe_vm._phases cimport *


@cython.final
cdef class Frame:
    cdef public long long id
    cdef public int step, phase, outcome
    cdef public long long attempt, tries, passes, opened, started
    cdef public int mark
    cdef public object error
    cdef public int cause_outcome
    cdef public object cause
    cdef public bint final
    cdef public str child
    cdef public long long total, next, live
    cdef public bint stopped
    cdef public long long failed
    cdef public list failures
    cdef public long long winner
    cdef public int marks

    cpdef tuple row(self)


cpdef Frame frame_from(object row)


@cython.final
cdef class Pointer:
    cdef public long long id, parent, fork, index
    cdef public int pc, wait, unwind
    cdef public long long undoes
    cdef public tuple owners
    cdef public list frames, scopes

    cpdef tuple row(self)


cpdef Pointer pointer_from(object row)


@cython.final
cdef class State:
    cdef public str run, name, program, status, stop_after
    cdef public long long sequence, time, next_pointer, next_activation
    cdef public bint suspended, cancelling, terminating, hurried, compensated
    cdef public long long suspended_at, size, active
    cdef public object outputs, end
    cdef public dict pointers, scopes, collected, timers, reopen, registered, located
    cdef public dict waits, cursors, queues, subscribed
    cdef public list tolerated, warnings, heap
    # Changes since the last delta
    cdef public object ready
    cdef public list deciding, commands, records, removed, new_scopes, dropped_scopes, new_collected, dropped_collected
    cdef public list new_tolerated, new_warnings, requests
    cdef public dict changed, changed_data, changed_timers, changed_reopen, changed_registered
    cdef public dict changed_waits, changed_cursors, stirred
    cdef public bint changed_end
    cdef public long long marked_owner
    cdef public long long marked_slots

    cpdef Pointer add_pointer(self, long long parent, long long fork, long long index, int pc, tuple owners, long long slots)
    cpdef remove_pointer(self, Pointer pointer)
    cpdef drop_scope(self, long long owner)
    cpdef long long add_scope(self, long long slots)
    cpdef register(self, object row)
    cpdef unregister(self, long long number)
    cpdef store(self, long long owner, int slot, object value)
    @cython.locals(bit=cython.longlong)
    cdef object mark(self, long long owner, int slot)
    cpdef collect(self, long long activation, long long index, object value)
    cpdef drop_collected(self, long long activation)
    cpdef set_timer(self, long long activation, str kind, long long due)
    cpdef drop_timer(self, long long activation, str kind)
    cpdef add_wait(self, long long activation, object row)
    cpdef drop_wait(self, long long activation)
    cpdef set_cursor(self, str name, str key, long long number)
    cdef object _queue(self, long long activation, object row)
    cpdef keep_reopen(self, long long pointer_id, object row)
    cpdef drop_reopen(self, long long pointer_id)
    cdef object _apply(self, object delta, dict changed)
    cdef object _take_in(self, tuple fields, dict changed)
    cdef object _set_pointers(self, dict changed)
    cpdef long long due(self)
