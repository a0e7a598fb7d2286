import assert from 'node:assert/strict'
import { newKey, prefixOf } from '../../../payloads/payloadKey.ts'
import type { PayloadStore } from '../../../payloads/payloadStore.ts'
import { ArgumentError } from '../../../std/errors.ts'
import type { Kit } from '../../kit.ts'

/** An empty payload store, and how to leave it. */
export interface OpenedPayloads {
  readonly store: PayloadStore
  /** The same store, as another process has it. */
  readonly other: PayloadStore
  /** Remove it. */
  close(): Promise<void>
}

type Case = (name: string, body: (opened: OpenedPayloads) => Promise<void>) => void

/** What a payload store must do: each case is a sentence of the contract in `payloads/payloadStore.ts`. */
export function payloadSuite(kit: Kit, name: string, open: () => Promise<OpenedPayloads>): void {
  const it: Case = (title, body) => {
    kit.it(title, async () => {
      const opened = await open()
      try {
        await body(opened)
      } finally {
        await opened.close()
      }
    })
  }
  kit.describe(`payload store ${name}`, () => {
    keeping(it)
    reading(it)
    refusing(it)
    listing(it)
  })
}

const facts = { kind: 'input', made: 0, until: 0, queue: undefined } as const
const keyOf = (id: string): string => newKey({ ...facts, id })

async function read(store: PayloadStore, key: string, start?: number, end?: number): Promise<string | undefined> {
  const found = await store.get(key, start === undefined ? undefined : { start, end: end ?? start })
  if (!found) return undefined
  const bytes: Uint8Array[] = []
  for await (const chunk of found.body) bytes.push(chunk)
  return Buffer.concat(bytes).toString()
}

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array, void, void> {
  for (const text of texts) yield Buffer.from(text)
}

function keeping(it: Case): void {
  it('put, get: the bytes, whole, for all who share the store; from a stream, too', async ({ store, other }) => {
    const [one, two, empty] = [keyOf('one'), keyOf('one'), keyOf('~')]
    await store.put(one, Buffer.from('zwölf'))
    await store.put(two, chunks('a', '', 'bc'))
    await store.put(empty, new Uint8Array())
    assert.deepEqual([await read(other, one), await read(other, two), await read(other, empty)], ['zwölf', 'abc', ''])
    assert.equal((await other.get(one))?.size, 6)
    assert.equal(await other.get(keyOf('one')), undefined)
  })

  it('put: a second one of the same key replaces the first', async ({ store, other }) => {
    const key = keyOf('job')
    await store.put(key, Buffer.from('first'))
    await other.put(key, Buffer.from('2nd'))
    assert.equal(await read(store, key), '2nd')
  })

  it('put: where its stream fails, nothing is there', async ({ store }) => {
    const key = keyOf('job')
    async function* failing(): AsyncGenerator<Uint8Array, void, void> {
      yield Buffer.from('half')
      throw new Error('the source failed')
    }
    await assert.rejects(store.put(key, failing()))
    assert.equal(await store.get(key), undefined)
    assert.deepEqual(await store.list({ limit: 10 }), [])
  })
}

function reading(it: Case): void {
  it('get: a part, and the size of all', async ({ store }) => {
    const key = keyOf('job')
    await store.put(key, Buffer.from('0123456789'))
    assert.equal(await read(store, key, 2, 4), '234')
    assert.equal(await read(store, key, 8, 100), '89')
    assert.equal((await store.get(key, { start: 0, end: 0 }))?.size, 10)
  })

  it('get: several MiB, and a reader that leaves', async ({ store }) => {
    const key = keyOf('job')
    const bytes = Buffer.alloc(3_000_000, 'abc')
    await store.put(key, bytes)
    assert.equal(await read(store, key), bytes.toString())
    for await (const chunk of (await store.get(key))?.body ?? []) {
      assert.ok(chunk.length > 0)
      break
    }
    await store.delete([key])
    assert.equal(await store.get(key), undefined)
  })

  it('delete: these alone; unknown ones are no error', async ({ store, other }) => {
    const [one, two, three] = [keyOf('one'), keyOf('two'), keyOf('three')]
    for (const key of [one, two, three]) await store.put(key, Buffer.from(key))
    await other.delete([one, keyOf('none'), three])
    assert.deepEqual(
      [await store.get(one), await read(store, two), await store.get(three)],
      [undefined, two, undefined],
    )
    await store.delete([])
  })
}

function refusing(it: Case): void {
  it('keys that are no keys of celeriac are refused, whatever is done with them', async ({ store }) => {
    for (const key of [
      '',
      '.',
      '..',
      '../up',
      'a/../b',
      '/etc/passwd',
      'a//b',
      'a\0b',
      'a\\b',
      '.hidden',
      'ä',
      'x'.repeat(301),
    ]) {
      await assert.rejects(async () => store.put(key, Buffer.from('x')), ArgumentError, `put ${key}`)
      await assert.rejects(async () => store.get(key), ArgumentError, `get ${key}`)
      await assert.rejects(async () => store.delete([key]), ArgumentError, `delete ${key}`)
    }
  })
}

function listing(it: Case): void {
  it('list: all keys in order, page by page', async ({ store, other }) => {
    assert.deepEqual(await store.list({ limit: 10 }), [])
    const keys = Array.from({ length: 25 }, (_, at) => keyOf(`job-${at % 7}`)).sort()
    for (const key of keys) await store.put(key, Buffer.from('x'))
    const found: string[] = []
    for (let page = await other.list({ limit: 4 }); page.length > 0; ) {
      found.push(...page)
      page = page.length < 4 ? [] : await other.list({ limit: 4, after: page.at(-1) })
    }
    assert.deepEqual(found, keys)
  })

  it('list: those of one job, by their prefix', async ({ store }) => {
    const ids = ['job', 'job-1', 'jo', 'ein Job/..', 'x'.repeat(300)]
    for (const id of ids) for (const _ of [1, 2]) await store.put(keyOf(id), Buffer.from('x'))
    for (const id of ids) {
      const prefix = prefixOf(id)
      const found = await store.list({ prefix, limit: 10 })
      assert.equal(found.length, 2, id)
      assert.ok(found.every((key) => key.startsWith(prefix)))
      assert.deepEqual(await store.list({ prefix, after: found[0], limit: 10 }), found.slice(1))
    }
    assert.deepEqual(await store.list({ prefix: prefixOf('unknown'), limit: 10 }), [])
  })
}
