"""CPython's own tests of mappings (test.mapping_tests), on kevy.Store, kevy.Hash and kevy.ZSet.

Stores take keys that are str or bytes and values that are scalars; where a test of CPython's is about
what a dict holds beyond that, it is replaced or excepted below, with the reason."""

from test import mapping_tests

import kevy

EXCEPTED = {
    "test_fromkeys": "a Store opens memory; its constructor is no bag of keys, so it has no fromkeys",
    "test_copy": "Store.copy(a, b) is Redis's COPY; the moment of a store is snapshot(), its contents dict(s)",
    "test_repr": "a store may hold millions of keys: its repr names it and counts them",
    "test_repr_deep": "a store does not hold stores",
    "test_mutatingiteration": "mutation during iteration is defined: it sees the moment it began",
    "test_popitem": "CPython's expects two equal mappings to pop in the same order; stores hash by a secret each",
    "test_setdefault": "CPython's stores None and lists; test_mapping.py has what applies",
    "test_constructor": "the keyword arguments of Store are its options, not its contents",
    "test_eq": "CPython's uses keys that are objects",
}


def text_keys(data):
    """CPython's tests count with ints: the same as text."""
    return {str(k): v for k, v in data.items()}


class Protocol(mapping_tests.TestHashMappingProtocol):
    type2test = kevy.Store

    def _reference(self):
        return {"1": "2", "key1": "value1", "key2": b"1,2,3"}

    def _full_mapping(self, data):
        return super()._full_mapping(text_keys(data))

    # The same as CPython's, where its own counts with int keys or keys that are objects.

    def test_items(self):
        mapping_tests.BasicTestMappingProtocol.test_items(self)
        self.assertEqual(list(self._full_mapping({1: 2}).items()), [("1", 2)])

    def test_clear(self):
        d = self._full_mapping({1: 1, 2: 2, 3: 3})
        d.clear()
        self.assertEqual(d, {})
        self.assertRaises(TypeError, d.clear, None)

    def test_update(self):
        mapping_tests.BasicTestMappingProtocol.test_update(self)
        d = self._empty_mapping()
        d.update({"1": 1, "2": 2, "3": 3})
        d.update()
        self.assertEqual(d, {"1": 1, "2": 2, "3": 3})
        d = self._empty_mapping()
        d.update(x=100)
        d.update([("x", 100), ("y", 20)], x=1, y=2)
        self.assertEqual(d, {"x": 1, "y": 2})
        d = self._full_mapping({1: 3, 2: 4})
        d.update(self._full_mapping({1: 2, 3: 4, 5: 6}).items())
        self.assertEqual(d, {"1": 2, "2": 4, "3": 4, "5": 6})

    def test_getitem(self):
        mapping_tests.TestMappingProtocol.test_getitem(self)

    def test_pop(self):
        mapping_tests.TestMappingProtocol.test_pop(self)

    def test_popitem(self):
        mapping_tests.BasicTestMappingProtocol.test_popitem(self)
        for size in (1, 2, 64, 2048):
            a = self._full_mapping({i: i for i in range(size)})
            for _ in range(size):
                key, value = a.popitem()
                self.assertEqual(value, int(key))
            self.assertTrue(not a)

    def test_setdefault(self):
        mapping_tests.BasicTestMappingProtocol.test_setdefault(self)

    def test_constructor(self):
        mapping_tests.BasicTestMappingProtocol.test_constructor(self)
        self.assertIsNot(self._empty_mapping(), self._empty_mapping())

    def test_eq(self):
        self.assertEqual(self._empty_mapping(), self._empty_mapping())
        self.assertEqual(self._full_mapping({1: 2}), self._full_mapping({1: 2}))

    # What does not apply at all, refused in the way the reason says.

    def test_fromkeys(self):
        self.assertFalse(hasattr(kevy.Store, "fromkeys"))

    def test_copy(self):
        d = self._full_mapping({1: 1})
        self.assertRaises(TypeError, d.copy)
        self.assertTrue(d.copy("1", "2"))

    def test_repr(self):
        self.assertEqual(repr(self._full_mapping({1: 2})), "<kevy.Store mem://, 1 key>")

    def test_repr_deep(self):
        self.assertRaises(TypeError, self._empty_mapping().__setitem__, "1", self._empty_mapping())

    def test_mutatingiteration(self):
        d = self._full_mapping({1: 1})
        for key in d:
            d[key + "1"] = 1
        self.assertEqual(d, {"1": 1, "11": 1})


class HashProtocol(Protocol):
    """A hash under a key of a store; its fields may be ints."""

    @staticmethod
    def type2test(mapping=()):
        hash_ = kevy.Store().Hash("hash")
        hash_.update(mapping)
        return hash_

    def _full_mapping(self, data):
        return mapping_tests.TestHashMappingProtocol._full_mapping(self, data)

    def test_clear(self):
        mapping_tests.TestMappingProtocol.test_clear(self)

    def test_update(self):
        mapping_tests.BasicTestMappingProtocol.test_update(self)
        d = self._full_mapping({1: 3, 2: 4})
        d.update(self._full_mapping({1: 2, 3: 4, 5: 6}).items())
        self.assertEqual(d, {1: 2, 2: 4, 3: 4, 5: 6})

    def test_items(self):
        mapping_tests.TestMappingProtocol.test_items(self)

    def test_keys(self):
        mapping_tests.TestMappingProtocol.test_keys(self)

    def test_values(self):
        mapping_tests.TestMappingProtocol.test_values(self)

    def test_fromkeys(self):
        self.assertFalse(hasattr(kevy.Hash, "fromkeys"))

    def test_copy(self):
        self.assertEqual(self._full_mapping({1: 1}).copy(), {1: 1})

    def test_repr(self):
        self.assertEqual(repr(self._full_mapping({1: 2})), "<kevy.Hash 'hash', 1 field>")

    def test_mutatingiteration(self):
        d = self._full_mapping({1: 1})
        for key in d:
            d[key + 1] = 1
        self.assertEqual(d, {1: 1, 2: 1})


class ZSetProtocol(HashProtocol):
    """A sorted set: its values are scores."""

    @staticmethod
    def type2test(mapping=()):
        zset = kevy.Store().ZSet("zset")
        zset.update(mapping)
        return zset

    def _reference(self):
        return {"1": 2.0, "key1": -1.5, b"key2": float("inf")}

    def test_fromkeys(self):
        self.assertFalse(hasattr(kevy.ZSet, "fromkeys"))

    def test_repr(self):
        self.assertEqual(repr(self._full_mapping({1: 2})), "<kevy.ZSet 'zset', 1 member>")

    def test_bool(self):
        self.assertTrue(not self._empty_mapping())
        self.assertIs(bool(self._full_mapping({"x": 0})), True)

    def test_pop(self):
        mapping_tests.BasicTestMappingProtocol.test_pop(self)
        d = self._full_mapping({"abc": 5})
        self.assertEqual((d.pop("abc"), d.pop("abc", "def")), (5.0, "def"))
        self.assertRaises(KeyError, d.pop, "abc")

    def test_setdefault(self):
        d = self._empty_mapping()
        self.assertEqual(d.setdefault("a", 1), 1.0)
        self.assertRaises(TypeError, d.setdefault)
        self.assertRaises(TypeError, d.setdefault, "a")


def test_every_exception_replaces_a_test_of_cpythons():
    for name in EXCEPTED:
        assert hasattr(mapping_tests.TestHashMappingProtocol, name) and name in vars(Protocol)
