import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { currentTask } from '../../../src/tasks/current.ts'
import { useLab } from '../../app/lab.ts'
import { eventually } from '../../wait.ts'
import { type Ended, project, type Running, run, runShared } from '../harness.ts'
import { shown, startInTerminal } from './pty.ts'

/** The screen is left, the shell's is back, with a cursor; then what the shell writes. */
const RESTORED = '\u001b[?7h\u001b[?25h\u001b[?1049l'
const SANE = 'isig icanon echo '

/** An app that says its process, and throws where it should not when it gets SIGUSR2. */
const TASKS = `
import { Celeriac } from 'celeriac'
import { writeFileSync } from 'node:fs'
export const app = new Celeriac({ name: 'shop' })
writeFileSync('pid', String(process.pid))
process.on('SIGUSR2', () => { throw new Error('out of the blue') })
`

const lab = useLab('sqlite')

/** `celeriac top` on the lab's store. */
function start(...args: string[]): { top: Running; signal: (signal: NodeJS.Signals | 0) => void } {
  const folder = project({ 'tasks.ts': TASKS })
  const top = startInTerminal(folder, ['top', '-A', 'tasks.ts', '-b', lab().url, ...args])
  return { top, signal: (signal) => process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), signal) }
}

/** Resolves with the screen once it has this. */
async function screen(top: Running, pattern: RegExp): Promise<string> {
  return eventually(
    async () => shown(top.stdout).join('\n'),
    (text) => pattern.test(text),
  )
}

