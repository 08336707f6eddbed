"""Instructions that know the stack, slots and jumps alone: what an expression is made of."""

from __future__ import annotations

import copy
from typing import Any

from wfe_vm.errors import ExpressionError
from wfe_vm.library import FUNCTIONS_BY_NUMBER

from .pointers import Pointer, Pointers
from .values import Wrong, arithmetic, boolean, compare, contained, element, same, text


class Expressions(Pointers):
    def evaluate(
        self, pointer: Pointer, name: str, operands: list[int], stack: list[Any], locals: dict[int, Any]
    ) -> bool:
        """Carry out an instruction that knows the stack, slots and jumps alone. Returns whether it was one."""
        constants = self.program.constants

        def take(count: int) -> list[Any]:
            items = stack[len(stack) - count :]
            del stack[len(stack) - count :]
            return items

        if name == "LOAD_CONST":
            stack.append(copy.deepcopy(constants[operands[0]]))
        elif name == "LOAD_SLOT":
            stack.append(copy.deepcopy(self.scope(pointer, operands[0])[operands[1]]))
        elif name == "STORE_SLOT":
            self.scope(pointer, operands[0])[operands[1]] = stack.pop()
        elif name == "LOAD_LOCAL":
            stack.append(locals[operands[0]])
        elif name == "POP":
            stack.pop()
        elif name == "MEMBER":
            value = stack.pop()
            stack.append(value.get(constants[operands[0]]) if isinstance(value, dict) else None)
        elif name == "INDEX":
            stack.append(element(*take(2)))
        elif name == "MAKE_LIST":
            stack.append(take(operands[0]))
        elif name == "MAKE_MAP":
            items = take(2 * operands[0])
            stack.append({items[at]: items[at + 1] for at in range(0, len(items), 2)})
        elif name == "TEXT":
            stack.append(text(take(operands[0])))
        elif name == "GATHER":
            rows = [(key, self.scope(pointer, depth)[slot]) for key, depth, slot in constants[operands[0]]]
            stack.append({key: value for key, value in rows if value is not None})
        elif name in ("EQUAL", "NOT_EQUAL"):
            stack.append(same(*take(2)) is (name == "EQUAL"))
        elif name in ("LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"):
            order = compare(*take(2))
            stack.append({"LESS": order < 0, "LESS_EQUAL": order <= 0, "GREATER": order > 0}.get(name, order >= 0))
        elif name in ("ADD", "SUBTRACT", "MULTIPLY", "DIVIDE", "REMAINDER"):
            stack.append(arithmetic(name, *take(2)))
        elif name == "NEGATE":
            value = stack.pop()
            stack.append(arithmetic("SUBTRACT", 0, value) if type(value) is not float else -value)
        elif name == "NOT":
            stack.append(not boolean(stack.pop()))
        elif name == "IN":
            stack.append(contained(*take(2)))
        elif name == "CHECK_BOOL":
            boolean(stack[-1])
        elif name == "JUMP":
            pointer["pc"] = operands[0]
        elif name in ("BRANCH_FALSE", "BRANCH_TRUE"):
            if boolean(stack.pop()) is (name == "BRANCH_TRUE"):
                pointer["pc"] = operands[0]
        elif name in ("BRANCH_FALSE_KEEP", "BRANCH_TRUE_KEEP"):
            if boolean(stack[-1]) is (name == "BRANCH_TRUE_KEEP"):
                pointer["pc"] = operands[0]
            else:
                stack.pop()
        elif name == "BRANCH_VALUE_KEEP":
            if stack[-1] is not None:
                pointer["pc"] = operands[0]
            else:
                stack.pop()
        elif name == "CALL":
            try:
                stack.append(FUNCTIONS_BY_NUMBER[operands[0]].call(take(operands[1])))
            except ExpressionError as error:
                raise Wrong(error.code) from None
        elif name == "EACH_BEGIN":
            if not isinstance(stack[-1], list):
                raise Wrong("null" if stack[-1] is None else "type")
            stack[-1] = {"left": list(stack[-1]), "kept": []}
        elif name == "EACH_NEXT":
            if stack[-1]["left"]:
                locals[operands[0]] = stack[-1]["left"].pop(0)
            else:
                stack[-1] = stack[-1]["kept"]
                pointer["pc"] = operands[1]
        elif name == "EACH_KEEP":
            value = stack.pop()
            stack[-1]["kept"].append(value)
        elif name == "EACH_FILTER":
            if boolean(stack.pop()):
                stack[-1]["kept"].append(locals[operands[0]])
        else:
            return False
        return True
