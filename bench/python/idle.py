"""redis-py's floor: a connection that does nothing, and answers the same to everything."""

import redis
from redis.connection import AbstractConnection


class Idle(AbstractConnection):
    host, port = "idle", 0

    def __init__(self, answer=None, **options):
        names = [name for name in options if name.startswith(("maint", "orig_", "oss_cluster_"))]
        super().__init__(**{name: options[name] for name in options if name not in names})
        self.answer = answer

    def repr_pieces(self):
        return []

    def connect(self):
        pass

    def disconnect(self, *args, **options):
        pass

    def can_read(self, timeout=0):
        return False

    def send_command(self, *args, **options):
        pass

    def pack_commands(self, commands):
        return commands

    def send_packed_command(self, command, check_health=True):
        pass

    def read_response(self, disable_decoding=False, **options):
        return self.answer


def client(answer):
    return redis.Redis(connection_pool=redis.ConnectionPool(connection_class=Idle, answer=answer))
