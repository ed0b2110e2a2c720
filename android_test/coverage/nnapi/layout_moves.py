"""The three moves of ONNX Runtime's transpose optimizer: transpose an input, an output, or give an input a rank.

Each looks past a DequantizeLinear, and where it has to leave a node between a DQ and its reader, it repairs the unit:

    Before:  DQ -> op                   After:  DQ -> Transpose -> Q -> DQ -> op

Behind such a pair the operator may stand alone between DQ and Q, as it did not before.

Source: ONNX Runtime, `core/optimizer/transpose_optimization/onnx_transpose_optimization.cc` (TransposeInputImpl,
TransposeOutput, UnsqueezeInput, MakeQDQNodeUnit).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from onnx import helper, numpy_helper

from android_test.coverage.graph_view import Value, attribute
from android_test.coverage.nnapi.layout_graph import LayoutGraph, Perm, inverse


def permuted(value: Value, perm: Perm) -> Value:
    """The type of a value behind a Transpose."""
    if value.shape is None or len(value.shape) != len(perm):
        return value
    return replace(value, shape=tuple(value.shape[axis] for axis in perm))


def perm_of(graph: LayoutGraph, index: int) -> Perm | None:
    """The permutation that a Transpose says; None where it leaves it out, which ONNX Runtime does not move."""
    perm = attribute(graph.node(index), "perm", None)
    return None if perm is None else tuple(int(axis) for axis in perm)


def set_attribute(graph: LayoutGraph, index: int, name: str, value: int | Sequence[int]) -> None:
    """Set an attribute, whether it was there or not."""
    node = graph.node(index)
    kept = [entry for entry in node.attribute if entry.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])


def per_axis(graph: LayoutGraph, index: int) -> int | None:
    """The axis of a Q or DQ with more than one scale; -1 with one scale, None where scales stand for blocks."""
    node = graph.node(index)
    scale = graph.shape(node.input[1])
    rank = len(graph.shape(node.input[0]) or graph.shape(node.output[0]) or ())
    if scale is None:
        return None
    if scale in ((), (1,)):
        return -1
    axis = int(attribute(node, "axis", 1))
    axis += rank if axis < 0 else 0
    return axis if 0 <= axis < rank and not attribute(node, "block_size", 0) else None


def dq_of_constant(graph: LayoutGraph, name: str) -> int | None:
    """The DQ that makes `name` from a constant for one reader, so that the constant itself can be transposed."""
    index = graph.maker(name)
    if index is None or graph.node(index).op_type != "DequantizeLinear":
        return None
    fits = graph.node(index).input[0] in graph.constants and per_axis(graph, index) is not None
    return index if fits and graph.only_reader(name) is not None else None


def _follow(graph: LayoutGraph, dq: int, source: str, moved: Perm | None, axes: Sequence[int] = ()) -> None:
    """Let a DQ read `source`, whose axes moved by `moved` or which got new ones at `axes`."""
    axis = per_axis(graph, dq)
    graph.set_input(dq, 0, source)
    if axis is not None and axis >= 0:
        if moved is not None:
            axis = moved[axis]
        for one in sorted(axes):
            axis += one <= axis
        set_attribute(graph, dq, "axis", axis)
    name = graph.node(dq).output[0]
    graph.values[name] = replace(graph.values[name], shape=graph.values[source].shape)


def insert_pair(graph: LayoutGraph, dq: int) -> bool:
    """Put Q and DQ with the scale of `dq` behind the Transpose or Unsqueeze that alone reads it."""
    behind = graph.only_reader(graph.node(dq).output[0])
    axis = per_axis(graph, dq)
    if behind is None or axis is None:
        return False
    node = graph.node(behind)
    if axis >= 0:
        if node.op_type == "Transpose":
            axis = inverse(perm_of(graph, behind) or ())[axis]
        else:
            for one in sorted(graph.ints(node.input[1]) or ()):
                axis += one <= axis
    parameters = list(graph.node(dq).input)[1:]
    return _pair_between(graph, behind, 0, parameters, graph.values[graph.node(dq).input[0]].dtype, axis, dq)


def pair_before(graph: LayoutGraph, transpose: int, q: int) -> bool:
    """Put Q and DQ with the scale of `q` before a Transpose that stands between a float operator and `q`.

    Before:  op -> Transpose -> Q        After:  op -> Q -> DQ -> Transpose -> Q
    """
    source = graph.node(transpose).input[0]
    maker = graph.maker(source)
    axis = per_axis(graph, q)
    if maker is None or axis is None:
        return False
    if axis >= 0:
        axis = (perm_of(graph, transpose) or ())[axis]
    place = list(graph.node(maker).output).index(source)
    parameters = list(graph.node(q).input)[1:]
    return _pair_between(graph, maker, place, parameters, graph.values[graph.node(q).output[0]].dtype, axis, q)


def _pair_between(
    graph: LayoutGraph, maker: int, place: int, parameters: list[str], dtype: int, axis: int, like: int
) -> bool:
    """maker -> readers becomes maker -> Q -> DQ -> readers; the DQ keeps the value's name."""
    name = graph.node(maker).output[place]
    domain, marks = graph.node(like).domain, {"axis": axis} if axis >= 0 else {}
    q = graph.add("QuantizeLinear", ["", *parameters], domain=domain, stem=name, **marks)
    quantized = graph.node(q).output[0]
    graph.values[quantized] = Value(dtype, graph.values[name].shape)
    dq = graph.add("DequantizeLinear", [quantized, *parameters], domain=domain, stem=name, **marks)
    new = graph.move_output(maker, place, dq)
    graph.values[new] = graph.values[name]
    graph.set_input(q, 0, new)
    return True


