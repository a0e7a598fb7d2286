import assert from 'node:assert/strict'
import type { ResultBackend } from '../../backend/backend.ts'
import type { ListFilter } from '../../backend/jobIndex.ts'
import type { SubmissionMetadata } from '../../backend/unitOfWork.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { FAILURE, PENDING, RETRY, REVOKED, STARTED, SUCCESS } from '../../protocol/states.ts'
import { ArgumentError } from '../../std/errors.ts'
import { type Case, jobsOf } from '../backendFixture.ts'
import { metaOf } from '../factories.ts'

const START = Date.parse('2026-11-01T10:00:00Z')

/** Adds records to the list, a second between each and the next. */
class Filler {
  readonly #backend: ResultBackend
  #count = 0

  constructor(backend: ResultBackend) {
    this.#backend = backend
  }

  async add(id: string, fields: Partial<TaskMeta> = {}, metadata: SubmissionMetadata = {}): Promise<void> {
    const date_submitted = new Date(START + this.#count++ * 1000).toISOString()
    await this.#backend.store(metaOf(id, PENDING, { name: 'task', ...fields, date_submitted }), undefined, metadata)
  }
}

function failed(type: string, message: string): Partial<TaskMeta> {
  return { status: FAILURE, result: { exc_type: type, exc_message: [message], exc_module: 'celeriac.errors' } }
}

/** Ids of all pages, in their order. */
async function search(backend: ResultBackend, filter: Omit<ListFilter, 'limit'>, limit = 2): Promise<string> {
  const found: string[] = []
  let cursor: string | undefined
  do {
    const page = await backend.jobs?.list({ ...filter, limit, cursor })
    assert.ok(page && page.metas.length <= limit)
    found.push(...page.metas.map(({ task_id }) => task_id))
    cursor = page.cursor
  } while (cursor !== undefined)
  return found.join(' ')
}

/** What `list` finds by a search. */
export function searching(it: Case): void {
  it('list: by words, each in the id, the name of the task, a tag or the error', async ({ backend }) => {
    const all = new Filler(backend)
    await all.add('job-a', { name: 'shop.Pay' })
    await all.add('job-b', { name: 'shop.refund', result: { note: 'needle' }, status: STARTED })
    await all.add('job-c', { name: 'mail.send', ...failed('SmtpError', 'no route to "mx\\1"\nfrom here') })
    await all.add('job-d', { name: 'mail.send', status: REVOKED, result: failed('TaskRevokedError', 'stop').result })
    await all.add('job-e', { name: 'mail.send', status: RETRY, result: failed('Busy', 'later').result })
    await all.add('job-f', { name: 'shop.pay', status: SUCCESS, result: 'needle', worker: 'needle', queue: 'needle' })
    await all.add('job-g', { ...failed('E', 'm'), traceback: 'needle' })
    const find = (q: string): Promise<string> => search(backend, { q })
    assert.equal(await find('job-'), 'job-g job-f job-e job-d job-c job-b job-a')
    assert.equal(await find('JOB-C'), 'job-c')
    assert.equal(await find('pay'), 'job-f job-a')
    assert.equal(await find(' SHOP\t\n job-a '), 'job-a')
    assert.equal(await find('send smtperror'), 'job-c')
    assert.equal(await find('"MX\\1" here mail.'), 'job-c')
    assert.equal(await find('revokederror'), 'job-d')
    assert.equal(await find('later'), 'job-e')
    assert.equal(await find('shop mail'), '')
    // What is found must be in one of them: a word is not pieced together.
    assert.equal(await find('job-amail'), '')
    assert.equal(await find('job-ashop'), '')
    assert.equal(await find('needle'), '')
  })

  it('list: by a search, no character is special', async ({ backend }) => {
    const all = new Filler(backend)
    const signs = ['50%', 'a_b', 'x*y', 'w\\v', '[a-z]+', '%d', '.^$', "o'clock", '"q"', '?', '(', 'n\u{1f331}m']
    for (const [at, sign] of signs.entries()) await all.add(`t${at}`, failed('E', `<${sign}>`))
    await all.add('plain', failed('E', '<500 aXb xzy abc>'))
    for (const [at, sign] of signs.entries()) assert.equal(await search(backend, { q: sign }), `t${at}`, sign)
    assert.equal(await search(backend, { q: '\\"q' }), '')
    assert.equal(await search(backend, { q: '%' }), 't5 t0')
  })
}

/** What is the same text, and what is no search. */
export function searchingText(it: Case): void {
  it('list: by a search, upper and lower case as Unicode has them', async ({ backend, other }) => {
    const all = new Filler(backend)
    await all.add('1', failed('E', 'ÄPFEL'))
    await all.add('2', { name: 'äpfel' })
    await all.add('3', failed('E', 'İZMİR'))
    await all.add('4', failed('E', 'ΟΔΟΣΑΝ'))
    await all.add('5', failed('E', 'οδος'))
    await all.add('6', failed('E', 'apfel'))
    assert.equal(await search(other, { q: 'äpfel' }), '2 1')
    assert.equal(await search(other, { q: 'ÄPF' }), '2 1')
    assert.equal(await search(other, { q: 'İzmİr' }), '3')
    assert.equal(await search(other, { q: 'i̇zmi̇r' }), '3')
    assert.equal(await search(other, { q: 'ΟΔΟΣ' }), '5 4')
    assert.equal(await search(other, { q: 'οδος' }), '5 4')
  })

  it('list: a search that is none is an ArgumentError', async ({ backend }) => {
    for (const q of ['', ' ', '\t\u00a0', 'x'.repeat(201), 'a\ud800', 'a\u0000b', '\u0007']) {
      await assert.rejects(jobsOf(backend).list({ limit: 1, q }), ArgumentError, JSON.stringify(q))
    }
    assert.equal(await search(backend, { q: '\u{1f331}'.repeat(200) }), '')
  })
}

/** A search together with whatever else a list is filtered by. */
export function searchingAmong(it: Case): void {
  it('list: by a search and all else, every record once, whatever comes meanwhile', async ({ backend, other }) => {
    const all = new Filler(backend)
    for (let at = 0; at < 24; at++) {
      const fields = at % 2 ? failed('E', at % 4 === 1 ? 'disk full' : 'no disk') : { name: 'even' }
      await all.add(`t${at}`, fields, { owner: at % 3 ? 'ann' : 'bob', tags: [at % 6 ? 'often' : 'Rare one'] })
    }
    assert.equal(await search(backend, { q: 'disk' }), 't23 t21 t19 t17 t15 t13 t11 t9 t7 t5 t3 t1')
    assert.equal(await search(backend, { q: 'disk full', owner: 'bob' }), 't21 t9')
    assert.equal(await search(backend, { q: 'full', owner: 'eve' }), '')
    assert.equal(await search(backend, { q: 'rare' }), 't18 t12 t6 t0')
    assert.equal(await search(backend, { q: 'rare', tag: 'often' }), '')
    assert.equal(await search(backend, { q: 'one', tag: 'Rare one', since: START + 12_000 }), 't18 t12')
    assert.equal(await search(backend, { q: 't1', state: PENDING, task: 'even' }, 1), 't18 t16 t14 t12 t10')
    assert.equal(await search(backend, { q: 't2', tasks: ['even', 'other'] }), 't22 t20 t2')
    assert.equal(await search(backend, { tasks: ['even', 'other'], since: START + 20_000 }), 't22 t20')
    assert.equal(await search(backend, { q: 't2', tasks: ['even'], task: 'task' }), '')
    const first = await jobsOf(backend).list({ limit: 2, q: 'full' })
    await all.add('later', failed('E', 'disk full'))
    await other.forget(['t17'])
    const rest = await jobsOf(backend).list({ limit: 1000, q: 'full', cursor: first.cursor })
    const found = [...first.metas, ...rest.metas].map(({ task_id }) => task_id).join(' ')
    assert.equal(found, 't21 t17 t13 t9 t5 t1')
  })
}
