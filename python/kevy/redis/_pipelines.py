"""What the pipelines of kevy.redis and kevy.redis.asyncio share."""

from redis.client import EMPTY_RESPONSE, NEVER_DECODE
from redis.exceptions import ConnectionError, ResponseError

# A pipeline's replies are there when its commands are sent: they are read by one call, and given what redis-py's parse_response gives
# each of them in turn. What it has more to say about takes its own way: commands that watch, options that tell how to read.

_WATCHES = frozenset(("WATCH", "UNWATCH", "DISCARD", "EXEC"))


def is_plain(commands):
    """Whether the replies of a pipeline's commands may be read together."""
    return not any(
        args[0] in _WATCHES or (options and (NEVER_DECODE in options or EMPTY_RESPONSE in options)) for args, options in commands
    )


def responses(callbacks, commands, replies):
    """What redis-py's pipelines make of replies: what the commands' callbacks make of them, errors as they are."""
    made = []
    for (args, options), reply in zip(commands, replies):
        if isinstance(reply, ConnectionError):
            raise reply
        if not isinstance(reply, ResponseError) and args[0] in callbacks:
            try:
                reply = callbacks[args[0]](reply, **{name: value for name, value in options.items() if name != "keys"})
            except ResponseError as error:
                reply = error
        made.append(reply)
    return made
