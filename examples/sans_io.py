"""The machine alone, without engine, store or event loop: this program does all input and output itself.

A workflow greets people, one after the other, and tries again where somebody is busy. What each advance changed is kept
as bytes, here in a list; half way the state is thrown away and made again from them.
"""

from wfe_dsl import Diagnostics, Variables, compile_document, load_yaml_text
from wfe_vm import Failure, Machine, State, commands, decode_delta, encode_delta, events

TEXT = """
workflow:
  id: greetings
  version: 1
  inputs: {people: list<string>}
  outputs: {greetings: list<string>}
  steps:
    - for_each: inputs.people
      as: person
      limit: 1
      collect: {greetings: steps.greet.output.text}
      do:
        - name: greet
          type: python
          config: {call: "people:greet"}
          inputs: {name: person}
          outputs: [{name: text, type: string}]
          retry: {attempts: 2, interval: 1m}
    - return: {greetings: vars.greetings}
"""


class Host:
    """Advances one run, and does what it asks. ``kept`` is all that outlives a crash."""

    def __init__(self, kept: list[bytes]) -> None:
        diagnostics = Diagnostics()
        document = load_yaml_text(TEXT, Variables(), diagnostics)
        assert document is not None
        [compiled] = compile_document(document, diagnostics)
        self.machine = Machine(compiled.program)
        self.state = State("run-1", "greetings-1", compiled.hash)
        for data in kept:
            self.state.apply(decode_delta(data))
        self.state.bind()
        self.kept = kept
        self.time = self.state.time

    def advance(self, event: events.Event) -> list[commands.Command]:
        """Take in an event, keep what it changed, and only then return what is asked for."""
        advance = self.machine.advance(self.state, event)
        if advance.delta is not None:
            self.kept.append(encode_delta(advance.delta))
        return advance.commands

    def greet(self, step: commands.RunStep, busy: set[str]) -> events.StepEnded:
        """Do a step: the work itself."""
        name = (step.inputs or {})["name"]
        if name in busy:
            busy.remove(name)
            print(f"greet {name}: busy, to be tried again")
            error = Failure("fail", f"{name} is busy")
            return events.StepEnded(self.time, step.activation, step.attempt, "failure", {}, error)
        print(f"greet {name}")
        return events.StepEnded(self.time, step.activation, step.attempt, "success", {"text": f"Hello, {name}!"})

    def go_on(self, asked: list[commands.Command], busy: set[str], until_idle: bool = False) -> None:
        """Carry out commands and wait for timers until the run has ended, or until only a timer is left."""
        while self.state.end is None:
            if asked:
                command = asked.pop(0)
                if isinstance(command, commands.RunStep):
                    asked += self.advance(self.greet(command, busy))
            elif until_idle:
                return
            else:
                self.time = self.state.due()  # no need to sleep: time is what the host says it is
                asked += self.advance(events.Tick(self.time))


def main() -> None:
    kept: list[bytes] = []
    host = Host(kept)
    begun = host.advance(events.Started(1_800_000_000_000, {"people": ["Ada", "Grace"]}))
    host.go_on(begun, busy={"Grace"}, until_idle=True)

    print("-- the process ends here, and another begins with what was kept --")
    again = Host(kept)
    again.go_on(again.machine.recover(again.state), busy=set())
    assert again.state.end is not None
    status, outputs, _ = again.state.end
    print(status, outputs)


if __name__ == "__main__":
    main()
