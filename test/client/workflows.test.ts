import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClient, type WorkflowDocument, type WorkflowTree } from '../../src/client/client.ts'
import { bearer } from '../../src/http/server/serve.ts'
import { type Celeriac, chain, chord } from '../../src/index.ts'
import { build, type House } from '../http/house.ts'

/* The methods of the typed client for workflows, with a real server. */

const define = (app: Celeriac) => ({
  add: app.task('add', (x: number, y: number) => x + y),
  sum: app.task('sum', (list: readonly number[]) => list.reduce((all, one) => all + one, 0)),
  never: app.task('never', () => 1),
})
type Tasks = ReturnType<typeof define>

const TOKENS = { 'a-token-of-ann-1234': 'ann', 'a-token-of-bob-1234': 'bob' }

describe.each(['sqlite:', 'redis:'])('on %s', (store) => {
  let house: House
  let tasks: Tasks
  beforeAll(async () => {
    const expose = (app: Celeriac) => {
      tasks = define(app)
      return Object.values(tasks)
    }
    house = await build(store, expose, { worker: true, http: { authorize: bearer(TOKENS) } })
  })
  afterAll(() => house[Symbol.asyncDispose]())
  const client = (name = 'ann') => createClient<Tasks>(house.server.url, { token: `a-token-of-${name}-1234` })

  test('a workflow itself, its data, and a document: the handle is that of the result', async () => {
    const { add, sum } = tasks
    const workflow = chain(add.s(1, 2), chord([add.s(10), add.s(20)], sum.s()))
    const document: WorkflowDocument = {
      task: 'celery.chord',
      kwargs: {
        header: [
          { task: 'add', args: [1, 1] },
          { task: 'add', args: [2, 2] },
        ],
        body: { task: 'sum' },
      },
      options: { stamps: { order: 'A-17' }, on_error: 'ignore', priority: 1 },
    }
    const results: unknown[] = []
    for (const one of [workflow, JSON.parse(JSON.stringify(workflow)), document])
      results.push(await (await client().submitWorkflow(one)).result({ timeout: 20_000 }))
    expect(results).toEqual([36, 36, 6])
  })

  test('the same key is the same workflow; options of a job that a workflow has not are refused', async () => {
    const document = { task: 'celery.group', kwargs: { tasks: [{ task: 'add', args: [1, 1] }] } }
    const options = { idempotencyKey: 'once' }
    const first = await client().submitWorkflow(document, options)
    expect((await client().submitWorkflow(document, options)).id).toBe(first.id)
    expect((await client().submitWorkflow(document)).id).not.toBe(first.id)
    const other = { task: 'add', args: [1, 2] }
    await expect(client().submitWorkflow(other, options)).rejects.toMatchObject({ kind: 'key-reused' })
    const withWebhook = { webhook: 'https://example.com/' } as never
    await expect(client().submitWorkflow(other, withWebhook)).rejects.toMatchObject({ kind: 'invalid-webhook' })
  })

  test('the tree, for its owner; a wrong document is a problem that says where', async () => {
    const { id, result } = await client().submitWorkflow(tasks.add.s(1, 2).pipe(tasks.add.s(3)))
    expect(result).toBeInstanceOf(Function)
    await client().job(id).result({ timeout: 20_000 })
    const tree: WorkflowTree = await client().workflow(id)
    expect(tree).toMatchObject({ id, state: 'SUCCESS', total: 2, done: 2 })
    expect(tree.edges).toEqual([{ from: tree.rootId, to: id, kind: 'next' }])
    await expect(client('bob').workflow(id)).rejects.toMatchObject({ kind: 'unknown-job', status: 404 })
    const reason = new Error('enough')
    await expect(client().workflow(id, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const wrong = { task: 'celery.chain', kwargs: { tasks: [{ task: 'add', args: [1, 2] }, { task: 'no' }] } }
    await expect(client().submitWorkflow(wrong)).rejects.toMatchObject({
      kind: 'unknown-task',
      message: expect.stringContaining('chain[1]: '),
    })
  })

  test('cancel: all of it', async () => {
    const { add, never } = tasks
    const workflow = chain(never.s().set({ countdown: '1h' }), add.si(1, 1), add.s(2))
    const job = await client().submitWorkflow(workflow)
    await expect(client('bob').cancel(job.id)).rejects.toMatchObject({ kind: 'unknown-job' })
    expect((await job.cancel()).state).toBe('REVOKED')
    await expect(job.result()).rejects.toMatchObject({ kind: 'job-revoked' })
    expect((await client().workflow(job.id)).nodes.map(({ state }) => state)).toEqual(Array(3).fill('REVOKED'))
    await expect(job.cancel()).rejects.toMatchObject({ kind: 'job-final' })
  })
})
