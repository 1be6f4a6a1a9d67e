"""What makes the connections of redis-py and of its forks sessions of a store: threads for the plain ones, tasks for asyncio's."""
