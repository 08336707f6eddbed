"""Evaluates an expression's tree directly: slow and obvious, for tests of the language alone."""

from wfe_dsl import nodes
from wfe_vm import operators
from wfe_vm.library import FUNCTIONS_BY_NAME

OPERATORS = {
    "==": operators.equal,
    "!=": lambda left, right: not operators.equal(left, right),
    "<": operators.less,
    "<=": operators.less_equal,
    ">": operators.greater,
    ">=": operators.greater_equal,
    "in": operators.contained_in,
    "contains": lambda left, right: operators.contained_in(right, left),
    "+": operators.add,
    "-": operators.subtract,
    "*": operators.multiply,
    "/": operators.divide,
    "%": operators.remainder,
}


def evaluate(node, names):
    """Return the value of an expression where ``names`` are the values of its names."""
    match node:
        case nodes.Literal():
            return node.value
        case nodes.Text():
            return operators.join_text([evaluate(part, names) for part in node.parts])
        case nodes.ListExpression():
            return [evaluate(item, names) for item in node.items]
        case nodes.MapExpression():
            return {key: evaluate(value, names) for key, _, value in node.entries}
        case nodes.Name():
            return names[node.name]
        case nodes.Member():
            return operators.member(evaluate(node.target, names), node.name)
        case nodes.Index():
            return operators.index(evaluate(node.target, names), evaluate(node.key, names))
        case nodes.Unary(operator="!"):
            return not operators.check_bool(evaluate(node.operand, names))
        case nodes.Unary():
            return operators.negate(evaluate(node.operand, names))
        case nodes.Conditional():
            chosen = node.then if operators.check_bool(evaluate(node.test, names)) else node.otherwise
            return evaluate(chosen, names)
        case nodes.Binary(operator="&&"):
            left = operators.check_bool(evaluate(node.left, names))
            return left and operators.check_bool(evaluate(node.right, names))
        case nodes.Binary(operator="||"):
            left = operators.check_bool(evaluate(node.left, names))
            return left or operators.check_bool(evaluate(node.right, names))
        case nodes.Binary(operator="??"):
            left = evaluate(node.left, names)
            return evaluate(node.right, names) if left is None else left
        case nodes.Binary():
            return OPERATORS[node.operator](evaluate(node.left, names), evaluate(node.right, names))
        case nodes.Call(function="map"):
            items, function = evaluate(node.arguments[0], names), node.arguments[1]
            return [evaluate(function.body, {**names, function.parameter: item}) for item in items]
        case nodes.Call(function="filter"):
            items, function = evaluate(node.arguments[0], names), node.arguments[1]
            return [item for item in items if evaluate(function.body, {**names, function.parameter: item})]
        case nodes.Call():
            arguments = [evaluate(argument, names) for argument in node.arguments]
            return FUNCTIONS_BY_NAME[node.function].call(arguments)
    raise AssertionError(node)
