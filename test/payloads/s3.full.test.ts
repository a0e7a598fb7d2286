import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { S3 } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { Celeriac } from '../../src/index.ts'
import { s3Payloads } from '../../src/payloads/s3.ts'
import { ArgumentError, StoreUnavailableError } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { payloadSuite } from '../../src/testing/suites/payloads/payloadSuite.ts'
import { within } from '../wait.ts'
import { folderOfTest, urlsOf, working } from './lab.ts'

/* Against s3rver, with the client of AWS. It makes its continuation tokens by a cipher that OpenSSL has retired. */

const SERVER = join(dirname(createRequire(import.meta.url).resolve('s3rver/package.json')), 'bin', 's3rver.js')

let folder: string
let server: ChildProcess
let endpoint: string
let buckets = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'celeriac-s3-'))
  const args = ['--openssl-legacy-provider', SERVER, '-d', folder, '-a', '127.0.0.1', '-p', '0']
  server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const lines = createInterface({ input: server.stdout as NodeJS.ReadableStream })
  const port = await within(
    () => 's3rver listens',
    new Promise<string>((resolve) => {
      lines.on('line', (line) => {
        const [, found] = /listening on [\d.]+:(\d+)/.exec(line) ?? []
        if (found) resolve(found)
      })
    }),
  )
  endpoint = `http://127.0.0.1:${port}`
})
afterAll(async () => {
  const ended = once(server, 'exit')
  server.kill()
  await ended
  await rm(folder, { recursive: true, force: true })
})

const clientAt = (url: string): S3 =>
  new S3({
    endpoint: url,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
  })

async function bucketOf(client: S3): Promise<string> {
  const bucket = `payloads-${buckets++}`
  await client.createBucket({ Bucket: bucket })
  return bucket
}

payloadSuite({ describe, it }, 'in a bucket', async () => {
  const [client, another] = [clientAt(endpoint), clientAt(endpoint)]
  const bucket = await bucketOf(client)
  return {
    store: s3Payloads({ client, bucket }),
    other: s3Payloads({ client: another, bucket }),
    close: async () => {
      client.destroy()
      another.destroy()
    },
  }
})

test('a task with a large input and a large result', async () => {
  const client = clientAt(endpoint)
  const bucket = await bucketOf(client)
  const store = s3Payloads({ client, bucket, prefix: 'shop/' })
  const urls = await urlsOf('sqlite', await folderOfTest())
  const app = new Celeriac({ ...urls, logger: createLogger('silent'), payloads: { store } })
  const echo = app.task('echo', (text: string) => text)
  await working(app)
  const text = 'größer '.repeat(20_000)
  const sent = await echo.delay(text)
  expect(await sent.get({ timeout: '30s' })).toBe(text)
  const { Contents = [] } = await client.listObjectsV2({ Bucket: bucket })
  expect(Contents.map(({ Key }) => Key?.startsWith('shop/'))).toEqual([true, true])
  await sent.forget()
  expect(await store.list({ limit: 10 })).toEqual([])
  client.destroy()
})

test('a server that is not there, or refuses, is a store that is unavailable', async () => {
  const client = clientAt('http://127.0.0.1:9')
  const store = s3Payloads({ client, bucket: 'none' })
  await expect(store.list({ limit: 1 })).rejects.toThrow(StoreUnavailableError)
  await expect(store.put('aa/bb/x', Buffer.from('x'))).rejects.toThrow(/payload store s3:\/\/none\/: cannot write: /)
  const refused = s3Payloads({ client: clientAt(endpoint), bucket: 'unknown-bucket' })
  await expect(refused.get('aa/bb/x')).rejects.toThrow(/cannot read: NoSuchBucket/)
})

test('a client that is none is refused', () => {
  expect(() => s3Payloads({ client: {} as never, bucket: 'b' })).toThrow(ArgumentError)
  expect(() => s3Payloads({ client: {} as never, bucket: 'b' })).toThrow(
    /expected the S3 of @aws-sdk\/client-s3, got one without putObject/,
  )
  expect(() => s3Payloads(undefined as never)).toThrow('s3Payloads: expected an object, got undefined')
  expect(() => s3Payloads({ client: clientAt(endpoint), bucket: 'b', prefx: 'p' } as never)).toThrow(
    's3Payloads: unknown option prefx; known are client, bucket, prefix, sign',
  )
  expect(() => s3Payloads({ client: clientAt(endpoint), bucket: '' })).toThrow(/bucket: expected 1 to 255/)
})
