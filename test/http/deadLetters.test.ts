import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../../src/client/client.ts'
import type { Celeriac } from '../../src/index.ts'
import { Reject } from '../../src/std/errors.ts'
import { Worker } from '../../src/worker/worker.ts'
import { until } from '../app/lab.ts'
import { Contract, ValidatingProxy } from './contract.ts'
import { build, type House } from './house.ts'
import { ANN, authorize, BOB, ROOT } from './people.ts'

const tokenOf = ({ authorization }: { readonly authorization: string }): string => authorization.slice('Bearer '.length)

let house: House
let proxy: ValidatingProxy
let isBroken = true
beforeAll(async () => {
  house = await build('memory:', define, { http: { authorize } })
  const document = (await house.ask('GET', '/openapi.json', { headers: ROOT })).json
  proxy = await ValidatingProxy.start(`http://127.0.0.1:${house.server.port}`, new Contract(document))
})
afterAll(async () => {
  await proxy.stop()
  await house[Symbol.asyncDispose]()
})

function define(app: Celeriac) {
  app.task('hidden', () => {
    throw new Reject('hidden')
  })
  const mail = app.task('mail', (to: string) => {
    if (isBroken) throw new Reject(`no address ${to}`)
    return to
  })
  const pay = app.task(
    'pay',
    (card: { number: string; holder: string }) => {
      throw new Reject(`the bank of ${card.holder} refuses ${card.number}`)
    },
    { sensitive: ['card.number'] },
  )
  return [mail, pay]
}

test('the typed client lists, shows, edits, sends again and drops; each sees their own alone', async () => {
  const [ann, bob, root] = [ANN, BOB, ROOT].map((person) => createClient(proxy.url, { token: tokenOf(person) }))
  if (!ann || !bob || !root) throw new Error('no clients')
  const one = await ann.submit('mail' as never, ['a'] as never)
  const two = await bob.submit('mail' as never, ['b'] as never)
  const { id: hidden } = await house.app.send('hidden', [], { owner: 'ann' })
  const worker = new Worker(house.app, { logger: false })
  await worker.start()
  await until(async () => (await house.app.deadLetters.count()).celery === 3)

  const { letters } = await ann.deadLetters.list({ reason: 'rejected', error: 'NO ADDRESS' })
  expect(letters).toMatchObject([
    { id: one.id, task: 'mail', queue: 'celery', owner: 'ann', error: { message: 'no address a' }, deaths: [] },
  ])
  expect((await root.deadLetters.list()).letters.map(({ id }) => id).toSorted()).toEqual(
    [one.id, two.id, hidden].toSorted(),
  )
  const page = await root.deadLetters.list({ limit: 2 })
  expect((await root.deadLetters.list({ limit: 2, cursor: page.cursor })).letters).toHaveLength(1)
  expect(await ann.deadLetters.get(one.id)).toMatchObject({ args: ['a'], kwargs: {} })

  // What is another's, or of a task that is not exposed, does not exist.
  for (const id of [two.id, hidden, 'none']) {
    await expect(ann.deadLetters.get(id)).rejects.toMatchObject({ status: 404 })
    await expect(ann.deadLetters.redrive(id)).rejects.toMatchObject({ status: 404 })
    await expect(ann.deadLetters.drop(id)).rejects.toMatchObject({ status: 404 })
  }
  await expect(ann.deadLetters.list({ owner: 'bob' })).rejects.toMatchObject({ status: 403 })
  await expect(ann.deadLetters.edit(one.id, ['x'])).rejects.toMatchObject({ status: 403 })
  expect(await ann.deadLetters.redrive({ all: true, dryRun: true })).toEqual({
    ...{ ids: [one.id], succeeded: [], gone: [] },
  })

  const long = 12_345_678_901_234_567_890n
  expect(await root.deadLetters.edit(one.id, [long])).toMatchObject({ args: [long] })
  expect(await root.deadLetters.edit(one.id, ['edited'])).toMatchObject({ args: ['edited'] })
  isBroken = false
  expect(await ann.deadLetters.redrive(one.id)).toEqual({ ids: [one.id], succeeded: [], gone: [] })
  expect(await ann.job(one.id).result()).toBe('edited')
  expect(await bob.deadLetters.redrive({ task: 'mail', rate: '100/s', limit: 5 })).toMatchObject({ ids: [two.id] })
  expect(await bob.job(two.id).result()).toBe('b')
  expect(await root.deadLetters.drop({ task: 'hidden', dryRun: true })).toEqual([hidden])
  expect(await root.deadLetters.drop(hidden)).toEqual([hidden])
  expect((await root.deadLetters.list()).letters).toEqual([])
  await worker.stop()
})

test.each([
  ['GET', '?reason=tired', 'reason'],
  ['GET', '?limit=0', 'limit'],
  ['GET', '?cursor=x', 'cursor'],
  ['DELETE', '', 'filter'],
  ['DELETE', '?all=0', 'filter'],
  ['DELETE', '?all=1&rate=5/s', 'rate'],
  ['POST', '/redrive?all=1&rate=fast', 'rate'],
  ['POST', '/redrive?all=1&rate=0/s', 'rate'],
  ['POST', '/redrive', 'filter'],
])('%s /v1/dead%s is refused, with the parameter', async (method, query, parameter) => {
  const response = await fetch(`${proxy.url}/v1/dead${query}`, { method, headers: ROOT })
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ errors: [{ parameter }] })
})

test('what a task calls sensitive is shown neither in its input nor in its error, and is kept whole', async () => {
  const [ann, root] = [ANN, ROOT].map((person) => createClient(proxy.url, { token: tokenOf(person) }))
  if (!ann || !root) throw new Error('no clients')
  const card = { number: '4000-1234', holder: 'Ann' }
  const { id } = await ann.submit('pay' as never, [card] as never)
  const worker = new Worker(house.app, { logger: false })
  await worker.start()
  await until(async () => (await house.app.deadLetters.count()).celery === 1)
  await worker.stop()
  const seen = await ann.deadLetters.get(id)
  expect(seen).toMatchObject({ args: [{ number: '…', holder: 'Ann' }], kwargs: {} })
  expect(JSON.stringify(seen)).not.toContain(card.number)
  expect(await house.app.deadLetters.get(id)).toMatchObject({ args: [card] })
  expect(await root.deadLetters.edit(id, [{ ...card, number: '4000-5678' }])).toMatchObject({
    args: [{ number: '…', holder: 'Ann' }],
  })
  expect(await house.app.deadLetters.get(id)).toMatchObject({ args: [{ number: '4000-5678' }] })
  await root.deadLetters.drop(id)
})

test('every answer was as the document of the API says', () => {
  expect(proxy.contract.breaches).toEqual([])
})
