import { describe, expect, test } from 'vitest'
import { project, run, runShared, start } from './harness.ts'

const SCHEDULED = `
import { Celeriac, cron, every } from 'celeriac'

export const app = new Celeriac({ name: 'shop' })
const add = app.task('add', (x, y) => x + y)
app.schedule('ticks', every('1s'), { task: add, args: [1, 2] })
app.schedule('nightly', cron('30 2 * * *', { tz: 'Europe/Berlin' }), 'report')
`

const files = { 'tasks.ts': SCHEDULED }
const module = ['-A', 'tasks.ts']

describe('beat', () => {
  test('beside a worker: each run once; another one takes over', async () => {
    const folder = project(files)
    const worker = start(folder, ['worker', ...module, '-B'])
    await worker.until(/beat ready: 2 entries in sqlite:\/\S+\/\.celeriac\/celeriac\.db/)
    await worker.until(/Task add\S+ succeeded in \S+ 3/)
    const beat = start(folder, ['beat', ...module])
    await beat.until(/^beat of shop: 2 entries in sqlite:\/\S+\/\.celeriac\/celeriac\.db\n/)
    worker.child.kill('SIGTERM')
    expect(await worker.ended).toMatchObject({ code: 0 })
    await beat.until(/Schedule ticks sent add/)
    beat.child.kill('SIGINT')
    expect(await beat.ended).toMatchObject({ code: 0 })
    const moments = [...`${worker.stderr}${beat.stderr}`.matchAll(/"fire":"([^"]+)"/g)].map((found) => found[1])
    expect(new Set(moments).size).toBe(moments.length)
  })

  test('serve -B', async () => {
    const serve = start(project(files), ['serve', ...module, '-B', '--port', '0'])
    await serve.until(/HTTP API at/)
    await serve.until(/Schedule ticks sent add/)
    serve.child.kill('SIGTERM')
    expect(await serve.ended).toMatchObject({ code: 0 })
  })

  test('dev', async () => {
    const dev = start(project(files), ['dev', '--no-reload', '--port', '0'])
    await dev.until(/Task add\S+ succeeded/)
  })

  test('a store that does not answer: one line, exit code 1', async () => {
    const folder = project({ 'tasks.ts': SCHEDULED.replace("'shop'", "'shop', storeTimeout: '500ms'") })
    const ended = await run(folder, ['beat', ...module, '-b', 'redis://127.0.0.1:1/0'])
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^celeriac: redis:.*\n$/)
  })
})

describe('schedule', () => {
  test('list and next, before any beat has run', async () => {
    const folder = project(files)
    const { stdout } = await run(folder, ['schedule', 'list', ...module])
    const rows = stdout.split('\n').map((line) => line.split(/ {2,}/))
    expect(rows).toEqual([
      ['NAME', 'WHEN', 'TASK', 'NEXT', 'LAST', 'RUNS'],
      ['nightly', 'cron 30 2 * * * (Europe/Berlin)', 'report', expect.stringMatching(/T0[01]:30:00Z$/), '-', '0'],
      ['ticks', 'every 1s', 'add', expect.stringMatching(/Z$/), '-', '0'],
      [''],
    ])
    const listed = JSON.parse((await runShared(folder, ['schedule', 'list', ...module, '--json'])).stdout)
    expect(listed).toMatchObject([
      { name: 'nightly', source: 'code', task: 'report', paused: false },
      { name: 'ticks', task: 'add', args: [1, 2], when: 'every 1s', schedule: { kind: 'every', interval: 1000 } },
    ])
    const next = (await runShared(folder, ['schedule', 'next', 'ticks', ...module])).stdout.trim().split('\n')
    expect(next).toHaveLength(10)
    expect(Date.parse(next[9] as string) - Date.parse(next[0] as string)).toBe(9000)
    const all = await runShared(folder, ['schedule', 'next', ...module, '-n', '3', '--json'])
    expect(JSON.parse(all.stdout)).toMatchObject([{ name: 'ticks' }, { name: 'ticks' }, { name: 'ticks' }])
  })

  test('pause, resume, run, remove, add', async () => {
    const folder = project(files)
    const own = (...args: string[]) => runShared(folder, ['schedule', ...args, ...module])
    expect(await own('pause', 'ticks')).toMatchObject({ code: 0, stdout: 'paused ticks\n' })
    expect((await own('list')).stdout).toMatch(/ticks.* paused /)
    expect((await own('next', 'ticks')).stdout).toBe('never\n')
    const beat = start(folder, ['beat', ...module])
    await beat.until(/beat of shop/)
    expect((await own('resume', 'ticks')).stdout).toMatch(/^resumed ticks; next: \S+Z\n$/)
    await beat.until(/Schedule ticks sent add/)
    expect((await own('add', 'often', 'mail', '"me"', '--every', '500ms', '-q', 'mails')).stdout).toMatch(
      /^added often; next: /,
    )
    await beat.until(/Schedule often sent mail/)
    expect(await own('remove', 'often')).toMatchObject({ code: 0, stdout: 'removed often\n' })
    expect(await own('remove', 'ticks')).toMatchObject({
      code: 0,
      stdout: 'removed ticks; the code defines it: the next start of a beat adds it again\n',
    })
    const { stdout } = await own('run', 'nightly')
    expect((await runShared(folder, ['result', stdout.trim(), ...module])).stdout).toMatch(/PENDING/)
  })

  test.each([
    [['remove', 'none'], 'no schedule none; there are nightly, ticks'],
    [
      ['add', 'x', 'add', '--every', '1s', '--cron', '* * * * *'],
      'schedule add: expected one of --cron, --every and --at, got 2',
    ],
    [['add', 'x', 'add'], 'schedule add: expected one of --cron, --every and --at, got none'],
    [['add', 'x', 'add', '--every', '1s', '--tz', 'UTC'], 'schedule add: --tz goes with --cron'],
    [['add', 'ticks', 'add', '--every', '1s'], 'schedule ticks exists already'],
  ])('wrong use is one line and exit code 2: %s', async (args, message) => {
    const ended = await runShared(project(files), ['schedule', ...args, ...module])
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: `celeriac: ${message}\n` })
  })

  test('an impossible expression names its field', async () => {
    const ended = await runShared(project(files), ['schedule', 'add', 'x', 'add', '--cron', '61 2 * * *', ...module])
    expect(ended.code).toBe(2)
    expect(ended.stderr).toMatch(/^celeriac: .*minute.*61.*\n$/)
  })
})
