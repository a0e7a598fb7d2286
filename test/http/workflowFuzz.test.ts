import { expect, test } from 'vitest'
import type { Celeriac } from '../../src/index.ts'
import { random } from '../random.ts'
import { runs } from '../tier.ts'
import { build } from './house.ts'

const define = (app: Celeriac) => {
  app.task('tasks.hidden', () => 1)
  return [app.task('tasks.echo', (value: unknown) => value)]
}

const NAMES = [
  ...['celery.chain', 'celery.group', 'celery.chord', 'celery.map', 'celery.starmap', 'celery.chunks'],
  ...['tasks.echo', 'tasks.echo', 'tasks.echo', 'tasks.hidden', 'celery.accumulate', 'constructor', '__proto__', ''],
]
const OPTIONS = [
  ...['link', 'link_error', 'chain', 'chord', 'task_id', 'reply_to', 'countdown', 'eta', 'toString', 'owner'],
  ...['on_error', 'headers', 'stamps', 'stamped_headers'],
]

/** A document of random parts, right ones and wrong ones. */
function randomDocument(number: () => number, depth = 0): unknown {
  const pick = <Item>(list: readonly Item[]): Item => list[Math.floor(number() * list.length)] as Item
  const inner = (): unknown =>
    depth > 4 ? pick([null, 1, 'x', [], {}, { task: 'tasks.echo' }]) : randomDocument(number, depth + 1)
  const list = (): unknown => pick([() => inner(), () => [], () => [inner()], () => [inner(), inner()]])()
  if (number() < 0.08) return pick([null, true, 'celery.chain', 3, [], {}, [[[]]]])
  const option = pick(OPTIONS)
  return {
    task: pick(NAMES),
    ...(number() < 0.3 && { args: pick([[], [1], {}, null, 'x']) }),
    ...(number() < 0.8 && {
      kwargs: pick([
        () => ({}),
        () => ({ tasks: list() }),
        () => ({ header: list(), body: inner() }),
        () => ({ task: inner(), it: pick([[1, 2], [[1]], 'x', []]), ...(number() < 0.5 && { n: 1 }) }),
      ])(),
    }),
    ...(number() < 0.3 && {
      options: { [option]: option.startsWith('link') ? list() : pick([1, 'x', 'ignore', ['x'], inner()]) },
    }),
    ...(number() < 0.2 && { subtask_type: pick([null, 'chain', 'group', 'chord', 'map', {}]) }),
    ...(number() < 0.5 && { immutable: pick([true, true, false, 1]) }),
    ...(number() < 0.03 && { headers: {} }),
  }
}

test('no document of any form sends a task that is not exposed: it is sent, or refused as a problem', async () => {
  await using house = await build('memory:', define, {})
  const sent: string[] = []
  house.app.on('task:before-publish', ({ task }) => sent.push(task))
  const number = random(2026)
  const counts = { sent: 0, refused: 0 }
  for (let round = 0; round < runs(400); round++) {
    const document = randomDocument(number)
    const text = JSON.stringify(document)
    const { status, headers, json } = await house.post('/v1/workflows', document)
    if (status === 202) {
      counts.sent += 1
      expect(text).not.toMatch(/"task":"(?:tasks\.hidden|celery\.accumulate|constructor|__proto__)"/)
    } else {
      counts.refused += 1
      expect([text, status >= 400 && status < 500]).toEqual([text, true])
      expect(headers['content-type']).toBe('application/problem+json')
      expect(json.detail).not.toBe('')
    }
  }
  expect(counts.sent).toBeGreaterThan(0)
  expect(counts.refused).toBeGreaterThan(0)
  const allowed = new Set(['tasks.echo', 'celery.map', 'celery.starmap', 'celery.chunks'])
  expect(sent.filter((task) => !allowed.has(task))).toEqual([])
})
