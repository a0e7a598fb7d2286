import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bearer } from '../../src/http/server/serve.ts'
import { type Celeriac, chain, chord, currentTask } from '../../src/index.ts'
import { until } from '../../src/testing/kit.ts'
import { Worker } from '../../src/worker/worker.ts'
import { type Answer, build, type House } from './house.ts'

/* `DELETE /v1/jobs/{id}` of the job of a workflow: all of it. */

const TOKENS = { 'a-token-of-ann-1234': 'ann', 'a-token-of-bob-1234': 'bob' }
const as = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
const [ANN, BOB] = Object.keys(TOKENS).map(as) as [Record<string, string>, Record<string, string>]

describe.each(['memory:', 'sqlite:', 'redis:'])('on %s', (store) => {
  const ran: string[] = []
  const ids: Record<string, string> = {}
  const define = (app: Celeriac) => {
    const step = app.task('step', (name: string) => void ran.push(name))
    const hold = app.task('hold', async (name: string) => {
      const { signal } = currentTask() as { signal: AbortSignal }
      ran.push(name)
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
    })
    // The jobs that it sends are its children: one is of the same owner, one of another.
    const spawn = app.task('spawn', async () => {
      ids.own = (await step.applyAsync(['own'], { countdown: '1h' })).id
      ids.bob = (await step.applyAsync(['bob'], { countdown: '1h', owner: 'bob' })).id
    })
    const join = app.task('join', () => void ran.push('join'))
    return [step, hold, spawn, join]
  }
  let house: House
  let worker: Worker
  const step = (name: string): object => ({ task: 'step', args: [name], immutable: true })
  const hold = (name: string): object => ({ task: 'hold', args: [name], immutable: true })
  const chainOf = (...tasks: unknown[]): object => ({ task: 'celery.chain', kwargs: { tasks } })
  const groupOf = (...tasks: unknown[]): object => ({ task: 'celery.group', kwargs: { tasks } })
  const submit = async (document: object): Promise<string> =>
    (await house.post('/v1/workflows', document, ANN)).headers.location as string
  const cancel = (path: string, headers = ANN): Promise<Answer> => house.ask('DELETE', path, { headers })
  const states = async (path: string): Promise<string[]> =>
    (await house.ask('GET', `${path}/workflow`, { headers: ANN })).json.nodes.flatMap(
      ({ kind, state }: { kind: string; state: string }) => (kind === 'task' ? [state] : []),
    )
  beforeAll(async () => {
    house = await build(store, define, { http: { authorize: bearer(TOKENS) } })
    worker = new Worker(house.app, { concurrency: 8 })
  })
  afterAll(async () => {
    await worker.stop({ grace: 0 })
    await house[Symbol.asyncDispose]()
  })

  test('what waits never runs; only its owner cancels it', async () => {
    const paths = [
      await submit(chainOf(step('a'), groupOf(step('b'), chainOf(step('c'), step('d'))), { task: 'join' })),
      await submit(chainOf(step('e'), step('f'))),
      await submit(chainOf(step('g'), groupOf(step('h'), step('i')))),
    ]
    for (const path of paths) {
      const refused = await cancel(path, BOB)
      expect([refused.status, refused.json.type]).toEqual([404, 'urn:celeriac:problem:unknown-job'])
      expect(await states(path)).not.toContain('REVOKED')
      const cancelled = await cancel(path)
      expect([cancelled.status, cancelled.json.state]).toEqual([200, 'REVOKED'])
      expect(new Set(await states(path))).toEqual(new Set(['REVOKED']))
      const again = await cancel(path)
      expect([again.status, again.json.type]).toEqual([409, 'urn:celeriac:problem:job-final'])
    }
    await worker.start()
    const after = await submit(step('after'))
    await until('a job after them', async () => ran.includes('after'))
    expect(ran).toEqual(['after'])
    await until('its end', async () => (await house.ask('GET', after, { headers: ANN })).json.state === 'SUCCESS')
  })

  test('running members of a header are asked to stop; the result is REVOKED, and the body never runs', async () => {
    ran.length = 0
    const header = [hold('a'), step('b'), chainOf(hold('c'), step('d'))]
    const path = await submit({
      task: 'celery.chord',
      kwargs: { header, body: chainOf({ task: 'join' }, step('z')) },
      options: { on_error: 'ignore' },
    })
    await until('its members to run', () => ran.length === 3)
    const cancelled = await cancel(path)
    expect([200, 202]).toContain(cancelled.status)
    expect(cancelled.json.state).toBe('REVOKED')
    await until('the end of each', async () => (await states(path)).every((state) => /REVOKED|SUCCESS/.test(state)))
    expect([...ran].sort()).toEqual(['a', 'b', 'c'])
  })

  test('what its tasks have sent is cancelled, too, but nothing of another owner', async () => {
    const path = await submit(chainOf({ task: 'spawn' }, { ...step('later'), options: { countdown: 3600 } }))
    await until('the first step', async () => (await states(path)).filter((state) => state === 'SUCCESS').length === 1)
    await until('its end', async () => (await house.app.result(ids.own as string).state()) === 'PENDING')
    expect((await cancel(path)).json.state).toBe('REVOKED')
    expect(await house.app.states([ids.own as string, ids.bob as string])).toEqual(['REVOKED', 'PENDING'])
  })

  test('with `tree`, all of a workflow that code has sent, by any job of it', async () => {
    const hour = { countdown: '1h' } as const
    const app = house.app
    const one = app.signature('step', ['one']).set(hour)
    const two = app.signature('step', ['two']).set(hour)
    const handle = await chain(chord([one, two], app.signature('join')), app.signature('join')).applyAsync([], {
      owner: 'ann',
    })
    const first = (await app.workflow(handle.id))?.rootId as string
    const alone = await house.ask('DELETE', `/v1/jobs/${first}?tree=perhaps`, { headers: ANN })
    expect([alone.status, alone.json.type]).toEqual([400, 'urn:celeriac:problem:invalid-query'])
    expect((await cancel(`/v1/jobs/${first}?tree=1`, BOB)).status).toBe(404)
    const cancelled = await cancel(`/v1/jobs/${first}?tree=1`)
    expect([cancelled.status, cancelled.json.state]).toEqual([200, 'REVOKED'])
    const tree = await app.workflow(first)
    expect(tree?.nodes.filter(({ kind }) => kind === 'task').map(({ state }) => state)).toEqual(
      Array.from({ length: 4 }, () => 'REVOKED'),
    )
    expect((await cancel(`/v1/jobs/${first}?tree=1`)).status).toBe(409)
  })
})