describe('at a terminal', () => {
  test('a fleet as it is; keys select, quiet, resume and revoke; another size', async () => {
    const app = lab().app()
    const long = app.task('long', async () => {
      await pause(60_000, undefined, { signal: currentTask()?.signal }).catch(() => undefined)
    })
    const fail = app.task('fail', (text: string, { code }: { code: number }) => {
      throw new RangeError(`${text} ${code}`)
    })
    const worker = await lab().work(app, { hostname: 'w@test', taskEvents: true, heartbeatInterval: 200 })
    const sent = await long.delay()
    const { top, signal } = start()
    const keys = async (text: string): Promise<void> => {
      top.child.stdin?.write(text)
      await pause(0)
    }
    await screen(top, /^ w@test +online +inline +100 +1 +1 +[\d.]+$/m)
    await screen(top, new RegExp(`^ +[\\d.]+ s  long +w@test +${sent.id}$`, 'm'))
    await keys('r')
    await screen(top, /r: select a running task first$/)
    await keys('\u001b[B')
    await screen(top, /^>w@test/m)
    await keys('p')
    await screen(top, /w@test takes no more tasks until p is pressed again\? \(y\/n\)$/)
    // Pasted: no yes.
    await keys('yes')
    await screen(top, /nothing was done$/)
    await keys('p')
    await screen(top, /\(y\/n\)$/)
    await keys('y')
    await screen(top, /^>w@test +quiet /m)
    const waits = await app.send('long')
    await screen(top, /^ celery +1 /m)
    await keys('p')
    await screen(top, /takes tasks again\? \(y\/n\)$/)
    await keys('y')
    await screen(top, /^>w@test +online/m)
    await waits.revoke()
    const failed = await fail.applyAsync(['no', { code: 7 }], { keepInput: true, tags: ['urgent'] })
    await screen(top, /^ +[\d:]+ {2}fail .*no 7/m)
    await keys('jj')
    await screen(top, /^> *[\d:]+ {2}fail .*no 7/m)
    await keys('R')
    await screen(top, new RegExp(`^send ${failed.id} again, as a new job\\? \\(y/n\\)$`, 'm'))
    await keys('y')
    const [, again = ''] = /^sent again as (\S+)$/m.exec(await screen(top, /^sent again as \S+$/m)) ?? []
    expect(await app.result(again).info()).toMatchObject({ task: 'fail' })
    // Above it is what has failed last.
    await screen(top, /fail .*no 7'\)\n> *[\d:]+ {2}fail/)
    await keys('kk')
    await screen(top, /^> +[\d.]+ s {2}long/m)
    top.child.kill('SIGUSR1')
    // The URL may be cut at the first size, too, where the folder of the tests has a long path.
    const small = await eventually(
      async () => shown(top.stdout),
      (lines) => lines.length <= 10,
    )
    expect(small.join('\n')).toMatch(/^celeriac top {2}sqlite:\S*~ [\d:]+ UTC$/m)
    await keys('r')
    await screen(top, /^revoke .*~$/m)
    await keys('y')
    await sent.get({ timeout: '30s' }).catch(() => undefined)
    await screen(top, /^revoked .*~$/m)
    await keys('?')
    await screen(top, /any key: back/)
    signal('SIGCONT')
    await keys('x')
    await screen(top, /\?: keys {2}x: leave/)
    await keys('x')
    const { stdout } = await top.ended
    expect(stdout.slice(stdout.lastIndexOf(RESTORED))).toBe(`${RESTORED}code 0\r\n${SANE}`)
    await worker.stop({ grace: 0 })
  })

  test('each end gives it back as it was', async () => {
    const ends: readonly [end: (top: ReturnType<typeof start>) => unknown, output: RegExp][] = [
      [({ top }) => top.child.stdin?.write('\u0003'), /^code 0\r\n/],
      [({ signal }) => signal('SIGTERM'), /^code 0\r\n/],
      [({ signal }) => signal('SIGUSR2'), /Error: out of the blue[\s\S]*\ncode 1\r\n/],
    ]
    const outputs = ends.map(async ([end]) => {
      const started = start()
      await started.top.until(/asking the workers|no events of tasks/)
      end(started)
      return (await started.top.ended).stdout
    })
    for (const [at, stdout] of (await Promise.all(outputs)).entries()) {
      const after = stdout.slice(stdout.lastIndexOf(RESTORED) + RESTORED.length)
      expect(after).toMatch(ends[at]?.[1] as RegExp)
      expect(after.endsWith(SANE)).toBe(true)
    }
  })

  test('it ends with its terminal', async () => {
    const { top, signal } = start()
    await top.until(/asking the workers|no events of tasks/)
    top.child.kill('SIGKILL')
    // A signal to a process that has gone is an error.
    await eventually(
      async () => signal(0),
      () => false,
    ).catch((error: NodeJS.ErrnoException) => expect(error.code).toBe('ESRCH'))
  })
})

test('without a terminal: once, as text or as JSON', async () => {
  const app = lab().app()
  await lab().work(app, { hostname: 'w@test', heartbeatInterval: 200 })
  const args = ['top', '-b', lab().url]
  // A worker that is slow to answer is silent at first.
  const online = (start: () => Promise<Ended>): Promise<Ended> =>
    eventually(start, ({ stdout }) => /w@test[", ]+(?:"state": *")?online/.test(stdout))
  const [text, json, dumb] = await Promise.all([
    online(() => run(project({}), args)),
    online(() => runShared(project({}), [...args, '--json', '--enable-events'])),
    online(() => startInTerminal(project({}), args, { TERM: 'dumb' }).ended),
  ])
  expect(text).toMatchObject({ code: 0, stderr: '' })
  expect(text.stdout).toMatch(/^ w@test +online +inline/m)
  expect(text.stdout).not.toContain('\u001b')
  expect(JSON.parse(json.stdout)).toMatchObject({
    asked: true,
    workers: [{ name: 'w@test', state: 'online', pool: 'inline', slots: 100, active: 0 }],
    // A question of another of these processes may be held in this moment.
    queues: { queues: [{ name: 'celery', waiting: 0 }], delayed: 0, held: expect.any(Number) },
    running: [],
  })
  expect(dumb.stdout).toMatch(/^ w@test +online +inline/m)
  expect(dumb.stdout).not.toContain('\u001b')
})
