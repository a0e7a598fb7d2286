import type { JSX } from 'preact'
import { ProblemError } from '../../../client/problem.ts'
import type { JobInputDocument } from '../../../protocol/recordedDocument.ts'
import { client } from '../../api/client.ts'
import { type Resource, useResource } from '../../api/resource.ts'
import { can } from '../../app/session.ts'
import { Loading } from '../../parts/loading.tsx'
import { Problem } from '../../parts/problem.tsx'
import { isEnded } from '../../parts/state.tsx'
import { TitledJson } from '../../parts/text/titledJson.tsx'
import { type KnownJob, viewOf } from './model.ts'
import { Printed } from './result.tsx'

/** What a job was called with, as it is kept; undefined where it is not asked for. */
export type KnownInput = Resource<JobInputDocument | undefined>

/** It is asked for once: where a retry needs it, and where no event has its text. */
export function useInput(id: string, known: KnownJob | undefined): KnownInput {
  const isOver = known !== undefined && isEnded(viewOf(known).state)
  const isAsked = (isOver && can('retry')) || (known?.info && known.history?.job.args === undefined)
  return useResource(
    async (signal) => (isAsked ? client.recorded.input(id, { signal }) : undefined),
    [id, isOver, isAsked],
  )
}

/** Why there is no input to retry the job with; undefined where there may be one. */
export function whyNoInput({ error }: KnownInput): string | undefined {
  return error instanceof ProblemError && error.kind === 'input-not-kept' ? error.message : undefined
}

/** What a job was called with: as it is kept, where the user may see it, else as the recorder prints it. */
export function JobInput({ input, known }: { input: KnownInput; known: KnownJob }): JSX.Element {
  return (
    <section class="card" aria-labelledby="job-given">
      <h2 id="job-given">Input</h2>
      <Kept input={input} known={known} />
    </section>
  )
}

/** Answers that say that it is not kept, or not for this user: the recorder may have its text. */
const EXPECTED: ReadonlySet<string> = new Set(['forbidden', 'input-not-kept', 'unknown-job', 'not-found'])

function Kept({ input: { data, error, isLoading }, known }: { input: KnownInput; known: KnownJob }): JSX.Element {
  if (error && !(error instanceof ProblemError && EXPECTED.has(error.kind))) return <Problem error={error} />
  if (!data) return isLoading ? <Loading /> : <Texts known={known} />
  const { args, kwargs, concealed } = data
  const isEmpty = sizeOf(args) === 0 && sizeOf(kwargs) === 0
  return (
    <>
      {isEmpty && <p class="quiet">It was called without arguments.</p>}
      {sizeOf(args) > 0 && <TitledJson value={args} label="Arguments" />}
      {sizeOf(kwargs) > 0 && <TitledJson value={kwargs} label="Keyword arguments" />}
      {concealed && <p class="quiet">… stands for what a codec or the option sensitive of the task covers.</p>}
    </>
  )
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0
}

/** What the events say of it. */
export function Texts({ known: { history } }: { known: KnownJob }): JSX.Element {
  const { args, kwargs } = history?.job ?? {}
  if (args === undefined && kwargs === undefined)
    return <p class="quiet">It is not kept here, and no event has its text.</p>
  const hasKwargs = kwargs !== undefined && kwargs !== '{}'
  return (
    <>
      {args !== undefined && (args !== '()' || !hasKwargs) && (
        <>
          <h3>Arguments</h3>
          <Printed text={args} label="Arguments" />
        </>
      )}
      {hasKwargs && (
        <>
          <h3>Keyword arguments</h3>
          <Printed text={kwargs} label="Keyword arguments" />
        </>
      )}
    </>
  )
}
