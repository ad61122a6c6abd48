"""Which columns a stream's view is to have: those that it has, what its source declares, and what is stored. Pure.

Invariant: a view only grows. A column keeps its name, its path and its place; its type is another one only where
someone asks for that, and only a wider one unless the source says which. What would have to change and does not is
said, and so is what has no column.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from datasync_spider.sources.columns import FIXED, Column, Type, column_name, merged, named
from datasync_spider.sources.fields import Field, Fields
from datasync_spider.sources.paths import Path

MOST_INFERRED: Final = 500
"""So many columns a view gets by itself; PostgreSQL has room for 1,600."""


class ViewColumn(Struct, frozen=True):
    """A column with everything that is needed to make it."""

    path: Path
    name: str
    type: Type


class ViewPlan(Struct):
    """``columns``: all, in their order. ``retyped``: the old types of those that are to change, by name.

    ``notes``: what a person should know, each a sentence without its full stop.
    """

    columns: list[ViewColumn]
    retyped: dict[str, Type] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def plan_view(known: Sequence[ViewColumn], declared: Sequence[Column], fields: Fields, *, may_retype: bool) -> ViewPlan:
    """What the view is to have. ``known``: what it has. ``may_retype``: whether types may change."""
    plan = ViewPlan(list(known))
    for column in declared:
        _add_declared(plan, column, fields.get(column.path), may_retype=may_retype)
    _add_inferred(plan, {column.path for column in declared}, fields, may_retype=may_retype)
    return plan


def _add_declared(plan: ViewPlan, column: Column, found: Field | None, *, may_retype: bool) -> None:
    names = {known.name: position for position, known in enumerate(plan.columns)}
    name = column.name or next((known.name for known in plan.columns if known.path == column.path), None)
    if name is None:
        name = column_name(column.path, {*FIXED, *names})
    if name in names:
        position = names[name]
        has = plan.columns[position]
        if has.path != column.path:
            plan.notes.append(
                f"{name} is declared for {column.path}, and the view has it for {has.path}: name it otherwise"
            )
        elif column.type is not None and column.type != has.type:
            _retype(plan, position, column.type, "its source says", may_retype=may_retype)
        return
    type_ = column.type or (found.kind if found is not None else None)
    if type_ is None:
        plan.notes.append(
            f"{name} has no column yet: nothing is stored at {column.path} but null, and no type is declared"
        )
        return
    plan.columns.append(ViewColumn(column.path, name, type_))


def _add_inferred(plan: ViewPlan, declared: set[Path], fields: Fields, *, may_retype: bool) -> None:
    positions = {known.path: position for position, known in enumerate(plan.columns)}
    for found in fields:
        position = positions.get(found.path)
        if position is not None and found.path not in declared:
            has = plan.columns[position].type
            needed = merged(has, found.kind)
            if needed is not None and needed != has and found.misfits:
                _retype(plan, position, needed, "what is stored needs", may_retype=may_retype)
    new = [found for found in fields.columns() if found.path not in positions and found.path not in declared]
    # Those that most records have come first where not all can.
    space = max(0, MOST_INFERRED - len(plan.columns))
    chosen = {found.path for found in sorted(new, key=lambda found: -found.present)[:space]}
    names = named(chosen, {known.name for known in plan.columns})
    for found in new:
        if found.path in chosen and found.kind is not None:
            plan.columns.append(ViewColumn(found.path, names[found.path], found.kind))
    if len(new) > space:
        plan.notes.append(
            f"{len(new) - space:,} fields have no column, since {MOST_INFERRED} are made at most: columns of the source"
            " can name those that are wanted"
        )


def _retype(plan: ViewPlan, position: int, type_: Type, why: str, *, may_retype: bool) -> None:
    column = plan.columns[position]
    if not may_retype:
        plan.notes.append(f"{column.name} is {column.type}, and {why} {type_}: its type stays until --apply changes it")
        return
    plan.retyped[column.name] = column.type
    plan.columns[position] = replace(column, type=type_)
