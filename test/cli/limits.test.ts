import { describe, expect, test } from 'vitest'
import { emptyRabbit } from '../rabbitmq/shared.ts'
import { project, run, runShared } from './harness.ts'

/** With limits, some of which are in use or paused when it is loaded: what is in memory is there for one command. */
const TASKS = `
import { Celeriac } from 'celeriac'
export const app = new Celeriac({ broker: process.env.STORE ?? 'memory:', queues: { slow: { concurrency: 2 } } })
app.limit('github', { rate: '5000/h', burst: 10, breaker: { failures: 1, within: '1m', pause: '1h' } })
app.task('mail.send', () => undefined, { concurrency: { limit: 3, key: (tenant) => tenant } })
app.task('sync', () => undefined, { uses: 'github', queue: 'slow' })
if (!process.env.STORE) {
  await app.tasks.get('mail.send').delay('acme')
  await app.tasks.get('sync').delay()
  await app.limits.pause({ queue: 'slow' })
  await app.limits.pause({ task: 'mail.send', key: 'acme' })
  // The store is in use already.
  app.configure = () => undefined
}
`
const celeriac = (folder: string, ...args: string[]) => runShared(folder, [...args, '-A', 'tasks.ts'])

describe('pause, resume, hold-back, limits', () => {
  test('what is listed, as a table and as JSON', async () => {
    const folder = project({ 'tasks.ts': TASKS })
    const { stdout, code } = await celeriac(folder, 'limits')
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['LIMIT', 'KEY', 'HELD', 'RATE', 'WAITING', 'UNTIL', 'PAUSED', 'BREAKER'],
      ['github', '-', '0', '5000/h, burst 10', '1', '-', '-', 'closed'],
      ['queue:slow', '-', '0/2', '-', '1', '-', 'paused', '-'],
      ['task:mail.send', '-', '0', '-', '1', '-', '-', '-'],
      ['task:mail.send:concurrency', 'acme', '0/3', '-', '1', '-', 'paused', '-'],
      ['task:sync', '-', '0', '-', '1', '-', '-', '-'],
      [''],
    ])
    const json = await celeriac(folder, 'limits', '--paused', '--json', '--rule', 'queue:slow')
    expect(JSON.parse(json.stdout)).toEqual({
      limits: [{ rule: 'queue:slow', key: '', limit: { concurrency: 2 }, held: 0, paused: true, waiting: 1 }],
    })
    expect([code, json.code, json.stderr]).toEqual([0, 0, ''])
    const status = await celeriac(folder, 'status')
    expect(status.stdout).toMatch(/^paused: {4}queue slow, task mail[.]send, concurrency of acme$/m)
  })

  test('each target; what is so already; what is not known', async () => {
    const folder = project({ 'tasks.ts': TASKS })
    const said: readonly (readonly [args: string, stdout: string, stderr?: string])[] = [
      ['pause queue celery', 'queue celery is paused\n'],
      ['pause queue slow', 'queue slow is paused, as before\n'],
      ['resume task mail.send --key acme', 'task mail.send, key acme is not paused\n'],
      ['resume task sync', 'task sync is not paused, as before\n'],
      ['pause limit github', 'limit github is paused\n'],
      ['pause task send', 'task send is paused\n', 'task send: the app knows no such task (did you mean mail.send?)'],
      ['pause queue slo', 'queue slo is paused\n', 'queue slo: the app knows no such queue (did you mean slow?)'],
      ['pause limit gitlab', 'limit gitlab is paused\n', 'limit gitlab: the store knows no such limit'],
    ]
    const ended = await Promise.all(said.map(([args]) => celeriac(folder, ...args.split(' '))))
    expect(ended).toEqual(
      said.map(([, stdout, warning]) => ({
        ...{ code: 0, stdout },
        stderr: warning === undefined ? '' : `celeriac: warning: ${warning}\n`,
      })),
    )
    const held = await celeriac(folder, 'hold-back', 'limit', 'github', '1h')
    expect(held.stdout).toMatch(/^limit github is held back until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$/)
  })

  test('wrong use: exit code 2 and one line', async () => {
    const folder = project({ 'tasks.ts': TASKS })
    const wrong: readonly (readonly [args: string, line: RegExp])[] = [
      ['pause', /missing required argument 'kind'/],
      ['pause worker a', /'worker' is invalid.*Allowed choices are queue, task, limit/],
      ['pause queue slow --key a', /--key: expected a task, got queue slow/],
      ['pause task sync --key a', /task sync: key: expected a task with a key: .*, got one without$/m],
      ['pause task other --key a', /task other: key: expected .*, got one that is not defined here$/m],
      ['pause limit queue:slow', /limit: expected a name that does not begin with queue:/],
      ['hold-back queue slow 1s', /'queue' is invalid/],
      ['hold-back task sync 5', /'5' is invalid.*with its unit/],
      ['limits -n 0', /'0' is invalid/],
      ['control pause worker a', /pause: expected queue, task or limit, got worker/],
      ['control pause queue', /pause: expected the arguments <queue[|]task[|]limit> <name> \[key\], got queue/],
      ['control resume queue', /resume: expected the arguments \[<queue/],
    ]
    const ended = await Promise.all(wrong.map(([args]) => celeriac(folder, ...args.split(' '))))
    for (const [at, { code, stdout, stderr }] of ended.entries()) {
      expect(stderr).toMatch(wrong[at]?.[1] as RegExp)
      expect([code, stdout, stderr.match(/\n/g)?.length]).toEqual([2, '', 1])
    }
  })

  test('a broker that keeps no limits: what to do', async () => {
    const args = ['-b', await emptyRabbit(), '--result-backend', 'memory:']
    const { code, stderr } = await runShared(project({}), ['pause', 'queue', 'celery', ...args])
    expect(stderr).toMatch(
      /^celeriac: amqp:\S+ keeps no limits: set the app's option limits to the URL of a store .*\n$/,
    )
    expect(code).toBe(2)
  })
})

