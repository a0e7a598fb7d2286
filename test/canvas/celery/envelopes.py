"""Print workflows as Celery writes them, and the messages that Celery sends for them: `python3 envelopes.py > envelopes.jsonl`.

A line for each case: the signature as JSON, frozen or not; the arguments and the options of its call, as a worker calls what
follows from a task; the messages, as [headers, body].
"""
import itertools
import json

import celery
import celery.app.base
import celery.app.task
import celery.canvas
from celery import Celery, chain, chord, group, signature

ids = itertools.count()


def next_id():
    return 'id-%d' % next(ids)


celery.canvas.uuid = next_id
celery.app.task.uuid = next_id
celery.app.base.uuid = next_id

app = Celery('shop', broker='memory://', backend='cache+memory://', set_as_current=True)
app.conf.task_default_queue = 'celery'
sent = []


def send_task_message(producer, name, message, **options):
    headers, properties, body, _ = message
    keep = ['id', 'task', 'group', 'group_index', 'parent_id', 'root_id', 'retries', 'eta', 'expires']
    sent.append([{key: headers.get(key) for key in keep}, json.loads(json.dumps(body))])


app.amqp.send_task_message = send_task_message


@app.task(name='add')
def add(*args):
    return sum(args)


@app.task(name='tsum')
def tsum(values):
    return sum(values)


@app.task(name='note')
def note(*args):
    return args


def two():
    return group(add.s(1), add.s(2))


CASES = {
    'task': lambda: add.s(1),
    'immutable task': lambda: add.si(1, 2),
    'task with links': lambda: add.s(1).on_error(note.s('oh')).set(link=[note.s('one').clone(), note.si('two')]),
    'chain': lambda: chain(add.s(1), add.s(2), add.s(3)),
    'chain in a chain': lambda: chain(add.s(1), chain(add.s(2), add.s(3)), add.s(4)),
    'group': two,
    'group in a group': lambda: group(add.s(1), group(add.s(2), add.s(3)), add.s(4)),
    'group of chains': lambda: group(chain(add.s(1), add.s(2)), chain(add.s(3), add.s(4))),
    'chord': lambda: chord([add.s(1), add.s(2)], tsum.s()),
    'chord with errbacks': lambda: chord([add.s(1), add.s(2)], tsum.s().on_error(note.s('oh'))),
    'chord of chains': lambda: chord([chain(add.s(1), add.s(2)), add.s(3)], tsum.s()),
    'chord with a chain as its body': lambda: chord([add.s(1), add.s(2)], chain(tsum.s(), add.s(10))),
    'chord with a group as its body': lambda: chord([add.s(1), add.s(2)], group(tsum.s(), note.s())),
    'chord in a header': lambda: chord([chord([add.s(1), add.s(2)], tsum.s()), add.s(3)], tsum.s()),
    'group, task': lambda: chain(two(), tsum.s()),
    'group, task, task': lambda: chain(two(), tsum.s(), add.s(9)),
    'task, group': lambda: chain(add.s(1), two()),
    'task, group, task': lambda: chain(add.s(1), two(), tsum.s()),
    'group, group, task': lambda: chain(two(), group(note.s('a'), note.s('b')), note.s()),
    'chain that ends with a group in a header': lambda: chord([chain(add.s(1), two()), add.s(3)], tsum.s()),
    'map': lambda: add.map([1, 2]),
    'starmap': lambda: add.starmap([(1, 2), (3, 4)]),
    'chunks': lambda: add.chunks([(1, 2), (3, 4), (5, 6)], 2).group(),
}


def case(make, frozen):
    made = make()
    if frozen:
        made.freeze(root_id='root')
    data = json.loads(json.dumps(made))
    sent.clear()
    signature(json.loads(json.dumps(data)), app=app).apply_async((100,), parent_id='parent', root_id='root')
    return {'signature': data, 'sent': list(sent)}


print(json.dumps({'celery': celery.__version__}))
for title, make in CASES.items():
    made = {name: case(make, frozen) for name, frozen in [('new', False), ('frozen', True)]}
    print(json.dumps({'title': title, **made}, sort_keys=True))
