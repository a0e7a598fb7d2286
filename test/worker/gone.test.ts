import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { startProxy } from '../../src/testing/proxy/tcpProxy.ts'
import { record, type Told, until, useLab } from '../app/lab.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'
import { definePools } from './modules/pools.ts'

const module = new URL('./modules/pools.ts', import.meta.url).href
const lab = useLab('rabbitmq', emptyRabbit)

/** Ids of these signals, in their order. */
function ids(told: readonly Told[], signal: Told['name']): string[] {
  return told.flatMap(({ name, event }) => (name === signal ? [(event as { id: string }).id] : []))
}

it('a message that its connection has taken back while it waited for a slot does not run for the first holder', {
  timeout: 60_000,
}, async () => {
  const proxy = await startProxy({ port: Number(new URL(lab().url).port) })
  lab().after(() => proxy.stop())
  const gate = join(mkdtempSync(join(tmpdir(), 'celeriac-gate-')), 'open')
  lab().after(() => rmSync(dirname(gate), { recursive: true }))
  const caller = definePools(lab().app())
  const app = definePools(lab().app({ broker: proxy.url(lab().url) }))
  const told = record(app)
  await lab().work(app, { module, taskPools: { threads: 1, processes: 1 } })
  const handles = [await caller.send('gated', [gate]), await caller.send('gated', [gate])]
  await until(() => ids(told, 'task:received').length === 2 && ids(told, 'task:prerun').length === 1)
  const [running] = ids(told, 'task:prerun') as [string]
  const waiting = handles.find(({ id }) => id !== running)?.id as string
  proxy.reset()
  proxy.resume()
  // Both are delivered again, and wait behind those that were held before.
  await until(() => ids(told, 'task:received').length === 4)
  writeFileSync(gate, '')
  for (const handle of handles) await handle.get({ timeout: '40s' })
  expect(ids(told, 'task:lost').toSorted()).toEqual([running, waiting].toSorted())
  expect(ids(told, 'task:prerun').filter((id) => id === waiting)).toHaveLength(1)
})
