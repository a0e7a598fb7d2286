import { expect, test } from 'vitest'
import { MemoryNotes } from '../../src/stores/memory/notes.ts'
import { NotedSubmissions } from '../../src/stores/notedSubmissions.ts'
import { FakeClock } from '../../src/testing/app/fakeClock.ts'

/** Move the clock by this many ms, from timer to timer. */
async function advance(clock: FakeClock, ms: number): Promise<void> {
  const end = clock.now() + ms
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve))
    if (clock.next === undefined || clock.next > end) break
    clock.step()
  }
  clock.moveTo(end)
}

/** Several processes that share notes. */
function scene(count: number) {
  const clock = new FakeClock(1_000_000)
  const notes = new MemoryNotes(clock)
  const sent: string[] = []
  const processes = Array.from({ length: count }, () => new NotedSubmissions())
  const submit = (at: number, value: string, expected?: string, fails = false): Promise<boolean> => {
    const note = { key: 'k', value, expires: clock.now() + 86_400_000, expected }
    const send = async (): Promise<boolean> => {
      await Promise.resolve()
      if (fails) throw new Error(`${value} is refused`)
      sent.push(value)
      return true
    }
    return (processes[at] as NotedSubmissions).submit(note, { notes, clock, isShared: true }, send)
  }
  return { clock, notes, sent, submit }
}

test('of several processes one sends, and leaves the note', async () => {
  const { clock, notes, sent, submit } = scene(3)
  const all = Promise.all([submit(0, 'a'), submit(1, 'b'), submit(2, 'c'), submit(0, 'd')])
  await advance(clock, 1000)
  expect((await all).filter(Boolean).length).toBe(1)
  expect([sent.length, await notes.get('k')]).toEqual([1, sent[0]])
})

test('where one fails, the next one sends', async () => {
  const { clock, sent, submit } = scene(2)
  const all = Promise.allSettled([submit(0, 'a', undefined, true), submit(1, 'b')])
  await advance(clock, 1000)
  expect(await all).toMatchObject([{ reason: { message: 'a is refused' } }, { value: true }])
  expect(sent).toEqual(['b'])
})

test('a process that died before the note is in the way for 30 s; then the same is sent again', async () => {
  const { clock, notes, sent, submit } = scene(1)
  await notes.put({ key: 'lock k', value: 'a process that died', expires: clock.now() + 30_000 })
  const waiting = submit(0, 'b')
  await advance(clock, 29_000)
  expect(sent).toEqual([])
  await advance(clock, 2000)
  expect([await waiting, sent]).toEqual([true, ['b']])
})
