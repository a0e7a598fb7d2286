"""The Celery app of the interop tests: settings come as JSON in the variable INTEROP."""
import json
import os

from celery import Celery

SETTINGS = json.loads(os.environ["INTEROP"])


def make_app(protocol=2):
    app = Celery("interop", broker=SETTINGS["broker"], backend=SETTINGS["backend"], set_as_current=False)
    serializer = SETTINGS.get("serializer", "json")
    app.conf.update(
        task_default_queue=SETTINGS.get("queue", "python"),
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
    return app
