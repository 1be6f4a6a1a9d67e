# What Store.cached() makes of a function. The rest of the module is its own.

import datetime
from collections.abc import Callable, Coroutine
from typing import Any, Generic, NamedTuple, TypeVar, Union, overload, type_check_only

from typing_extensions import Concatenate, ParamSpec, Protocol, Self, TypeAlias

from kevy._kevy import Store

_P = ParamSpec("_P")
_Q = ParamSpec("_Q")
_O = TypeVar("_O")
_R = TypeVar("_R")
_Seconds: TypeAlias = Union[int, float, datetime.timedelta]
_Codec: TypeAlias = Union[str, tuple[Callable[[Any], Union[str, bytes, int, float]], Callable[[Any], Any]]]

class CacheInfo(NamedTuple):
    hits: int
    misses: int
    stale: int
    shared: int
    unstored: int

class Cached(Generic[_P, _R]):
    __wrapped__: Callable[_P, _R]
    __name__: str
    def __init__(self, store: Store, function: Callable[_P, _R], ttl: float | None, key: Callable[..., object] | None,
                 prefix: str | None, codec: _Codec | None, stale: float | None, lock: bool | float) -> None: ...
    def cache_key(self, /, *args: Any, **kwargs: Any) -> str | bytes: ...
    def cache_info(self) -> CacheInfo: ...
    def invalidate(self, /, *args: Any, **kwargs: Any) -> bool: ...
    def cache_clear(self) -> int: ...
    def __get__(self, owner: Any, kind: type | None = None) -> Any: ...

class CachedFunction(Cached[_P, _R]):
    def __call__(self, /, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...
    @overload
    def __get__(self, owner: None, kind: type | None = None) -> Self: ...
    @overload
    def __get__(self: CachedFunction[Concatenate[_O, _Q], _R], owner: _O, kind: type | None = None) -> CachedFunction[_Q, _R]: ...

class CachedCoroutine(Cached[_P, _R]):
    async def __call__(self, /, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...
    @overload
    def __get__(self, owner: None, kind: type | None = None) -> Self: ...
    @overload
    def __get__(self: CachedCoroutine[Concatenate[_O, _Q], _R], owner: _O, kind: type | None = None) -> CachedCoroutine[_Q, _R]: ...

@type_check_only
class _Decorator(Protocol):
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[_P, Coroutine[Any, Any, _R]], /
    ) -> CachedCoroutine[_P, _R]: ...
    @overload
    def __call__(self, function: Callable[_P, _R], /) -> CachedFunction[_P, _R]: ...

def cached(store: Store, function: Callable[..., Any] | None = None, /, *, ttl: _Seconds | None = None,
           key: Callable[..., object] | None = None, prefix: str | None = None, codec: _Codec | None = None,
           stale: _Seconds | None = None, lock: bool | _Seconds = False) -> Any: ...
