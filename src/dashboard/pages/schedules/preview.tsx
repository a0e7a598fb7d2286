import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { ScheduleMomentsDocument } from '../../../protocol/scheduleDocument.ts'
import { client } from '../../api/client.ts'
import { problemText } from '../../parts/problemText.ts'
import { Outside } from '../../parts/text/outside.tsx'
import { type Draft, momentsAsked } from './draft.ts'
import { NextRuns } from './nextRuns.tsx'

const NEXT = 10
/** The server is asked when the user has not typed for this time, ms. */
const PAUSE_MS = 250

/** When the schedule of the form would be due, as the server computes it; or what is wrong with it. */
export function Preview({ draft }: { draft: Draft }): JSX.Element {
  const { when, ...limits } = momentsAsked(draft)
  const asked = JSON.stringify([when, limits])
  const [found, setFound] = useState<ScheduleMomentsDocument>()
  const [error, setError] = useState<Error>()
  useEffect(() => {
    const stop = new AbortController()
    const ask = async (): Promise<void> => {
      try {
        setFound(await client.schedules.moments(when, { ...limits, next: NEXT, signal: stop.signal }))
        setError(undefined)
      } catch (thrown) {
        if (!stop.signal.aborted) setError(thrown as Error)
      }
    }
    const timer = setTimeout(() => void ask(), PAUSE_MS)
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, [asked])
  if (error) {
    const { title, detail = title } = problemText(error)
    return (
      <p class="notice" role="status">
        <Outside text={detail.replace(/^schedule: /, '')} length={500} />
      </p>
    )
  }
  return found ? <NextRuns when={when} next={found.next} /> : <p class="quiet">Next runs…</p>
}
