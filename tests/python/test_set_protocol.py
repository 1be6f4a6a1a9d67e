"""CPython's own tests of sets (test.test_set), on kevy.Set.

Sets of kevy's hold str, bytes and int, are made by a store, and give sets of Python's where an operation
makes a new one; where a test of CPython's is about more, it is excepted, with the reason."""

import unittest
from test import test_set

import kevy

EXCEPTED = {
    "test_init": "a view has no constructor",
    "test_new_or_init": "a view has no constructor",
    "test_constructor_identity": "a view has no constructor",
    "test_uniquification": "the type is told apart by a class, which the tests' maker is not",
    "test_set_literal": "about literals of Python's",
    "test_set_literal_insertion_order": "about literals of Python's",
    "test_set_literal_evaluation_order": "about literals of Python's",
    "test_union": "results are sets of Python's",
    "test_intersection": "results are sets of Python's",
    "test_difference": "results are sets of Python's",
    "test_symmetric_difference": "results are sets of Python's",
    "test_or": "results are sets of Python's",
    "test_and": "results are sets of Python's",
    "test_sub": "results are sets of Python's",
    "test_xor": "results are sets of Python's",
    "test_setOfFrozensets": "a member is str, bytes or int",
    "test_pickling": "a view cannot be pickled: test_views.py",
    "test_iterator_pickling": "iterators hold a snapshot of the store: they cannot be pickled",
    "test_deepcopy": "a view cannot be copied so: test_views.py",
    "test_gc": "a member is str, bytes or int",
    "test_subclass_with_custom_hash": "a view cannot be subclassed",
    "test_badcmp": "a member is str, bytes or int",
    "test_cyclical_repr": "a set does not hold sets",
    "test_cyclical_print": "a set does not hold sets",
    "test_do_not_rehash_dict_keys": "members are told apart by their bytes, not by hash()",
    "test_container_iterator": "a member is str, bytes or int",
    "test_free_after_iterating": "a view cannot be subclassed",
    "test_remove": "CPython's looks for a set inside the set",
    "test_remove_keyerror_unpacking": "a member is str, bytes or int",
    "test_remove_keyerror_set": "a member is str, bytes or int",
    "test_discard": "CPython's looks for a set inside the set",
    "test_contains": "CPython's looks for a set inside the set",
    "test_copy": "copy() gives a set of Python's",
    "test_weakref": "a view cannot be made by a class",
    "test_rich_compare": "CPython's compares with objects that answer for both sides",
    "test_c_api": "about the C API of Python's sets",
}
JOINT = test_set.TestSet


class Maker(type):
    """Stands for the class under test: calling it makes a view with the elements given."""

    def __call__(cls, iterable=()):
        view = kevy.Store().Set("set")
        view.update(iterable)
        return view

    def __instancecheck__(cls, other):
        return isinstance(other, kevy.Set)


class Made(metaclass=Maker):
    pass


class Protocol(JOINT):
    thetype = basetype = Made


for name in EXCEPTED:
    setattr(Protocol, name, None)


class Operators:
    """CPython's tests of binary operators, with a view on the left."""

    def setUp(self):
        self.set = Made((2, 4, 6))


class BinaryOps(Operators, test_set.TestBinaryOps):
    test_eq = None  # sets of frozensets


class UpdateOps(Operators, test_set.TestUpdateOps):
    pass


class Mutate(test_set.TestMutate):
    def setUp(self):
        self.values = ["a", "b", "c"]
        self.set = Made(self.values)

    test_add_until_full = test_add_present = None  # begin with set() of their own




class SubsetPartial(test_set.TestSubsets, unittest.TestCase):
    left, right, name, cases = Made([1]), Made([1, 2]), "one a non-empty proper subset of other", ("!=", "<", "<=")


class SubsetEqual(test_set.TestSubsets, unittest.TestCase):
    left, right, name, cases = Made([1, 2]), {1, 2}, "equal pair", ("==", "<=", ">=")


class SubsetNonOverlap(test_set.TestSubsets, unittest.TestCase):
    left, right, name, cases = {1}, Made([2]), "neither empty, neither contains", "!="


class OnlySets(test_set.TestOnlySetsInBinaryOps):
    def setUp(self):
        self.set = Made((1, 2, 3))
        self.other = "x"
        self.otherIsIterable = True



def test_every_exception_is_of_a_test_of_cpythons():
    gone = {"test_cyclical_print", "test_c_api"}  # of CPython 3.9; up to 3.12
    assert all(reason and (name in gone or hasattr(JOINT, name)) for name, reason in EXCEPTED.items())