def transpose_input(graph: LayoutGraph, index: int, place: int, perm: Perm) -> None:
    """Let a node read its input transposed: by a constant of another shape, a Transpose undone, or a new one."""
    name = graph.node(index).input[place]
    dq = None if name in graph.constants else dq_of_constant(graph, name)
    source = graph.node(dq).input[0] if dq is not None else name
    if source in graph.constants:
        _transpose_constant(graph, index, place, source, dq, perm)
        return

    dq = graph.maker(name)
    if dq is not None and graph.node(dq).op_type == "DequantizeLinear" and per_axis(graph, dq) is not None:
        before = graph.maker_of_type(graph.node(dq).input[0], "Transpose")
        if before is not None and perm_of(graph, before) == inverse(perm):
            _follow(graph, dq, graph.node(before).input[0], inverse(perm))
            _drop_unread(graph, before)
            return
    before = graph.maker_of_type(name, "Transpose")
    perm2 = None if before is None else perm_of(graph, before)
    if before is not None and perm2 is not None and len(perm2) == len(perm):
        source = graph.node(before).input[0]
        if perm2 == inverse(perm):
            graph.set_input(index, place, source)
        else:
            both = add_transpose(graph, source, tuple(perm2[axis] for axis in perm))
            graph.set_input(index, place, both)
        _drop_unread(graph, before)
        return
    graph.set_input(index, place, "")
    for reader in graph.readers(name):
        if graph.is_op(reader, "Transpose") and perm_of(graph, reader) == perm:
            graph.set_input(index, place, graph.node(reader).output[0])
            return
    graph.set_input(index, place, add_transpose(graph, name, perm))
    if dq is not None and graph.node(dq).op_type == "DequantizeLinear":
        insert_pair(graph, dq)


def _transpose_constant(graph: LayoutGraph, index: int, place: int, source: str, dq: int | None, perm: Perm) -> None:
    shape = graph.shape(source) or ()
    if int(np.prod(shape)) == 1:
        return
    if shape == (len(perm),):  # one number per axis, as the scales of a Resize
        graph.set_input(index, place, permuted_list(graph, source, perm))
        return
    reader = index if dq is None else dq
    at = place if dq is None else 0
    graph.set_input(reader, at, "")
    if others := graph.readers(source):
        undone = add_transpose(graph, source, inverse(perm))
        graph.values[undone] = graph.values[source]
        graph.replace_reads(others, source, undone)
    graph.reshape_constant(source, [shape[axis] for axis in perm], perm)
    if dq is None:
        graph.set_input(reader, at, source)
    else:
        _follow(graph, dq, source, inverse(perm))


