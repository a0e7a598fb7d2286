import { expect, test } from 'vitest'
import { eventLine } from '../../../src/cli/fleet/eventLine.ts'
import { Running } from '../harness.ts'

const SENDER = { hostname: 'w@x', pid: 7, clock: 3, timestamp: 1_795_968_000.123456 }
const CALL = { name: 'shop.add', args: '(1, 2)', kwargs: "{'a': 'b'}" }
const EVENTS = [
  { ...SENDER, type: 'worker-online', freq: 2, active: 0, processed: 0, loadavg: [0.5, 1, 1.25], sw_ident: 'celeriac' },
  { ...SENDER, type: 'worker-heartbeat', freq: 2.5, timestamp: 1_795_971_110.191 },
  { ...SENDER, type: 'worker-offline' },
  { ...SENDER, type: 'task-received', uuid: 'id', ...CALL, root_id: 'id', parent_id: null, retries: 0, eta: null },
  { ...SENDER, type: 'task-started', uuid: 'id' },
  { ...SENDER, type: 'task-succeeded', uuid: 'id', result: '3', runtime: 0.25 },
  { ...SENDER, type: 'task-revoked', uuid: 'id', terminated: false, signum: null, expired: true },
]

const DUMPER = `
import json, sys
from celery.events.dumper import Dumper
dumper = Dumper()
for event in json.load(sys.stdin): dumper.on_event(event)
`

test("an event is on one line, as Celery's own dumper writes it", async () => {
  const lines = EVENTS.map((event) => eventLine(event, 'uuid' in event ? CALL : undefined))
  const dumper = new Running('/usr/bin/python3', ['-c', DUMPER], '/')
  dumper.child.stdin?.end(JSON.stringify(EVENTS))
  const { code, stdout } = await dumper.ended
  expect(code).toBe(0)
  expect(lines).toEqual(stdout.trimEnd().split('\n'))
})

test('what a terminal would obey is written as an escape', () => {
  const line = eventLine(
    {
      ...SENDER,
      hostname: 'w\u001b[2J@x',
      type: 'task-\u202eown',
      uuid: 'a\nb',
      note: 'x\r\u0007\u009b1A',
      deep: ['\u001b]0;'],
    },
    { name: 'shop\u2028.\ud800' },
  )
  expect(line).toMatch(/^[\x20-\x7e]+$/)
  expect(line).toContain('w\\u001b[2J@x')
  expect(line).toContain('shop\\u2028.\\ud800(a\\u000ab)')
  expect(line).toContain('note=x\\u000d\\u0007\\u009b1A')
})
