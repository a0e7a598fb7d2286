"""Celery's own schedules, asked by lines of JSON on stdin and answered so, one line each."""
import json
import sys
from datetime import datetime

from celery import Celery
from celery.schedules import crontab, solar

APPS = {}


def app_of(tz):
    if tz not in APPS:
        APPS[tz] = Celery(set_as_current=False)
        APPS[tz].conf.timezone = tz
    return APPS[tz]


def following(make, app, after, count, mend):
    # As beat keeps it: Celery reads hour and day off the moment as it is given.
    moment = datetime.fromtimestamp(after / 1000, app.timezone)
    found = []
    schedule = make(app=app, nowfun=lambda: moment)
    if mend:
        schedule.cal.horizon = "-18"
    for _ in range(count):
        delta = schedule.remaining_estimate(moment)
        moment = (moment + delta).astimezone(app.timezone)
        found.append(round(moment.timestamp() * 1000))
    return found


def answer(question):
    kind, words, after, count = (question[name] for name in ("kind", "words", "after", "count"))
    app = app_of(question.get("tz", "UTC"))
    make = (lambda **more: crontab(**words, **more)) if kind == "crontab" else (lambda **more: solar(**words, **more))
    return {"due": following(make, app, after, count, question.get("mend"))}


for line in sys.stdin:
    try:
        reply = answer(json.loads(line))
    except Exception as error:
        reply = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(reply), flush=True)