def permuted_list(graph: LayoutGraph, source: str, perm: Sequence[int]) -> str:
    """A new constant with the elements of a list in another order."""
    values = graph.array(source)
    assert values is not None
    name = graph.fresh(source)
    graph.constants[name] = numpy_helper.from_array(values[list(perm)] if values.size else values, name)
    graph.values[name] = graph.values[source]
    return name


def add_transpose(graph: LayoutGraph, source: str, perm: Perm) -> str:
    """A new Transpose of `source`; returns the name of what it makes."""
    name = str(graph.node(graph.add("Transpose", [source], stem=source, perm=list(perm))).output[0])
    graph.values[name] = permuted(graph.values[source], perm)
    return name


def _drop_unread(graph: LayoutGraph, index: int) -> None:
    if not graph.read_at_all(graph.node(index).output[0]):
        graph.remove(index)


def transpose_output(graph: LayoutGraph, index: int, place: int, perm: Perm) -> str:
    """Put a Transpose behind one output, which keeps its name and shape behind it; returns that name."""
    name = str(graph.node(index).output[place])
    transpose = graph.add("Transpose", [""], stem=name, perm=list(perm))
    new = graph.move_output(index, place, transpose)
    graph.values[new] = permuted(graph.values[name], inverse(perm))
    graph.set_input(transpose, 0, new)
    return name


def transpose_outputs(graph: LayoutGraph, index: int, perm: Perm) -> None:
    """Put a Transpose behind every output."""
    if perm == tuple(range(len(perm))):
        return
    for place, name in enumerate(list(graph.node(index).output)):
        if name:
            transpose_output(graph, index, place, perm)


def unsqueeze_input(graph: LayoutGraph, index: int, place: int, count: int) -> None:
    """Give an input `count` more dimensions of 1 in front, as broadcasting would, so that it can be transposed."""
    name = graph.node(index).input[place]
    axes = list(range(count))
    dq = None if name in graph.constants else dq_of_constant(graph, name)
    source = graph.node(dq).input[0] if dq is not None else name
    if source in graph.constants:
        reader, at = (index, place) if dq is None else (dq, 0)
        graph.set_input(reader, at, "")
        if others := graph.readers(source):
            undone = graph.add("Squeeze", [source, graph.add_ints(source, axes)], stem=source)
            graph.values[graph.node(undone).output[0]] = graph.values[source]
            graph.replace_reads(others, source, graph.node(undone).output[0])
        graph.reshape_constant(source, [1] * count + list(graph.shape(source) or ()))
        graph.set_input(reader, at, source)
        if dq is not None:
            _follow(graph, dq, source, None, axes)
        return
    before = graph.maker(name)
    looked = before
    if before is not None and graph.node(before).op_type == "DequantizeLinear" and per_axis(graph, before) is not None:
        looked = graph.maker(graph.node(before).input[0])
    if looked is not None and graph.is_op(looked, "Squeeze") and graph.ints(graph.node(looked).input[1]) == axes:
        if looked == before:
            graph.set_input(index, place, graph.node(looked).input[0])
        elif before is not None:
            _follow(graph, before, graph.node(looked).input[0], None, axes)
        _drop_unread(graph, looked)
        return
    graph.set_input(index, place, "")
    unsqueeze = graph.add("Unsqueeze", [name, graph.add_ints(name, axes)], stem=name)
    wide = graph.node(unsqueeze).output[0]
    shape = graph.values[name].shape
    graph.values[wide] = replace(graph.values[name], shape=None if shape is None else (*[1] * count, *shape))
    if before is not None and graph.is_op(before, "Transpose") and (perm := perm_of(graph, before)) is not None:
        transpose_input(graph, unsqueeze, 0, inverse(perm))
        wide = transpose_output(graph, unsqueeze, 0, (*axes, *(axis + count for axis in perm)))
        graph.set_input(index, place, wide)
        return
    graph.set_input(index, place, wide)
    if before is not None and graph.node(before).op_type == "DequantizeLinear":
        insert_pair(graph, before)
