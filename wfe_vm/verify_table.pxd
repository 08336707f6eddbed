# C types of verify_table.py.

cimport cython

from wfe_vm.step_rows cimport StepRow


@cython.locals(row=StepRow, nameable=cython.longlong, loops=cython.longlong)
cdef _check_sizes(object program, list rows, long long words, object report)
