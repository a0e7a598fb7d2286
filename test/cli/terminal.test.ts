import { describe, expect, test } from 'vitest'
import { isFull } from '../tier.ts'
import { project, runShared, send, startAtTerminal, startWorker } from './harness.ts'

/** Text without colours and other marks for the terminal. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out.
  return text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, '')
}

describe('at a terminal', () => {
  test('call --wait shows a bar that grows, then the result', async () => {
    const folder = project()
    await startWorker(folder)
    const { code, stdout } = await startAtTerminal(folder, ['call', 'slow', '10', '--wait']).ended
    const text = plain(stdout)
    const shares = [...text.matchAll(/\[[#-]{30}\] (\d+) %/g)].map((match) => Number(match[1]))
    expect(shares.length).toBeGreaterThan(2)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(text).toMatch(/\r10\r\n$/)
    expect(code).toBe(0)
  })

  test('a worker writes lines for people, with the traceback, and says what Ctrl-C does', async () => {
    const folder = project()
    const worker = startAtTerminal(folder, ['worker', '-A', 'tasks.ts'])
    await worker.until(/ready/)
    await send(folder, 'boom', [], { taskId: 'b1' })
    await worker.until(/at .*tasks\.ts/)
    expect(plain(worker.stdout)).toMatch(
      /\[\d\d:\d\d:\d\d\.\d{3}\] ERROR: Task boom\[b1\] failed in \S+: TypeError: no such thing\r\n +at /,
    )
    await send(folder, 'slow', [10], { taskId: 's1' })
    await worker.until(/slow\[s1\] received/)
    worker.child.stdin?.write('\u0003')
    const { code, stdout } = await worker.ended
    expect(stdout).toContain('\nstopping: 1 task runs, waiting at most 25 s')
    expect(stdout).toMatch(/slow\[s1\] succeeded/)
    expect(code).toBe(0)
  })

  test('purge asks first', async () => {
    const folder = project()
    await send(folder, 'add', [1, 2])
    for (const [answer, left] of [
      ['n', 1],
      ['y', 0],
    ] as const) {
      const purge = startAtTerminal(folder, ['purge'])
      await purge.until(/\[y\/N\] /)
      expect(purge.stdout).toContain('Drop all of celery (1 message waiting), and what is delayed there?')
      purge.child.stdin?.write(`${answer}\r`)
      const { code, stdout } = await purge.ended
      expect(code).toBe(0)
      expect(stdout).toContain(answer === 'n' ? 'nothing was dropped' : 'celery: 1 message dropped')
      expect(JSON.parse((await runShared(folder, ['status', '--json'])).stdout).queues).toEqual({ celery: left })
    }
  })

  test('Ctrl-C in --wait ends the wait, and says that the task goes on', async () => {
    const folder = project()
    const call = startAtTerminal(folder, ['call', 'forever', '--task-id', 'f1', '--wait'])
    await call.until(/PENDING/)
    call.child.stdin?.write('\u0003')
    const { code, stdout } = await call.ended
    expect(plain(stdout)).toContain('celeriac: the wait was interrupted; task f1 goes on (celeriac result f1 --wait')
    expect(code).toBe(1)
    expect((await runShared(folder, ['result', 'f1'])).stdout).toContain('PENDING')
  })

  test('a beat writes one line for each run', async () => {
    const folder = project({
      'tasks.ts': `
import { Celeriac, every } from 'celeriac'
export const app = new Celeriac({ name: 'shop' })
app.schedule('ticks', every('200ms'), 'tick')
`,
    })
    const beat = startAtTerminal(folder, ['beat', '-A', 'tasks.ts'])
    await beat.until(/(?:sent tick[\s\S]*){3}/)
    beat.child.stdin?.write('\u0003')
    const { code, stdout } = await beat.ended
    expect(code).toBe(0)
    expect(plain(stdout)).toMatch(
      /beat ready: 1 entry in \S+\r\n(?:beat of .*\r\n)?(?:\[[\d:.]+\] INFO: Schedule ticks sent tick\[\S+\]\r\n){3}/,
    )
  })

  if (isFull)
    test('purge: Ctrl-C and Ctrl-D are no', async () => {
      const folder = project()
      await send(folder, 'add', [1, 2])
      for (const key of ['\u0003', '\u0004']) {
        const purge = startAtTerminal(folder, ['purge'])
        await purge.until(/\[y\/N\] /)
        purge.child.stdin?.write(key)
        const { code, stdout } = await purge.ended
        expect(code).toBe(0)
        expect(stdout).not.toContain('Abort')
        expect(JSON.parse((await runShared(folder, ['status', '--json'])).stdout).queues).toEqual({ celery: 1 })
      }
    })

  test('shell: await, and the tasks at hand', async () => {
    const folder = project()
    await startWorker(folder)
    const shell = startAtTerminal(folder, ['shell', '-A', 'tasks.ts'])
    await shell.until(/> /)
    expect(shell.stdout).toContain('app shop, tasks: add, boom, forever, measure, reports.render, slow, stray')
    shell.child.stdin?.write('t = await add.delay(20, 22)\r')
    await shell.until(/AsyncResult \{/)
    shell.child.stdin?.write('(await t.get()) * 1000\r')
    await shell.until(/42000/)
    shell.child.stdin?.write('.exit\r')
    expect((await shell.ended).code).toBe(0)
  })
})
