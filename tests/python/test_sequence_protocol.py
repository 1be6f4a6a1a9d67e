"""CPython's own tests of lists (test.list_tests), on kevy.List.

Lists of kevy's hold scalars, and are made by a store; where a test of CPython's is about what a list holds
beyond that, or about list() as a constructor, it is excepted, with the reason."""

from test import list_tests

import kevy

EXCEPTED = {
    "test_init": "a view has no constructor",
    "test_constructors": "a view has no constructor",
    "test_constructor_exception_handling": "a view has no constructor",
    "test_getitem": "CPython's subclasses the type under test",
    "test_getitemoverwriteiter": "CPython's subclasses the type under test",
    "test_repr": "a list may hold millions of elements: its repr names it and counts them",
    "test_print": "as test_repr",
    "test_repr_deep": "a list does not hold lists",
    "test_contains_fake": "CPython's fills the list with objects that equal everything",
    "test_contains_order": "CPython's fills the list with objects whose comparison acts",
    "test_count": "CPython's fills the list with objects that compare badly",
    "test_index": "CPython's fills the list with objects that compare badly",
    "test_remove": "CPython's fills the list with objects that compare badly",
    "test_addmul": "CPython's adds lists of lists, and subclasses the type under test",
    "test_imul": "CPython's repeats in place and expects the result of an operator to be of the same type",
    "test_repeat": "CPython's repeats lists of lists",
    "test_bigrepeat": "CPython's makes a list of 2**31 elements",
    "test_pickle": "a view cannot be pickled: test_views.py",
    "test_free_after_iterating": "CPython's subclasses the type under test",
    "test_extend": "CPython's extends by what claims to be of sys.maxsize elements; list() of it fails too",
    "test_copy": "copy() gives a list, and CPython's copies lists of lists",
    "test_sort": "a list is not sorted in place: sorted(view)",
    "test_exhausted_iterator": "iterators see the moment they were made at: what is appended later is not in it",
}


class Protocol(list_tests.CommonTest):
    @staticmethod
    def type2test(iterable=()):
        view = kevy.Store().List("list")
        view.extend(iterable)
        return view


for name in EXCEPTED:
    setattr(Protocol, name, None)


def test_every_exception_is_of_a_test_of_cpythons():
    gone = {"test_print"}  # of CPython 3.9
    assert all(reason and (name in gone or hasattr(list_tests.CommonTest, name)) for name, reason in EXCEPTED.items())
