"""The pipeline of `pipeline.yaml`, written in Python: the same program, with the same hash.

Checks in parallel, a download that is tried again, a package that is tested before it counts, and a clean-up that
happens whatever the end.
"""

from wfe_dsl.builder import Defaults, Input, Retry, Workflow, error, functions, text

pipeline = Workflow(
    "pipeline",
    1,
    name="Check, test and package a project",
    inputs={
        "release": Input(str, default="1.10", description="the version to package; stays text"),
        "broken": Input(bool, default=False, description="put a bug into the project"),
    },
    outputs={"artifact": str, "size": int, "tests": int, "tag": str | None},
    timeout="10m",
    defaults=Defaults(env={"PYTHONDONTWRITEBYTECODE": "1"}),
)

checkout = pipeline.shell(
    "checkout",
    text("""
        folder=$(mktemp -d)
        echo "##wfe[output folder=$folder]"
        cd "$folder"
        mkdir app
        operator='+'
        [ "$BROKEN" = true ] && operator='-'
        cat > app/add.py <<END
        def add(*numbers: int) -> int:
            total = 0
            for number in numbers:
                total = total $operator number
            return total
        END
        cat > app/__main__.py <<'END'
        import sys

        from add import add

        print(add(*map(int, sys.argv[1:])))
        END
        cat > app/test_add.py <<'END'
        import unittest

        from add import add


        class Adding(unittest.TestCase):
            def test_nothing_adds_up_to_zero(self):
                self.assertEqual(add(), 0)

            def test_numbers_add_up(self):
                self.assertEqual(add(1, 2, 3), 6)
        END
        echo "checked out into $folder"
    """),
    outputs={"folder": str},
)

with pipeline.parallel(limit=2, fail_fast="cancel", name="checks"):
    pipeline.shell(
        "syntax",
        working_dir=checkout.output.folder,
        run='python3 -m compileall -q app && echo "syntax is fine"',
        timeout="1m",
    )

    pipeline.shell(
        "unit-tests",
        working_dir=f"{checkout.output.folder}/app",
        run=text(r"""
            verdict=passed
            python3 -m unittest -v test_add > ../tests.log 2>&1 || verdict=failed
            cat ../tests.log
            echo "##wfe[output tests=$(sed -n 's/^Ran \([0-9]*\) test.*/\1/p' ../tests.log)]"
            [ "$verdict" = passed ]
        """),
        timeout="1m",
        outputs={"tests": int},
    )

    pipeline.shell(
        "fetch-licence",
        working_dir=checkout.output.folder,
        run=text("""
            if [ "$WFE_ATTEMPT" -lt 2 ]; then
              echo "the mirror is busy" >&2
              exit 75
            fi
            echo "MIT" > app/LICENSE
            echo "fetched at attempt $WFE_ATTEMPT"
        """),
        retry=Retry(4, interval="200ms", backoff=2, on=[75]),
    )

package = pipeline.shell(
    "package",
    working_dir=checkout.output.folder,
    run=text("""
        artifact="app-$RELEASE.pyz"
        python3 -m zipapp app -o "$artifact"
        echo "##wfe[output artifact=$artifact]"
        echo "##wfe[output size=$(wc -c < "$artifact" | tr -d ' ')]"
    """),
    timeout="1m",
    outputs={"artifact": str, "size": int},
)
with package.on_success():
    pipeline.shell(
        "smoke-test",
        working_dir=checkout.output.folder,
        run=text("""
            answer=$(python3 "${{ steps.package.output.artifact }}" 20 22)
            echo "20 + 22 = $answer"
            [ "$answer" = 42 ]
        """),
    )

pipeline.shell(
    "tag",
    'echo "##wfe[output tag=v$RELEASE]"\n',
    when=functions.matches(pipeline.inputs.release, r"^[0-9]+\.[0-9]+\.[0-9]+$"),
    outputs={"tag": str},
)

with pipeline.on_failure():
    pipeline.shell(
        "report",
        env={"REASON": error.message},
        run='echo "not released: $REASON"\n',
    )

with pipeline.ensure():
    pipeline.shell(
        "clean-up",
        f'rm -rf -- "{checkout.output.folder}"',
        when="steps.checkout.output.folder != null",
    )
