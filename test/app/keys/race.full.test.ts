import { type ChildProcess, spawn } from 'node:child_process'
import { once as event } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { eventually } from '../../wait.ts'
import { type Lab, onEachStore } from '../lab.ts'

const CHILD = join(import.meta.dirname, '..', 'children', 'once.ts')
const PROCESSES = 3
const ROUNDS = 8

function child(lab: Lab, mode: 'call' | 'work', ...more: string[]): { process: ChildProcess; lines: string[] } {
  const args = ['--conditions=source', CHILD, mode, lab.url, lab.backend ?? '', ...more]
  const process_ = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  lab.after(() => process_.kill('SIGKILL'))
  const lines: string[] = []
  createInterface(process_.stdout as NonNullable<typeof process_.stdout>).on('line', (line) => lines.push(line))
  return { process: process_, lines }
}

onEachStore(
  (lab, kind) => {
    test('calls of several processes at once: one job of each key', async () => {
      const start = String(Date.now() + 1500)
      const children = Array.from({ length: PROCESSES }, () => child(lab(), 'call', start, String(ROUNDS)))
      const codes = await Promise.all(children.map(({ process: one }) => event(one, 'close')))
      expect(codes.map(([code]) => code)).toEqual(children.map(() => 0))
      const handles = children.flatMap(({ lines }) => lines.map((line) => JSON.parse(line)))
      const keys = new Map<string, { id: string; sent: boolean }[]>()
      for (const { key, ...handle } of handles) keys.set(key, [...(keys.get(key) ?? []), handle])
      expect(keys.size).toBe(kind === 'rabbitmq' ? ROUNDS : 2 * ROUNDS)
      for (const [key, all] of keys) {
        expect([key, new Set(all.map(({ id }) => id)).size]).toEqual([key, 1])
        expect([key, all.filter(({ sent }) => sent).length]).toEqual([key, 1])
      }
      expect(await lab().app().queueSize()).toBe(ROUNDS)
    })

    if (kind === 'rabbitmq') return
    test('running: a worker that is killed has its key no more after its lease', async () => {
      const app = lab().app({ lease: '1s' })
      const hang = app.task('hang', (key: string) => key, { unique: { while: 'running' } })
      const worker = child(lab(), 'work')
      const first = await hang.delay('a')
      await eventually(
        async () => worker.lines,
        (lines) => lines.includes('a'),
      )
      expect((await hang.delay('a')).id).toBe(first.id)
      worker.process.kill('SIGKILL')
      const second = await eventually(
        () => hang.delay('a'),
        ({ sent }) => sent,
      )
      expect(second.id).not.toBe(first.id)
    })
  },
  { memory: false },
)
