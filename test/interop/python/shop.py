"""The Celery app of the interop tests: settings come as JSON in the variable INTEROP."""
import json
import os

from celery import Celery
from celery.backends.base import Backend
from celery.backends.redis import RedisBackend
from kombu import Exchange, Queue
from kombu.common import Broadcast

SETTINGS = json.loads(os.environ["INTEROP"])


class PollingRedis(RedisBackend):
    """Results in Redis, chords as of a backend that cannot join them: by the task celery.chord_unlock."""

    supports_native_join = False

    def apply_chord(self, header_result_args, body, **kwargs):
        return Backend.apply_chord(self, header_result_args, body, **kwargs)

    def on_chord_part_return(self, *args, **kwargs):
        pass

    def set_chord_size(self, *args, **kwargs):
        pass


def make_app(protocol=2):
    app = Celery("interop", broker=SETTINGS["broker"], backend=SETTINGS["backend"], set_as_current=False)
    serializer = SETTINGS.get("serializer", "json")
    app.conf.update(
        task_default_queue=SETTINGS.get("queue", "python"),
        task_queue_max_priority=SETTINGS.get("maxPriority"),
        worker_prefetch_multiplier=SETTINGS.get("prefetchMultiplier", 4),
        task_protocol=protocol,
        task_serializer=serializer,
        result_serializer=serializer,
        accept_content=["json", "msgpack"],
        result_accept_content=["json", "msgpack"],
        broker_transport_options=SETTINGS.get("transport", {}),
        beat_schedule=SETTINGS.get("beat", {}),
        beat_max_loop_interval=0.2,
        result_extended=SETTINGS.get("extended", False),
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
    )
    if SETTINGS.get("queueArguments"):
        name = app.conf.task_default_queue
        app.conf.task_queues = [Queue(name, Exchange(name), routing_key=name, queue_arguments=SETTINGS["queueArguments"])]
    if SETTINGS.get("exchanges"):
        name = app.conf.task_default_queue
        app.conf.task_queues = [
            Queue(name, Exchange(name), routing_key=name),
            Queue("py-feeds", Exchange("feeds", type="topic"), routing_key="feed.#"),
            Queue("py-images", Exchange("media", type="direct"), routing_key="image"),
            Broadcast("news"),
        ]
        app.conf.worker_direct = True
    return app
