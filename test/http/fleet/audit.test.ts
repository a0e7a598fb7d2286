import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Auditor } from '../../../src/http/fleet/audit/auditor.ts'
import type { Celeriac } from '../../../src/index.ts'
import type { AuditEntry } from '../../../src/recorder/recording.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { createLogger } from '../../../src/std/log.ts'
import { type Answer, build, type House } from '../house.ts'
import { authorize, PEOPLE } from './people.ts'

const define = (app: Celeriac) => [app.task('add', (x: number, y: number) => x + y)]
const HTTP = { authorize, fleet: true }

async function entriesOf(house: House, query = ''): Promise<AuditEntry[]> {
  const { json } = await house.ask('GET', `/v1/audit?limit=1000${query}`, { headers: PEOPLE.admin })
  return json.entries
}

test('each change, and each that is refused: who, what, to what, with which end; no secrets', async () => {
  await using house = await build('sqlite:', define, { http: HTTP })
  const ask = (method: string, path: string, headers: Record<string, string> = PEOPLE.operator): Promise<Answer> =>
    house.ask(method, path, { headers })
  await ask('POST', '/v1/queues/a%20b%2Fc/pause')
  await ask('DELETE', '/v1/queues/mail/messages?dryRun=1')
  await ask('DELETE', '/v1/queues/mail/messages?dryRun=1', PEOPLE.admin)
  await ask('DELETE', '/v1/jobs?task=add&dryRun=1')
  await ask('POST', '/v1/queues/q/pause', PEOPLE.viewer)
  await ask('POST', '/v1/queues/q/pause', {})
  await ask('POST', '/v1/queues/q/pause', { ...PEOPLE.admin, 'sec-fetch-site': 'cross-site' })
  await ask('POST', '/v1/nothing/here?token=hush&password=hush')
  await ask('POST', '/v1/waits/a-secret-token', { authorization: 'Bearer hush-hush-hush-hush' })
  await house.ask('POST', '/v1/workers/w@x/rate-limit', {
    headers: { ...PEOPLE.operator, 'content-type': 'application/json' },
    body: '{"task":"add","rate":"1/s"}',
  })
  // Of ordinary traffic only what is refused.
  const { id } = (await house.post('/v1/tasks/add', [1, 2], PEOPLE.owner)).json
  await house.post('/v1/tasks/add', [1, 2], PEOPLE.viewer)
  await ask('DELETE', `/v1/jobs/${id}`, PEOPLE.owner)
  const entries = (await entriesOf(house)).toReversed()
  expect(entries.map(({ who, action, target, status }) => [who, action, target, status])).toEqual([
    ['olga', 'queue.pause', 'queue a b/c', 204],
    ['olga', 'queue.purge', 'queue mail', 403],
    ['root', 'queue.purge', 'queue mail', 200],
    ['olga', 'job.revoke', 'jobs', 200],
    ['vic', 'queue.pause', 'queue q', 403],
    ['-', 'queue.pause', 'queue q', 401],
    ['-', 'queue.pause', 'queue q', 403],
    ['olga', 'none', '/v1/nothing/here', 404],
    ['-', 'wait.complete', 'wait [redacted]', 401],
    ['olga', 'worker.rate-limit', 'worker w@x', 404],
    ['vic', 'task.submit', 'task add', 403],
    ['ann', 'job.revoke', `job ${id}`, 200],
  ])
  expect(entries[2]?.details).toEqual({ query: { dryRun: '1' }, count: 0 })
  expect(entries[3]?.details).toEqual({ query: { task: 'add', dryRun: '1' } })
  expect(entries[5]?.details).toEqual({ problem: 'unauthorized' })
  expect(entries[6]?.details).toEqual({ problem: 'cross-origin' })
  expect(entries[7]?.details).toEqual({ query: { token: '[redacted]', password: '[redacted]' }, problem: 'not-found' })
  expect(entries[9]?.details).toEqual({ task: 'add', rate: '1/s', problem: 'unknown-worker' })
  expect(entries.every(({ address }) => address === '127.0.0.1')).toBe(true)
  expect(JSON.stringify(entries)).not.toContain('hush')
  expect((await entriesOf(house, '&who=root')).length).toBe(1)
  expect((await entriesOf(house, '&action=queue.pause')).length).toBe(4)
  expect(await entriesOf(house, '&since=2099-01-01')).toEqual([])
  expect(await entriesOf(house, '&until=2020-01-01')).toEqual([])
})