describe('a store that processes share', () => {
  test('what one process pauses the next one sees, in status and doctor too, until it is resumed', async () => {
    const folder = project({ 'tasks.ts': TASKS })
    const on = (...args: string[]) => runShared(folder, [...args, '-A', 'tasks.ts'], { env: { STORE: 'sqlite:t.db' } })
    await on('pause', 'queue', 'slow')
    await on('pause', 'task', 'mail.send', '--key', 'acme')
    const alone = (...args: string[]) => run(folder, [...args, '-A', 'tasks.ts'], { env: { STORE: 'sqlite:t.db' } })
    expect((await alone('limits', '--paused')).stdout.match(/ paused/g)).toHaveLength(2)
    expect((await alone('status')).stdout).toMatch(/^paused: {4}queue slow, task mail[.]send, concurrency of acme$/m)
    const doctor = await on('doctor')
    expect(doctor.stdout).toMatch(/^paused: queue slow .*: celeriac resume queue slow; /m)
    expect(doctor.stderr).toBe('give these commands -A, too\n')
    await on('resume', 'queue', 'slow')
    await on('resume', 'task', 'mail.send', '--key', 'acme')
    expect((await on('limits', '--paused')).stdout).toBe('none\n')
    await on('hold-back', 'limit', 'github', '2h')
    expect((await on('resume', 'limit', 'github')).stdout).toMatch(
      /^limit github is not paused, as before; it is held back until \S+Z\n$/,
    )
    const status = await on('status')
    expect(status.stdout).not.toMatch(/paused/)
    expect(status.stdout).toMatch(/^held back: limit github until \S+Z$/m)
    expect((await on('hold-back', 'limit', 'github', '0s')).stdout).toBe('limit github is not held back\n')
    const unknown = await on('pause', 'limit', 'github')
    expect(unknown.stderr).toBe('')
  })
})
