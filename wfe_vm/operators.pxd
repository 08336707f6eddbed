# C signatures, so that the machine calls the operators without going through Python.

cpdef bint equal(object left, object right) except -1
cpdef bint less(object left, object right) except -1
cpdef bint less_equal(object left, object right) except -1
cpdef bint greater(object left, object right) except -1
cpdef bint greater_equal(object left, object right) except -1
cpdef object add(object left, object right)
cpdef object subtract(object left, object right)
cpdef object multiply(object left, object right)
cpdef object divide(object left, object right)
cpdef object remainder(object left, object right)
cpdef object negate(object value)
cpdef bint contained_in(object item, object container) except -1
cpdef object member(object value, str name)
cpdef object index(object value, object key)
cpdef str join_text(list parts)
cpdef bint check_bool(object value) except -1
