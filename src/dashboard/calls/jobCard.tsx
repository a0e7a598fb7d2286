import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { JobDocument, JobEvent } from '../../client/client.ts'
import { Button } from '../parts/ask/button.tsx'
import { Problem } from '../parts/problem.tsx'
import { isEnded, State } from '../parts/state.tsx'
import { duration } from '../parts/text/format.ts'
import { Outside, visible } from '../parts/text/outside.tsx'
import { Scrolled } from '../parts/text/scrolled.tsx'
import type { CallApi } from './api.ts'
import { follow } from './follow.ts'
import { shareOf, wordsOf } from './progress.ts'
import { Result } from './result.tsx'

/** Characters of output, and of events, that are kept: the newest. */
const MAX_KEPT = 100_000

/** What a job has shown until now. */
interface View {
  readonly state: string
  readonly words: string
  /** Undefined: it has reported nothing. Null: what it reported is no share. */
  readonly share: number | null | undefined
  readonly output: string
  readonly events: string
  readonly end: JobDocument | undefined
  readonly error: Error | undefined
}

const NEW: View = {
  state: 'PENDING',
  words: '',
  share: undefined,
  output: '',
  events: '',
  end: undefined,
  error: undefined,
}

/** A job that was submitted here: its state and progress as they come, and its end. */
export function JobCard(props: {
  api: CallApi
  id: string
  /** It takes a connection; false: what it shows stays as it is. */
  isFollowed: boolean
  /** To its page. */
  link?: string
  onEnd: () => void
}): JSX.Element {
  const { api, id, isFollowed, link, onEnd } = props
  const [view, setView] = useState(NEW)
  const state = useRef<HTMLSpanElement>(null)
  useEffect(() => {
    if (!isFollowed || view.end) return
    const stop = new AbortController()
    setView(NEW)
    follow(api, id, stop.signal, (event) => setView((before) => withEvent(before, event))).then(
      (end) => {
        // Without a button there is nothing to cancel; the focus stays at the job.
        if (state.current?.parentElement?.querySelector('button') === document.activeElement) state.current?.focus()
        setView((before) => ({
          ...before,
          state: end.state,
          end,
          share: end.state === 'SUCCESS' && before.share !== undefined ? 1 : before.share,
        }))
        onEnd()
      },
      (error) => stop.signal.aborted || setView((before) => ({ ...before, error })),
    )
    return () => stop.abort()
  }, [id, isFollowed])
  const { end, error } = view
  return (
    <article class="card job" aria-label={`Job ${id}`}>
      <div class="row">
        <span class="status" role="status" tabIndex={-1} ref={state}>
          <State state={view.state} />
        </span>
        {link === undefined ? (
          <code class="quiet">{id}</code>
        ) : (
          <a href={link}>
            <code>{id}</code>
          </a>
        )}
        {!end && (
          <span class="push">
            <Button onPress={() => api.client.cancel(id)}>Cancel</Button>
          </span>
        )}
      </div>
      {view.share !== undefined && <progress aria-label="Progress" max={1} value={view.share ?? undefined} />}
      {view.words !== '' && (
        <p class="quiet">
          <Outside text={view.words} />
        </p>
      )}
      {view.output !== '' && (
        <Scrolled label="Output">
          <pre>
            <bdi>{visible(view.output, true)}</bdi>
          </pre>
        </Scrolled>
      )}
      {error && <Problem error={error} />}
      {end && <End api={api} job={end} />}
      <details>
        <summary>Events</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: keys must reach what scrolls. */}
        <pre class="scrolled" role="log" aria-label="Events" tabIndex={0}>
          <bdi>{visible(view.events, true)}</bdi>
        </pre>
      </details>
    </article>
  )
}

function End({ api, job }: { api: CallApi; job: JobDocument }): JSX.Element {
  const took = Date.parse(job.finishedAt ?? '') - Date.parse(job.createdAt ?? '')
  const words = Number.isFinite(took) ? ` in ${duration(Math.max(1, took))}, attempt ${job.attempt}` : ''
  const isGood = job.state === 'SUCCESS'
  return (
    <>
      <h3>
        {isGood ? 'Result' : 'Error'}
        <span class="quiet">{words}</span>
      </h3>
      {isGood ? (
        <Result api={api} id={job.id} />
      ) : (
        <p class="notice">
          <strong>
            <Outside text={job.error?.type ?? 'Error'} />
          </strong>
          {': '}
          <Outside text={job.error?.message ?? ''} length={2000} />
        </p>
      )}
    </>
  )
}

function withEvent(before: View, { id: _, ...event }: JobEvent): View {
  const { type, ...data } = event
  const view = { ...before, events: kept(`${before.events}${type}  ${lineOf(data)}\n`) }
  switch (event.type) {
    case 'state': {
      const words = event.error ? `attempt ${event.attempt}: ${event.error.type}: ${event.error.message}` : view.words
      return { ...view, state: isEnded(event.state) ? view.state : event.state, words }
    }
    case 'progress':
      return { ...view, state: 'STARTED', share: shareOf(event.data) ?? null, words: wordsOf(event.data) }
    case 'chunk':
      return {
        ...view,
        output: kept(view.output + (typeof event.data === 'string' ? event.data : `${lineOf(event.data)}\n`)),
      }
    case 'log':
      return { ...view, output: kept(`${view.output}${event.level} ${event.message}${fieldsOf(event.fields)}\n`) }
    default:
      return view
  }
}

function fieldsOf(fields: unknown): string {
  return typeof fields === 'object' && fields !== null && Object.keys(fields).length > 0 ? ` ${lineOf(fields)}` : ''
}

function lineOf(value: unknown): string {
  return JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? String(item) : item)) ?? ''
}

function kept(text: string): string {
  return text.slice(-MAX_KEPT)
}
