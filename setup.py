"""Builds the machine with Cython where there is a C compiler, and installs without it where there is none.

``WFE_PURE=1`` leaves the compiled machine out; ``WFE_DEBUG=1`` builds it with bounds checks and annotations;
``WFE_SANITIZE=1`` with bounds checks and so that a wrong access or undefined behaviour ends the process
(CONTRIBUTING.md says how such a build is run).
"""

import os

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

COMPILED = (
    "wfe_vm.values",
    "wfe_vm.state",
    "wfe_vm.step_rows",
    "wfe_vm.operators",
    "wfe_vm.rundata",
    "wfe_vm.races",
    "wfe_vm.sagas",
    "wfe_vm.lifecycle",
    "wfe_vm.signals",
    "wfe_vm.machine",
    "wfe_vm.verify_steps",
    "wfe_vm.verify_table",
    "wfe_vm.verify_code",
    "wfe_vm.verify_flow",
    "wfe_vm.verify_places",
)
PURE = os.environ.get("WFE_PURE") == "1"
DEBUG = os.environ.get("WFE_DEBUG") == "1"
SANITIZE = os.environ.get("WFE_SANITIZE") == "1"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]


class BuildOrGoWithout(build_ext):
    """A machine that can't be compiled is interpreted: it is the same source, only slower."""

    def run(self):
        self.parallel = self.parallel or os.cpu_count()
        try:
            super().run()
        except Exception as error:  # any failure of a foreign tool chain
            self.warn(f"the machine could not be compiled, so it will be interpreted: {error}")
            self.extensions = []


def extensions():
    if PURE:
        return []
    from Cython.Build import cythonize

    sanitizers = SANITIZERS if SANITIZE else []
    # More than -O1 takes two thirds longer to compile, and what is compiled is no quicker: its time goes into calls.
    flags = ["-O1", "-g" if DEBUG or SANITIZE else "-g0", *sanitizers]
    modules = [
        Extension(
            name,
            [f"{name.replace('.', '/')}.py"],
            extra_compile_args=flags,
            extra_link_args=sanitizers,
            optional=not SANITIZE,
        )
        for name in COMPILED
    ]
    directives = {
        "language_level": "3",
        "boundscheck": DEBUG or SANITIZE,
        "embedsignature": True,
        # Annotations are for people and mypy; C types stand in the .pxd files.
        "annotation_typing": False,
        "auto_pickle": False,
    }
    return cythonize(modules, compiler_directives=directives, annotate=DEBUG, nthreads=2)


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildOrGoWithout})
