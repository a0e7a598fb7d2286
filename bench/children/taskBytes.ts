/*
 * The bytes of a task as celeriac writes them, for the bare loops: the same headers and lengths, with the task's number as its argument.
 */

/** An id of 36 characters that holds the task's number. */
export function idOf(task: number): string {
  return `01987c2a-5b1e-7d3f-9a4c-${task.toString(16).padStart(12, '0')}`
}

export function taskOf(id: string): number {
  return Number.parseInt(id.slice(24), 16)
}

export function headersOf(task: number): Readonly<Record<string, unknown>> {
  const id = idOf(task)
  return {
    lang: 'py',
    task: 'bench.noop',
    id,
    shadow: null,
    eta: null,
    expires: null,
    group: null,
    group_index: null,
    retries: 0,
    timelimit: [null, null],
    root_id: id,
    parent_id: null,
    argsrepr: `(${task},)`,
    kwargsrepr: '{}',
    origin: 'gen12345@localhost',
    ignore_result: false,
    replaced_task_nesting: 0,
    stamped_headers: null,
    stamps: {},
  }
}

export function bodyOf(task: number): string {
  return `[[${task}],{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]`
}

/** The message as kombu lays it out on Redis: JSON. */
export function envelopeOf(task: number): string {
  const id = idOf(task)
  return JSON.stringify({
    body: Buffer.from(bodyOf(task)).toString('base64'),
    'content-encoding': 'utf-8',
    'content-type': 'application/json',
    headers: headersOf(task),
    properties: {
      correlation_id: id,
      reply_to: '',
      delivery_mode: 2,
      delivery_info: { exchange: '', routing_key: 'celery' },
      priority: 0,
      body_encoding: 'base64',
      delivery_tag: id,
    },
  })
}

/** The first record of a task, and its last one, of the lengths that celeriac's have. */
export function recordOf(task: number, status: 'PENDING' | 'SUCCESS'): string {
  return JSON.stringify({
    status,
    date_submitted: '2026-11-28T00:00:00.000Z',
    task_id: idOf(task),
    result: null,
    traceback: null,
    date_done: status === 'SUCCESS' ? '2026-11-28T00:00:00.000000+00:00' : null,
    children: [],
    name: 'bench.noop',
    queue: 'celery',
    retries: 0,
    parent_id: null,
    ...(status === 'SUCCESS' && { worker: 'celery@localhost' }),
  })
}
