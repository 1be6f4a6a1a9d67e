"""CPython's own tests of what collections.abc mixes in (test.test_collections), on kevy's types.

CPython's make a class inside each test; here the same test runs with the class left out and one of kevy's types in its place.
A view is made by a store, so what stands there is a function that makes one."""

import ast
import inspect
import re
import textwrap
import unittest
from collections import abc
from test import test_collections

import kevy
import pytest


def cpythons():
    return test_collections.TestCollectionABCs


def a_set(elements=()):
    view = kevy.Store().Set("set")
    view.update(elements)
    return view


def a_list(elements=()):
    view = kevy.Store().List("list")
    view.extend(elements)
    return view


def a_hash():
    return kevy.Store().Hash("hash")


def without_classes(name, but=None, **replacements):
    """A test of CPython's whose own classes of these names are replaced; lines that match `but` are left out."""
    method = getattr(cpythons(), name)
    tree = ast.parse(textwrap.dedent(inspect.getsource(method)))
    body = tree.body[0].body
    kept = [node for node in body if not (isinstance(node, ast.ClassDef) and node.name in replacements)
            and not (but and re.search(but, ast.unparse(node)))]
    inside = {node.name for node in body if isinstance(node, ast.ClassDef)} & replacements.keys()
    assert inside | (replacements.keys() & vars(test_collections).keys()) == replacements.keys(), "CPython's test has other names"
    tree.body[0].body = kept
    scope = {**vars(test_collections), **replacements}
    exec(compile(tree, inspect.getsourcefile(method), "exec"), scope)
    return scope[name]


class Mixins(test_collections.ABCTestCase):
    assertSameSet = cpythons().assertSameSet

    test_isdisjoint_Set = without_classes("test_isdisjoint_Set", MySet=a_set)
    test_equality_Set = without_classes("test_equality_Set", MySet=a_set)
    test_arithmetic_Set = without_classes("test_arithmetic_Set", MySet=a_set)
    test_issue_5647 = without_classes("test_issue_5647", WithSet=a_set)
    test_issue_4920 = without_classes("test_issue_4920", MySet=a_set)
    test_issue8750 = without_classes("test_issue8750", WithSet=a_set)
    # Operators take sets, as those of set do; the mixin's take lists, too.
    test_Set_interoperability_with_real_sets = without_classes("test_Set_interoperability_with_real_sets",
                                                               r"assertSameSet\(f\d . l\d", ListSet=a_set)
    test_Sequence_mixins = without_classes("test_Sequence_mixins", SequenceSubclass=a_list)
    test_MutableSequence_mixins = without_classes("test_MutableSequence_mixins", MutableSequenceSubclass=a_list)

    def test_comparisons_ask_the_other_side(self):
        for instance in (a_set("ab"), a_list("ab"), a_hash(), kevy.Store(), kevy.Store().ZSet("z")):
            with self.subTest(type(instance).__name__):
                self.validate_comparison(instance)

    def test_kinds(self):
        s = kevy.Store()
        for instance, kind in ((s, abc.MutableMapping), (s.Hash("h"), abc.MutableMapping), (s.List("l"), abc.MutableSequence),
                               (s.Set("s"), abc.MutableSet), (s.keys(), abc.KeysView), (s.values(), abc.ValuesView),
                               (s.items(), abc.ItemsView)):
            self.assertIsInstance(instance, kind)
            self.assertFalse(inspect.isabstract(type(instance)))


@pytest.mark.parametrize("make", [kevy.Store, a_hash])
def test_MutableMapping_subclass(make):
    """What keys and items give to operators is a set of Python's, and of that moment."""
    case = unittest.TestCase()
    without_classes("test_MutableMapping_subclass", UserDict=make)(case)
