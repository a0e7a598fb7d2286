import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StoreUnavailableError } from 'celeriac'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Jobs, jobsFile } from '../jobs.ts'

describe('Jobs', () => {
  let folder = ''
  let path = ''

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'integral-jobs-'))
    path = join(folder, 'deep', 'integral.jobs.db')
  })

  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('counts from 0, goes on after a restart, and never gives a number twice', () => {
    const first = new Jobs(path)
    expect(['a', 'b', 'c'].map((task) => first.add(task))).toEqual([0, 1, 2])
    first.drop([1, 2])
    first.close()
    first.close()
    const second = new Jobs(path)
    expect(second.list()).toEqual([{ id: 0, task: 'a', since: expect.any(Number) }])
    expect(second.add('d')).toBe(3)
    expect(second.find(3)?.task).toBe('d')
    expect([second.find(1), second.find(4), second.find(-1)]).toEqual([undefined, undefined, undefined])
    second.close()
  })

  it('is shared by several', () => {
    const both = [new Jobs(path), new Jobs(path)] as const
    expect([both[0].add('a'), both[1].add('b'), both[0].add('c')]).toEqual([0, 1, 2])
    expect(both[1].list().map(({ task }) => task)).toEqual(['a', 'b', 'c'])
    for (const jobs of both) jobs.close()
  })

  it('refuses a task that has a number, and says where it cannot be opened', () => {
    const jobs = new Jobs(':memory:')
    jobs.add('a')
    expect(() => jobs.add('a')).toThrow(StoreUnavailableError)
    expect(jobs.add('b')).toBe(1)
    expect(() => new Jobs('/dev/null/x.db')).toThrow(/opening \/dev\/null\/x\.db/)
  })
})

describe('jobsFile', () => {
  it.each([
    ['sqlite:.celeriac/integral.db', '.celeriac/integral.jobs.db'],
    ['sqlite:///var/lib/a%20b/store', '/var/lib/a b/store.jobs.db'],
    ['memory:', ':memory:'],
    ['rpc://', ':memory:'],
    ['redis://localhost', '.celeriac/integral.redis-localhost.jobs.db'],
    ['redis://ann:secret@10.0.0.1:6380/2', '.celeriac/integral.redis-10.0.0.1-6380-2.jobs.db'],
  ])('of %s', (url, file) => expect(jobsFile(url)).toBe(file))
})
