import { expect, it } from 'vitest'
import { prepareSignature, SignaturePreparer } from '../../src/canvas/prepareSignature.ts'
import { parseConfig } from '../../src/config/config.ts'
import { taskData } from '../../src/protocol/canvas.ts'
import type { SignatureData } from '../../src/protocol/signature.ts'

const app = { config: parseConfig({ broker: 'memory:' }), tasks: new Map() }
const before = { id: 'parent', rootId: 'root', replyTo: 'replies', origin: 'test', context: { trace: 1 } }
const chord = taskData('sum', { options: { task_id: 'body' } })
const headers = { celeriac_job: { owner: 'me', tags: ['a'] }, own: 1 }

function member(at: number, options: Record<string, unknown> = {}, task = 'add'): SignatureData {
  const place = { task_id: `m${at}`, group_id: 'g', group_index: at, chord, headers }
  return taskData(task, { args: [at], kwargs: { at }, options: { ...place, ...options } })
}

it('prepares calls as each would be prepared alone, whatever came before', () => {
  const calls = [
    member(0),
    member(1),
    member(2, { queue: 'other' }),
    member(3, { queue: 'other' }),
    member(4, { countdown: 5, priority: 3, expires: 60 }),
    member(5, { countdown: 5, priority: 3, expires: 60 }),
    member(6, { ignore_result: true }),
    member(7, { ignore_result: true }),
    member(8, {}, 'mul'),
    member(9, { headers: { own: 2 } }),
    member(10, { chord: taskData('other', { options: { task_id: 'another' } }) }),
    member(11, { chord: undefined, stamped_headers: ['s'], s: 'v' }),
    member(12, { chord: undefined, stamped_headers: ['s'], s: 'w' }),
    member(13, { serializer: 'msgpack' }),
    member(14, { serializer: 'msgpack' }),
    member(15, { link: [taskData('next')] }),
  ]
  const now = Date.now()
  const preparer = new SignaturePreparer(before, app, now)
  for (const call of calls) expect(preparer.prepare(call)).toEqual(prepareSignature(call, before, app, now))
})
