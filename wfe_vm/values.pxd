# C types of values.py.

cdef object _problem_of(object value)
cdef bint _has_surrogate(str text) except -1
cdef bint _is_flat_and_plain(dict container) except -1
cdef bint _is_flat_list(list items) except -1
cdef bint _is_plain_scalar(object item) except -1
