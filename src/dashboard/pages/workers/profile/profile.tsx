import type { JSX } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { client } from '../../../api/client.ts'
import { useValue } from '../../../api/signal.ts'
import { whyNot } from '../../../app/session.ts'
import { Button } from '../../../parts/ask/button.tsx'
import { Choice } from '../../../parts/ask/fields.tsx'
import { Problem } from '../../../parts/problem.tsx'
import { download } from '../../../parts/text/download.ts'
import { duration, percent } from '../../../parts/text/format.ts'
import { visible } from '../../../parts/text/outside.tsx'
import { Moment, now } from '../../../parts/text/time.tsx'
import type { Stacks } from '../useStacks.ts'
import { callTree } from './callTree.ts'
import { FlameGraph } from './flameGraph.tsx'
import { Hottest } from './hottest.tsx'

type RawProfile = Readonly<Record<string, unknown>>

/** A profile that was taken. */
interface Taken {
  readonly profile: RawProfile
  readonly at: number
  /** As `slot 2`. */
  readonly of: string
}

/** Seconds, as the server lets them be. */
const MIN_SECONDS = 1
const MAX_SECONDS = 60

export interface ProfileProps {
  readonly worker: string
  /** Threads or processes that have a profile of their own. */
  readonly slots: number
  /** As far as they were taken: which slot runs what. */
  readonly stacks: Stacks['stacks']
}

/** Take a CPU profile of a worker, and look at it. */
export function Profile({ worker, slots, stacks }: ProfileProps): JSX.Element {
  const [seconds, setSeconds] = useState('5')
  const [slot, setSlot] = useState(slots > 0 ? '1' : '')
  const [end, setEnd] = useState<number>()
  const [error, setError] = useState<Error>()
  const [taken, setTaken] = useState<Taken>()
  const stop = useRef(new AbortController())
  useEffect(() => () => stop.current.abort(), [])
  const length = Number(seconds)
  const isWrong = !Number.isInteger(length) || length < MIN_SECONDS || length > MAX_SECONDS
  const take = async (): Promise<void> => {
    if (isWrong) return
    setError(undefined)
    setEnd(Date.now() + length * 1000)
    const { signal } = stop.current
    try {
      const asked = { seconds: length, ...(slot !== '' && { slot: Number(slot) }) }
      const profile = await client.workers.profile(worker, asked, { signal })
      setTaken({ profile, at: Date.now(), of: slot === '' ? 'the main thread' : `slot ${slot}` })
    } catch (reason) {
      if (!signal.aborted) setError(reason as Error)
    } finally {
      setEnd(undefined)
    }
  }
  return (
    <section class="card">
      <h2>CPU profile</h2>
      <form class="command">
        <label class="field">
          <span>Seconds</span>
          <input
            type="number"
            min={MIN_SECONDS}
            max={MAX_SECONDS}
            value={seconds}
            aria-invalid={isWrong}
            onInput={({ currentTarget }) => setSeconds(currentTarget.value)}
          />
        </label>
        {slots > 0 && <SlotChoice {...{ slots, slot, stacks }} choose={setSlot} />}
        <Button submit disabled={whyNot('control')} onPress={take}>
          Take a profile
        </Button>
        <span role="status">{end !== undefined && <Countdown end={end} />}</span>
        {isWrong && <span class="wrong">A whole number from 1 to 60</span>}
      </form>
      {error && <Problem error={error} />}
      {taken && <Result taken={taken} worker={worker} />}
    </section>
  )
}

interface ChoiceProps extends Omit<ProfileProps, 'worker'> {
  readonly slot: string
  readonly choose: (slot: string) => void
}

function SlotChoice({ slots, slot, stacks, choose }: ChoiceProps): JSX.Element {
  const tasks = new Map([...(stacks?.values() ?? [])].map((one) => [one.slot, one.task]))
  // Tasks with a pool of their own have slots behind those of the worker's pool.
  const last = Math.max(slots, ...[...tasks.keys()].map((number) => number ?? 0))
  const numbers = Array.from({ length: last }, (_, at) => at + 1)
  const words = (number: number): string =>
    tasks.has(number) ? `Slot ${number}: ${visible(tasks.get(number) ?? '').slice(0, 60)}` : `Slot ${number}`
  const slotsOf = numbers.map((number) => [String(number), words(number)] as const)
  return <Choice label="Of" value={slot} of={[...slotsOf, ['', 'Main thread of the worker']]} change={choose} />
}

function Countdown({ end }: { end: number }): JSX.Element {
  const left = Math.ceil((end - useValue(now)) / 1000)
  return <>{left > 0 ? `Taking the profile: ${left} s left` : 'The profile is on its way'}</>
}

function Result({ taken, worker }: { taken: Taken; worker: string }): JSX.Element {
  const [marked, mark] = useState<string>()
  const read = useMemo(() => treeOf(taken.profile), [taken])
  const save = (): void =>
    download(`${worker.replace(/[^\w.-]/g, '_').slice(0, 100)}.cpuprofile`, 'application/json', [
      JSON.stringify(taken.profile),
    ])
  if (read instanceof Error) return <Problem error={read} />
  const { root, idle } = read
  const whole = root.total + idle
  return (
    <div class="profile">
      <div class="row">
        <p>
          {taken.of}, <Moment at={taken.at} />: busy for {duration(root.total)}
          {whole > 0 && ` of ${duration(whole)} (${percent(root.total / whole)})`}
        </p>
        <Button onPress={save}>Download .cpuprofile</Button>
      </div>
      {root.total === 0 ? (
        <p class="quiet">
          The thread did nothing in this time. Take a longer profile, or one of a slot that runs a task.
        </p>
      ) : (
        <div class="profile-parts">
          <FlameGraph key={taken.at} root={root} marked={marked} />
          <Hottest root={root} marked={marked} mark={mark} />
        </div>
      )}
    </div>
  )
}

function treeOf(profile: RawProfile): ReturnType<typeof callTree> | Error {
  try {
    return callTree(profile)
  } catch (error) {
    return error as Error
  }
}
