import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { aesGcm } from '../../src/codec/aesGcm.ts'
import { Seals } from '../../src/codec/seals.ts'
import { encodeTask, NOTHING_EMBEDDED } from '../../src/protocol/message.ts'
import type { TaskMeta } from '../../src/protocol/result.ts'
import { metaOf } from '../../src/testing/factories.ts'

/* What a codec costs a task, beside the calls of node:crypto that it makes: client and worker together. */

/** About 2 ms: most rounds end before the machine gives their processor to another process. */
const RUNS = 20
const ROUNDS = 3000
const LIMIT = 1.3

const id = '01a22ae6-8372-78d2-b916-0f0c6f152f80'
const key = randomBytes(32)
const master = createSecretKey(key)

/** The same calls of node:crypto, on the same bytes: one text is sealed and opened once. */
function cryptoAlone(text: Buffer, place: Buffer): Buffer {
  const salt = randomBytes(16)
  const sealing = Buffer.from(hkdfSync('sha256', master, salt, 'celeriac-codec v1', 44))
  const cipher = createCipheriv('aes-256-gcm', sealing.subarray(0, 32), sealing.subarray(32))
  cipher.setAAD(place)
  const sealed = cipher.update(text)
  cipher.final()
  const tag = cipher.getAuthTag()
  const opening = Buffer.from(hkdfSync('sha256', master, salt, 'celeriac-codec v1', 44))
  const decipher = createDecipheriv('aes-256-gcm', opening.subarray(0, 32), opening.subarray(32), { authTagLength: 16 })
  decipher.setAAD(place)
  decipher.setAuthTag(tag)
  const opened = decipher.update(sealed)
  decipher.final()
  return opened
}

/** µs of one run. */
function timeOf(run: () => unknown): number {
  const begin = performance.now()
  for (let count = 0; count < RUNS; count++) run()
  return ((performance.now() - begin) / RUNS) * 1000
}

test('sealing and opening the arguments and the result of a task costs little more than node:crypto alone', () => {
  const seals = new Seals(aesGcm({ keys: { k: key } }), 'json')
  const args = [{ card: '4111 1111 1111 1111', name: 'Mara', items: [1, 2, 3] }, 5]
  const call = { id, task: 'pay', args, kwargs: {}, embed: NOTHING_EMBEDDED, retries: 0, rootId: id }
  const envelope = encodeTask({ ...call, ignoreResult: false, headers: {}, argsrepr: '…', kwargsrepr: '…' }, 'json')
  const meta = metaOf(id, 'SUCCESS', { result: { paid: true, sum: 12, text: 'thanks' } })
  const [body, result] = [Buffer.from(envelope.body as string), Buffer.from(JSON.stringify([meta.result, null]))]
  const [one, other] = [Buffer.from(`${id}\0message`), Buffer.from(`${id}\0result`)]
  let stored: TaskMeta = seals.records.seal(meta)
  const sealed = (): void => {
    seals.messages.open(seals.messages.seal(envelope))
    stored = seals.records.open(seals.records.seal(meta))
  }
  const alone = (): void => {
    cryptoAlone(body, one)
    cryptoAlone(result, other)
  }
  // The shortest of many short rounds: others use the machine, too.
  let [own, base] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let round = 0; round < ROUNDS; round++) {
    base = Math.min(base, timeOf(alone))
    own = Math.min(own, timeOf(sealed))
  }
  expect(stored).toEqual(meta)
  const ratio = own / base
  console.log(
    `codec: ${own.toFixed(1)} µs for a task, node:crypto alone ${base.toFixed(1)} µs: ${ratio.toFixed(2)} times`,
  )
  expect(ratio).toBeLessThanOrEqual(LIMIT)
})
