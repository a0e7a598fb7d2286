import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AsyncResult } from '../../../src/calls/asyncResult.ts'
import { eventually } from '../../wait.ts'
import { useLab } from '../lab.ts'

/** What happens to the jobs of a key. */
type Step =
  | { readonly kind: 'call'; readonly key: string; readonly delayed: boolean }
  | { readonly kind: 'end' | 'revoke' | 'promote'; readonly key: string }

const key = fc.constantFrom('a', 'b')
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('call' as const), key, delayed: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('end' as const, 'revoke' as const, 'promote' as const), key }),
  },
)

/** The oracle: the job that was made last for a key, and where it is. */
interface Held {
  readonly handle: AsyncResult
  state: 'waiting' | 'running' | 'done'
}

describe.each(['queued', 'running', 'until-done'] as const)('unique while %s, against an oracle', (phase) => {
  const lab = useLab('memory')

  test('a call makes a job exactly where no other has the key', async () => {
    const app = lab().app()
    const begun = new Map<string, () => void>()
    const task = app.task(
      't',
      (name: string, id: string) => new Promise<string>((end) => begun.set(`${name} ${id}`, () => end(id))),
      {
        unique: { key: (name: string) => name, while: phase },
      },
    )
    await lab().work(app, { concurrency: 100 })
    let count = 0
    const running = (name: string): Promise<unknown> =>
      eventually(
        async () => begun.size,
        () => begun.has(name),
        10_000,
      )
    const play = async (steps: readonly Step[], round: number): Promise<void> => {
      const held = new Map<string, Held & { readonly name: string }>()
      for (const one of steps) {
        const own = `${round} ${one.key}`
        const known = held.get(own)
        if (one.kind === 'call') {
          const id = String(count++)
          const handle = await task.applyAsync([own, id], one.delayed ? { countdown: '1h' } : {})
          const isTaken = known?.state === 'waiting' || (known?.state === 'running' && phase !== 'queued')
          expect([one, handle.sent]).toEqual([one, !isTaken])
          if (isTaken) expect(handle.id).toBe(known?.handle.id)
          else held.set(own, { handle, name: `${own} ${id}`, state: one.delayed ? 'waiting' : 'running' })
          if (handle.sent && !one.delayed) await running(`${own} ${id}`)
        } else if (known && one.kind === 'promote' && known.state === 'waiting') {
          await known.handle.change({ countdown: 0 })
          await running(known.name)
          known.state = 'running'
        } else if (known && one.kind === 'end' && known.state === 'running') {
          begun.get(known.name)?.()
          await known.handle.get({ timeout: '10s' })
          known.state = 'done'
        } else if (known && one.kind === 'revoke' && known.state === 'waiting') {
          await known.handle.revoke()
          known.state = 'done'
        }
      }
    }
    let round = 0
    const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), (steps) => play(steps, round++))
    await fc.assert(property, { numRuns: 25 })
    for (const end of begun.values()) end()
  })
})