test('by page, and as a file: CSV that no program takes for formulas, and lines of JSON', async () => {
  await using house = await build('sqlite:', define, { http: HTTP })
  for (let at = 0; at < 7; at++)
    await house.ask('POST', `/v1/queues/${encodeURIComponent(`=q${at},"x"`)}/pause`, { headers: PEOPLE.operator })
  const get = (query: string, accept?: string): Promise<Answer> =>
    house.ask('GET', `/v1/audit${query}`, { headers: { ...PEOPLE.admin, ...(accept && { accept }) } })
  const seen: string[] = []
  let next: string | undefined = '?limit=3'
  while (next !== undefined) {
    const page: Answer = await get(next)
    seen.push(...page.json.entries.map(({ target }: AuditEntry) => target))
    const link = page.headers.link as string | undefined
    expect(link === undefined).toBe(page.json.cursor === undefined)
    next = link?.slice(link.indexOf('?'), link.indexOf('>'))
  }
  expect(seen).toHaveLength(7)
  const csv = await get('', 'text/csv')
  expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8; header=present')
  expect(csv.headers['content-disposition']).toBe('attachment; filename="audit.csv"')
  const lines = csv.text.split('\r\n')
  expect(lines).toHaveLength(9)
  expect(lines[0]).toBe('at,who,address,action,target,status,details')
  expect(lines[1]).toMatch(/^\d{4}-[^,]+Z,olga,127[.]0[.]0[.]1,queue[.]pause,"queue =q6,""x""",204,$/)
  const ndjson = await get('?limit=2', 'application/x-ndjson')
  expect(
    ndjson.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).who),
  ).toEqual(['olga', 'olga'])
  for (const query of ['?limit=0', '?cursor=x', '?since=soon', '?x=1', '?cursor=-1'])
    expect([query, (await get(query)).status]).toEqual([query, 400])
})

test('an id that begins as a formula is quoted in CSV', async () => {
  const http = { ...HTTP, authorize: () => ({ id: '=cmd()', scopes: ['admin'] }) }
  await using house = await build('sqlite:', define, { http })
  await house.ask('POST', '/v1/queues/q/pause')
  const { text } = await house.ask('GET', '/v1/audit', { headers: { accept: 'text/csv' } })
  expect(text).toContain(",'=cmd(),")
})

test('where the audit log cannot be opened, no change is made; ordinary calls and reads go on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'celeriac-audit-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const blocked = join(folder, 'file')
  await writeFile(blocked, '')
  const app = { recorder: { file: join(blocked, 'recorder.db') } } as never
  await using house = await build('sqlite:', define, { http: HTTP, app })
  const refused = await house.ask('POST', '/v1/queues/q/pause', { headers: PEOPLE.operator })
  expect(refused.json).toMatchObject({ status: 503, type: 'urn:celeriac:problem:audit-unavailable' })
  expect(refused.headers['retry-after']).toBe('5')
  expect(await house.app.limits.paused()).toEqual([])
  expect((await house.post('/v1/tasks/add', [1, 2], PEOPLE.owner)).status).toBe(202)
  expect((await house.ask('GET', '/v1/jobs', { headers: PEOPLE.viewer })).status).toBe(200)
})

test('an entry that cannot be written is in the log as a whole, is written later, and lets no change in meanwhile', async () => {
  const lines: string[] = []
  const logger = createLogger('info', { write: (line: string) => lines.push(line) })
  const written: AuditEntry[] = []
  let isFull = false
  const log = {
    audit: async (entry: AuditEntry) => {
      if (isFull) throw new Error('no space left on device')
      written.push(entry)
    },
    auditLog: async () => ({ entries: [] }),
  }
  const auditor = new Auditor(async () => log, logger, systemClock)
  const entry = (target: string) => ({ who: 'root', action: 'queue.purge', target, status: 200 })
  expect(await auditor.ready()).toBe(true)
  isFull = true
  await auditor.add(entry('queue one'))
  expect(lines.join()).toContain('"target":"queue one"')
  expect(await auditor.ready()).toBe(false)
  isFull = false
  expect(await auditor.ready()).toBe(true)
  await auditor.add(entry('queue two'))
  expect(written.map(({ target }) => target)).toEqual(['queue one', 'queue two'])
})

test('who sends requests without an identity does not fill the disk', async () => {
  await using house = await build('sqlite:', define, { http: HTTP })
  await Promise.all(Array.from({ length: 100 }, () => house.ask('POST', '/v1/queues/q/pause')))
  expect(await entriesOf(house)).toHaveLength(60)
})

test('with `recorder: false` the log of the app has the entries', async () => {
  const lines: string[] = []
  const logger = createLogger('info', { write: (line: string) => lines.push(line) })
  await using house = await build('sqlite:', define, { http: HTTP, app: { logger, recorder: false } as never })
  expect((await house.ask('POST', '/v1/queues/q/pause', { headers: PEOPLE.operator })).status).toBe(204)
  const entry = lines.map((line) => JSON.parse(line)).find(({ audit }) => audit)
  expect(entry?.audit).toMatchObject({ who: 'olga', action: 'queue.pause', target: 'queue q', status: 204 })
  const answer = await house.ask('GET', '/v1/audit', { headers: PEOPLE.admin })
  expect(answer.json).toMatchObject({ status: 501, type: 'urn:celeriac:problem:not-recorded' })
})
