import { expect, test } from 'vitest'
import { banner } from '../../src/worker/banner.ts'

const FACTS = {
  version: '1.2.3',
  hostname: 'celery@host',
  app: 'shop',
  module: 'tasks.ts',
  broker: 'redis://:s3cret@host/0',
  backend: 'redis://user:s3cret@host/1',
  pools: [
    { kind: 'threads', size: 4 },
    { kind: 'inline', size: 100 },
  ],
  queues: ['fast', 'slow'],
  tasks: ['b.two', 'a.one'],
}

test('everything that a worker is, without passwords', () => {
  expect(banner(FACTS)).toBe(`
 celeriac v1.2.3 · celery@host

 [config]
 .> app:         shop (tasks.ts)
 .> transport:   redis://:**@host/0
 .> results:     redis://user:**@host/1
 .> concurrency: 4 (threads), 100 (inline)

 [queues]
 .> fast
 .> slow

 [tasks]
  . a.one
  . b.two
`)
})

test('between which sizes its own pool scales itself', () => {
  const text = banner({ ...FACTS, autoscale: { max: 10, min: 2 } })
  expect(text).toContain(' .> concurrency: 2 to 10 (threads), 100 (inline)\n')
})

test('no module, no tasks', () => {
  const text = banner({ ...FACTS, module: undefined, tasks: [] })
  expect(text).toContain(' .> app:         shop\n')
  expect(text).toContain(' [tasks]\n  (none)\n')
})

test('how the broker is used, where that is not the usual way', () => {
  const text = banner({ ...FACTS, note: 'behind a pool' })
  expect(text).toContain(' .> transport:   redis://:**@host/0\n                 (behind a pool)\n .> results:')
})
