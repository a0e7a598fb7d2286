import type { JSX } from 'preact'
import { type Signal, signal, useValue } from '../../api/signal.ts'
import { isVisible } from '../../api/visible.ts'
import { ago, dateTime, duration } from './format.ts'

/** The time, for all texts that say how long ago something was: it goes on each second while the page is visible. */
export const now: Signal<number> = signal(Date.now())
setInterval(() => {
  if (isVisible.value) now.value = Date.now()
}, 1000)

/** A moment, as `3 s ago`; the date and the time as its title. `at`: ISO 8601, or ms since the epoch. */
export function Ago({ at }: { at: string | number | undefined }): JSX.Element {
  const time = useValue(now)
  if (at === undefined) return <span class="quiet">–</span>
  const moment = new Date(at)
  return (
    <time dateTime={moment.toISOString()} title={dateTime(moment)}>
      {ago(moment.getTime(), time)}
    </time>
  )
}

/** A moment as date and time. */
export function Moment({ at }: { at: string | number | undefined }): JSX.Element {
  if (at === undefined) return <span class="quiet">–</span>
  const moment = new Date(at)
  return <time dateTime={moment.toISOString()}>{dateTime(moment)}</time>
}

/** How long something takes that began then and goes on, in whole seconds. */
export function Since({ at }: { at: string | number }): JSX.Element {
  const seconds = Math.max(0, Math.floor((useValue(now) - new Date(at).getTime()) / 1000))
  return <span class="number">{seconds < 60 ? `${seconds} s` : duration(seconds * 1000)}</span>
}
