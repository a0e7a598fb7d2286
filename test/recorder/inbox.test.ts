import { expect, it } from 'vitest'
import type { Event } from '../../src/protocol/event.ts'
import { Inbox } from '../../src/recorder/inbox.ts'

const event = (fields: object = {}): Event => ({
  type: 'task-started',
  hostname: 'w1',
  timestamp: 1,
  uuid: 'id',
  ...fields,
})

it('what is taken stays until it is dropped; what has no room is counted', () => {
  const inbox = new Inbox()
  for (let at = 0; at < 50_010; at++) inbox.add(event({ uuid: `id-${at % 7}` }), at)
  const taken = inbox.peek()
  expect([taken.texts.length, taken.ids.size]).toEqual([2500, 7])
  expect(taken.losses).toEqual([{ since: 50_000, until: 50_009, events: 10 }])
  inbox.add(event(), 60_000)
  expect(inbox.peek().losses).toHaveLength(2)
  inbox.drop(taken)
  expect(inbox.size).toBe(47_500)
  expect(inbox.peek().losses).toEqual([{ since: 60_000, until: 60_000, events: 1 }])
})

it.each([
  ['a bigint', { big: 10n }],
  ['a very long text', { note: 'x'.repeat(100_000) }],
  ['very many fields', Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`a${at}`, at]))],
  ['objects in each other', { deep: JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`) }],
])('an event with %s keeps what has a meaning', (_, fields) => {
  const inbox = new Inbox()
  inbox.add({ ...fields, ...event({ exception: 'E()' }) } as Event, 0)
  const [text = ''] = inbox.peek().texts
  expect(text.length).toBeLessThan(65_537)
  expect(JSON.parse(text)).toMatchObject({ type: 'task-started', hostname: 'w1', timestamp: 1, uuid: 'id' })
})
