"""What is changed in a mutant: Cosmic Ray's operators without those that only make noise, and two of ours.

Cosmic Ray replaces each comparison by all seven others and each sum by all other operators. Most of those die
by a TypeError whatever the tests are, and would flatter the score: kept are the negation, the neighbours at
the boundary and the opposite.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from itertools import count

from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator
from parso.python.tree import Keyword, Name

_OF_COSMIC_RAY = (
    "AddNot", "ExceptionReplacer", "NumberReplacer", "RemoveDecorator",
    "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue",
    "ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop",
    "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_Delete_USub",
    *(f"ReplaceComparisonOperator_{pair}" for pair in (
        "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is",
        "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt",
    )),
    *(f"ReplaceBinaryOperator_{pair}" for pair in (
        "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul", "Mod_Mul", "Pow_Mul",
        "BitAnd_BitOr", "BitOr_BitAnd",
    )),
)  # fmt: skip


class RemoveStatement(Operator):
    """`pass` in the place of a statement that does something: what nobody misses is not needed."""

    _KINDS = frozenset(
        {"expr_stmt", "return_stmt", "raise_stmt", "del_stmt", "atom_expr", "await_expr", "await"}
    )

    def mutation_positions(self, node):
        if node.type in self._KINDS and node.parent.type == "simple_stmt":
            yield (node.start_pos, node.end_pos)

    def mutate(self, node, index):
        return Keyword("pass", node.start_pos, prefix=node.get_first_leaf().prefix)

    @classmethod
    def examples(cls):
        return ()


class OtherText(Operator):
    """Another text in the place of one that the code compares, sends or says in plain words."""

    _PLACES = frozenset({"comparison", "dictorsetmaker", "arglist", "trailer"})

    def mutation_positions(self, node):
        if node.type == "string" and node.parent.type in self._PLACES:
            yield (node.start_pos, node.end_pos)

    def mutate(self, node, index):
        return Name('"?"', node.start_pos, prefix=node.prefix)

    @classmethod
    def examples(cls):
        return ()


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Each mutant of *source* as (name, source), no two the same, nor the same as *source* when it runs."""
    seen = {_running(source)}
    operators = {name: get_operator(f"core/{name}")() for name in _OF_COSMIC_RAY}
    operators |= {"RemoveStatement": RemoveStatement(), "OtherText": OtherText()}
    for name, operator in operators.items():
        for number in count():
            try:
                mutant = mutate_code(source, operator, number)
            except AttributeError:
                # ExceptionReplacer knows plain names only, no `module.Error`.
                continue
            if mutant is None:
                break
            with suppress(SyntaxError):
                running = _running(mutant)
                if running not in seen:
                    seen.add(running)
                    yield f"{name}#{number}", mutant


def _running(source: str) -> str:
    """What of *source* does something: no docstrings, and no annotations but those of attrs fields."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
            # In a row: that an argument may go by position, too, changes nothing for those who name it.
            node.args.args = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            node.args.defaults += [default for default in node.args.kw_defaults if default]
            node.args.posonlyargs, node.args.kwonlyargs, node.args.kw_defaults = [], [], []
            for arg in node.args.args:
                arg.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [each for each in node.body if not _is_text(each)] or [ast.Pass()]
    return ast.dump(tree)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
