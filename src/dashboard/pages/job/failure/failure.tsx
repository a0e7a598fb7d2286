import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { ProblemError } from '../../../../client/problem.ts'
import { client } from '../../../api/client.ts'
import { useResource } from '../../../api/resource.ts'
import { Button } from '../../../parts/ask/button.tsx'
import { Problem } from '../../../parts/problem.tsx'
import { Copy } from '../../../parts/text/copy.tsx'
import { counted } from '../../../parts/text/format.ts'
import { Outside, OutsideBlock } from '../../../parts/text/outside.tsx'
import { isMissing, type KnownJob, viewOf } from '../model.ts'
import { readTraceback, type StackFrame, type TracedError } from './traceback.ts'

/** Why a job failed, or is tried again: its error, the calls that led there, and its causes. */
export function JobFailure({ known }: { known: KnownJob }): JSX.Element | null {
  const { error, state, id } = viewOf(known)
  if (!error || state === 'SUCCESS') return null
  const { type, message } = error
  const own = known.history?.job.traceback
  return (
    <section class="card job-error" aria-labelledby="job-error">
      <h2 id="job-error">{state === 'REVOKED' ? 'Why it was revoked' : state === 'RETRY' ? 'Last error' : 'Error'}</h2>
      <Head type={type} message={message} />
      {message === '…' && <p class="quiet">The text is covered by a codec, or by the option sensitive of the task.</p>}
      {own !== undefined ? (
        <Traceback text={own} first={type} />
      ) : (
        state === 'FAILURE' && known.info && <StoredTraceback id={id} first={type} />
      )}
    </section>
  )
}

function Head({ type, message }: { type: string; message: string }): JSX.Element {
  return (
    <div class="job-error-head">
      <strong>
        <Outside text={type === '' ? 'Error' : type} />
      </strong>
      {message !== '' && <OutsideBlock text={message} label="Message" />}
    </div>
  )
}

/** Where no recorder has it: the record has it for operators. */
function StoredTraceback({ id, first }: { id: string; first: string }): JSX.Element | null {
  const { data, error } = useResource((signal) => tracebackOf(id, signal), [id])
  if (error && !isMissing(error)) return <Problem error={error} />
  return typeof data === 'string' ? <Traceback text={data} first={first} /> : null
}

async function tracebackOf(id: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    await client.job(id).result({ signal })
    return undefined
  } catch (error) {
    if (!(error instanceof ProblemError) || error.kind !== 'job-failed') throw error
    const { traceback } = (error.problem.error ?? {}) as { traceback?: unknown }
    return typeof traceback === 'string' ? traceback : undefined
  }
}

function Traceback({ text, first }: { text: string; first: string }): JSX.Element {
  const [isRaw, setRaw] = useState(false)
  const errors = readTraceback(text)
  const isShownRaw = isRaw || errors.length === 0
  return (
    <div class="job-traceback">
      <div class="row">
        <h3>Traceback</h3>
        {errors.length > 0 && (
          <Button pressed={isRaw} onPress={() => setRaw(!isRaw)}>
            As text
          </Button>
        )}
        <Copy text={text} label="Copy the traceback" />
      </div>
      {isShownRaw ? (
        <OutsideBlock text={text} label="Traceback" />
      ) : (
        errors.map((error, at) => <Traced key={`${at} ${error.type}`} error={error} isFirst={at === 0} first={first} />)
      )}
    </div>
  )
}

const RELATIONS = { cause: 'Caused by', context: 'While this was handled' } as const

function Traced({ error, isFirst, first }: { error: TracedError; isFirst: boolean; first: string }): JSX.Element {
  // The first one stands above already; in Python its class may be named with its module.
  const isAbove = isFirst && (error.type === first || error.type.endsWith(`.${first}`))
  return (
    <section class="job-traced" aria-label={isFirst ? 'Error' : RELATIONS[error.relation ?? 'cause']}>
      {!isFirst && <h4>{RELATIONS[error.relation ?? 'cause']}</h4>}
      {!isAbove && <Head type={error.type} message={error.message} />}
      <ol class="job-frames">
        {runsOf(error.frames).map((frames) =>
          frames[0]?.isLibrary ? (
            <li key={frames[0].place}>
              <details>
                <summary>{counted(frames.length, 'library frame')}</summary>
                <ol class="job-frames">
                  {frames.map((frame, at) => (
                    <Frame key={`${at} ${frame.place}`} frame={frame} />
                  ))}
                </ol>
              </details>
            </li>
          ) : (
            frames.map((frame, at) => <Frame key={`${at} ${frame.place}`} frame={frame} />)
          ),
        )}
      </ol>
    </section>
  )
}

/** Frames of the application, and of libraries, in their order. */
function runsOf(frames: readonly StackFrame[]): readonly (readonly StackFrame[])[] {
  const runs: StackFrame[][] = []
  for (const frame of frames) {
    const last = runs.at(-1)
    if (last?.[0]?.isLibrary === frame.isLibrary) last.push(frame)
    else runs.push([frame])
  }
  return runs
}

function Frame({ frame: { name, place, code, isLibrary } }: { frame: StackFrame }): JSX.Element {
  return (
    <li class={isLibrary ? 'quiet' : undefined}>
      {name !== '' && (
        <>
          <Outside text={name} />{' '}
        </>
      )}
      <span class="quiet">
        <Outside text={place} length={300} />
      </span>
      {code !== undefined && (
        <code>
          <Outside text={code} length={300} />
        </code>
      )}
    </li>
  )
}
